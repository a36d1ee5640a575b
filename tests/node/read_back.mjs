// What the readers of @huggingface/gguf and @huggingface/hub make of files: one JSON object a file
// on stdout. Usage: node read_back.mjs FOLDER_OF_NODE_MODULES FILE...
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, ...files] = process.argv.slice(2);
const require = createRequire(pathToFileURL(modules + '/'));
const load = (name) => import(pathToFileURL(require.resolve(name)));

// The hub's reader asks a server; this one has a folder, and gives ranges of its files.
const server = (folder) => async (url, init) => {
    const range = new Headers(init?.headers).get('Range')?.match(/bytes=(\d+)-(\d+)/);
    let file;
    try {
        file = await open(folder + '/' + basename(new URL(url).pathname));
    } catch {
        return new Response('', { status: 404, headers: { 'X-Error-Code': 'EntryNotFound' } });
    }
    const { size } = await file.stat();
    const from = range ? Number(range[1]) : 0;
    const to = Math.min(range ? Number(range[2]) + 1 : size, size);
    const bytes = new Uint8Array(to - from);
    await file.read(bytes, 0, bytes.length, from);
    await file.close();
    return new Response(bytes, {
        status: range ? 206 : 200,
        headers: { 'Content-Range': `bytes ${from}-${to - 1}/${size}`, ETag: '"x"' },
    });
};

async function readGguf(path) {
    const { gguf } = await load('@huggingface/gguf');
    const g = await gguf(path, { allowLocalFile: true, typedMetadata: true });
    const keys = {};
    for (const [key, v] of Object.entries(g.typedMetadata)) {
        if (!['version', 'tensor_count', 'kv_count'].includes(key))
            keys[key] = { type: v.type, element: v.subType ?? 0, value: v.value };
    }
    const tensors = {};
    for (const t of g.tensorInfos) {
        tensors[t.name] = {
            type: t.dtype,
            shape: [...t.shape].reverse(),
            begin: g.tensorDataOffset + t.offset,
        };
    }
    return { version: g.metadata.version, littleEndian: g.littleEndian, keys, tensors };
}

async function readSafetensors(path) {
    const { parseSafetensorsMetadata } = await load('@huggingface/hub');
    const { header } = await parseSafetensorsMetadata({
        repo: 'here/it-is',
        path: basename(path),
        fetch: server(dirname(path)),
    });
    // Of the JSON, the reader says all but where the data begins: that is behind the header.
    const file = await open(path);
    const length = new Uint8Array(8);
    await file.read(length, 0, 8, 0);
    await file.close();
    const data = 8 + Number(new DataView(length.buffer).getBigUint64(0, true));
    const tensors = {};
    for (const [name, t] of Object.entries(header)) {
        if (name !== '__metadata__')
            tensors[name] = {
                type: t.dtype,
                shape: t.shape,
                begin: data + t.data_offsets[0],
                end: data + t.data_offsets[1],
            };
    }
    return { keys: header.__metadata__ ?? {}, tensors };
}

for (const path of files) {
    const found = path.endsWith('.gguf') ? await readGguf(path) : await readSafetensors(path);
    console.log(JSON.stringify(found, (_, v) => (typeof v === 'bigint' ? v.toString() : v)));
}
