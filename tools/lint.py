#!/usr/bin/env python3
"""The rules of the house that a machine can check. Prints what breaks them; exit status 1 if any.

* source files are plain ASCII, without tabs, trailing blanks or carriage returns
* the version is written in include/aka/version.hpp and nowhere else
* CMake and Meson name the same files, and these are the files on disk
* no path of somebody's machine
* no name in a header that <windows.h> makes a macro of
* a header includes only headers of lower floors, or earlier ones of its own
* a header is one idea: a warning past 600 lines
* include/single/ and module/ are fresh
"""
import pathlib
import re
import subprocess
import sys
from posixpath import dirname, normpath

from version import ROOT, version

# From the ground up. A header may include those before it; two in one tuple know nothing of each
# other.
FLOORS = [
    'version', 'config', 'windows',
    'error', 'span', 'bytes', 'arena', 'atomic', 'path',
    'dtype', 'byte_order', 'shape', 'box', 'box_list',
    'name_index', 'roles', 'role_set', 'layout', 'parts', 'fold', 'convention',
    'conventions_hf', 'conventions_own', 'conventions_gguf', 'conventions_foreign', 'conventions',
    'table_text', 'table_layout', 'table_index', 'table_overlaps', 'table_rows', 'table_compiler',
    'names',
    'json', 'metadata', 'raw_file', 'extents', 'journal', 'mapped_file', 'store', 'tensor',
    'tensor_list',
    'numbered_name', 'shard_index',
    ('safetensors', 'gguf'),
    'metadata_edits', 'write_header', ('write_safetensors', 'write_gguf'),
    'checkpoint',
    'hparam_sources', 'hparam_table', 'hparams', 'forward_hparams', 'gguf_hparam_keys',
    'inference', 'infer_words', 'infer_puzzle', 'text_writer', 'infer_layers', 'infer_units',
    'infer_model', 'infer_norms', 'infer_matrices', 'infer_doubts', 'infer_table', 'infer_report',
    'infer',
    'renamed_as', 'identify', 'coordinate_map', 'rope_factors', 'target', 'adapter', 'places', 'source_tensors', 'block_scales', 'compose', 'adapt', 'llama',
    'copy_range', 'real_path', 'output_file', 'edit_in_place',
    'cpu', 'vec8', 'convert', 'convert_vec8', 'dequantize_grids', 'dequantize_blocks', 'dequantize_vec8',
    'dequantize', 'convert_tensor', 'validate_blocks',
    'read_pieces', 'huge_pages', 'load_pace', 'load_parts', 'load_block', 'load', 'load_sink', 'load_memory', 'load_threads', 'read_ahead', 'loading',
    'quant_settings', 'part_window', 'parts_rows', 'parts_columns', 'parts_bnb', 'part_form',
    'part_sizes', 'part_binder', 'dequantize_parts',
    'renamed', 'rename_rules', 'provenance', 'rewrite_steps', 'rewrite_plan', 'rewrite_files',
    'folder_files', 'write_files', 'rewrite_in_place', 'verify_rewrite',
    'aka', 'tools',
    'interop/elements', ('interop/dlpack', 'interop/eigen', 'interop/ggml', 'interop/mdspan'),
    'interop',
]

TEXT = {'.hpp', '.cpp', '.cppm', '.in', '.py', '.txt', '.build', '.json', '.md', '.yml', '.sh', '.mjs', ''}
PROSE = {'.md'}  # may hold more than ASCII
MACHINE = re.compile(r'(?<![\w.}>)])/(?:work|root|home|tmp)/[\w.]')
WINDOWS = re.compile(r'\b(?:near|far|small|hyper|interface)\b')
PROSE_OF_CODE = re.compile(r'//.*|"(?:[^"\\]|\\.)*"')
LONGEST = 600

bad = []
warnings = []


def say(path, line, text):
    where = path.relative_to(ROOT).as_posix() if path else 'lint'
    bad.append('%s:%s %s' % (where, '%d:' % line if line else '', text))


def sources():
    """Every text file of the project but the samples and what is built."""
    for path in sorted(ROOT.rglob('*')):
        parts = path.relative_to(ROOT).parts
        if parts[0] in ('.git', 'build', '.cache') or parts[0].startswith('build-'):
            continue
        if parts[:2] == ('tests', 'data') and path.suffix not in ('.py', '.cpp'):
            continue
        if 'corpus' in parts or '__pycache__' in parts or not path.is_file():
            continue
        if path.suffix in TEXT:
            yield path


def check_text():
    single = ROOT / 'include/single'
    number = re.compile(r'(?<![\d.])%s(?![\d.]*\d)' % re.escape(version()))
    for path in sources():
        data = path.read_bytes()
        if b'\r' in data:
            say(path, 0, 'carriage returns')
        if data and not data.endswith(b'\n'):
            say(path, 0, 'no newline at the end')
        for n, raw in enumerate(data.split(b'\n'), 1):
            line = raw.decode('utf-8', 'replace')
            if path.suffix not in PROSE and any(byte > 126 for byte in raw):
                say(path, n, 'not ASCII')
            if b'\t' in raw:
                say(path, n, 'tab')
            if raw != raw.rstrip() and path.suffix not in PROSE:
                say(path, n, 'trailing blanks')
            if MACHINE.search(line):
                say(path, n, 'a path of one machine: ' + MACHINE.search(line).group())
            prose = path.suffix in PROSE or path.parent == single
            if not prose and path != ROOT / 'include/aka/version.hpp' and number.search(line):
                say(path, n, 'the version belongs in include/aka/version.hpp alone')


def cmake_list(path, name):
    found = re.search(r'set\(%s\s([^)]*)\)' % name, path.read_text())
    if not found:
        say(path, 0, 'no set(%s ...)' % name)
        return []
    return found.group(1).split()


def meson_list(path, name):
    found = re.search(r'^%s = \[([^\]]*)\]' % name, path.read_text(), re.M)
    if not found:
        say(path, 0, 'no %s = [...]' % name)
        return []
    return re.findall(r"'([^']*)'", found.group(1))


def check_lists():
    for folder, in_cmake, in_meson, pattern in [
            ('tests', 'AKA_TEST_SOURCES', 'test_sources', 'tests/*.cpp'),
            ('tests', 'AKA_HEADERS', 'headers', 'include/aka/**/*.hpp'),
            ('tests', 'AKA_SINGLE_HEADERS', 'single_headers', 'include/single/*.hpp'),
            ('examples', 'AKA_EXAMPLE_SOURCES', 'example_sources', 'examples/*.cpp'),
            ('bench', 'AKA_BENCH_SOURCES', 'bench_sources', 'bench/*.cpp')]:
        cmake = ROOT / folder / 'CMakeLists.txt'
        a = cmake_list(cmake, in_cmake)
        b = meson_list(ROOT / folder / 'meson.build', in_meson)
        base = ROOT / pattern[:pattern.index('/*') + 1]
        disk = {path.relative_to(base).with_suffix('').as_posix() for path in ROOT.glob(pattern)}
        if folder == 'examples':
            disk |= {path.parent.name for path in ROOT.glob('examples/*/main.cpp')}
        if folder == 'tests' and pattern.startswith('tests'):
            disk.discard('main')
        for left, right, text in [(a, b, 'in CMake, not in Meson'), (b, a, 'in Meson, not in CMake'),
                                  (a, disk, 'in the list, not on disk'),
                                  (disk, a, 'on disk, not in the list')]:
            for name in sorted(set(left) - set(right)):
                say(cmake, 0, '%s of %s: %s' % (name, pattern, text))
        if a != b and set(a) == set(b):
            say(cmake, 0, '%s and %s have another order' % (in_cmake, in_meson))


def check_floors():
    height = {}
    for n, floor in enumerate(FLOORS):
        for name in (floor,) if isinstance(floor, str) else floor:
            height[name] = n
    for path in sorted((ROOT / 'include/aka').rglob('*.hpp')):
        name = path.relative_to(ROOT / 'include/aka').with_suffix('').as_posix()
        if name not in height:
            say(path, 0, 'not in FLOORS of tools/lint.py')
            continue
        text = path.read_text(encoding='utf-8')
        guard = 'AKA_%s_HPP' % re.sub(r'\W', '_', name).upper()
        if not re.search(r'^#ifndef %s\n#define %s$' % (guard, guard), text, re.M):
            say(path, 0, 'the guard is not %s' % guard)
        if '#pragma once' in text:
            say(path, 0, '#pragma once, where a guard belongs')
        for n, line in enumerate(text.splitlines(), 1):
            found = re.match(r'#\s*include\s*"([^"]+)\.hpp"', line)
            if found and height.get(normpath(dirname(name) + '/' + found.group(1)).lstrip('/'),
                                    len(FLOORS)) >= height[name]:
                say(path, n, '%s does not stand below %s' % (found.group(1), name))
            if re.match(r'#\s*include\s*[<"]aka/', line):
                say(path, n, 'headers include each other as "name.hpp"')
            found = WINDOWS.search(PROSE_OF_CODE.sub('', line))
            if found:
                say(path, n, '%s is a macro of <windows.h>' % found.group())
        lines = text.count('\n')
        if lines > LONGEST:
            warnings.append('warning: %s has %d lines, one idea fits in %d'
                            % (path.relative_to(ROOT), lines, LONGEST))


def check_single():
    done = subprocess.run([sys.executable, str(ROOT / 'tools/amalgamate.py'), '--check'],
                          text=True, capture_output=True)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).splitlines()
        bad.append('\n'.join(lines[:40] + ['...'] * (len(lines) > 40)))
        bad.append('include/single or module: stale; run tools/amalgamate.py')


def main():
    check_text()
    check_lists()
    check_floors()
    check_single()
    for line in warnings + bad:
        print(line)
    if not bad:
        print('lint: fine')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
