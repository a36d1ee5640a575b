#!/usr/bin/env python3
"""Writes the sample checkpoints of this folder: tiny, random, the same on every machine.

    make_samples.py           write them
    make_samples.py --check   exit 1 if the committed files are not what this would write

yi, llama-sharded and llama.gguf hold one and the same model under three spellings; baichuan holds
another one. Nothing here uses aka: the tests compare what aka reads with what this wrote.
"""

import json
import math
import os
import random
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ("yi", "llama-sharded", "baichuan")
LIMIT = 200 * 1000

N_LAYER = 2
N_EMBD = 32
N_FF = 64
N_HEAD = 4
HEAD_DIM = 8
NORM_EPS = 1e-5
ROPE_THETA = 10000.0

# Pieces of a SentencePiece vocabulary: (text, type); types are GGUF's. Long pieces come with the
# halves they are merged from, so that a tokenizer can reach them; "_" stands for U+2581.
UNKNOWN, CONTROL, BYTE, NORMAL = 2, 3, 6, 1
VOCABULARY = (
    [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL), ("<0x0A>", BYTE), ("<0x20>", BYTE)]
    + [(piece.replace("_", "\u2581"), NORMAL) for piece in (
        "_t he _the er in on na me name _name or es _a re _o is _is "
        "_ e t a o i n s r h l d u m c p . \u00e9").split(" ")]
)
N_VOCAB = len(VOCABULARY)


# --- one model, by role ---------------------------------------------------------------------------

class Tensor:
    def __init__(self, shape, values):
        self.shape = list(shape)
        self.values = values

    def rows(self, first, n):
        width = self.shape[1]
        return Tensor([n, width], self.values[first * width:(first + n) * width])


def f16(value):
    """The value that a binary16 keeps of it."""
    return struct.unpack("<e", struct.pack("<e", value))[0]


def make_model(seed, n_head_kv):
    source = random.Random(seed)

    def tensor(*shape):
        scale = 0.2 if len(shape) == 1 else 1.7 / math.sqrt(shape[-1])
        centre = 1.0 if len(shape) == 1 else 0.0
        # random() alone: the other methods of random.Random may change between versions.
        n = math.prod(shape)
        return Tensor(shape, [f16(centre + scale * (2 * source.random() - 1)) for _ in range(n)])

    model = {"token_embd": tensor(N_VOCAB, N_EMBD)}
    for layer in range(N_LAYER):
        for role, shape in (
                ("attn_norm", (N_EMBD,)),
                ("attn_q", (N_HEAD * HEAD_DIM, N_EMBD)),
                ("attn_k", (n_head_kv * HEAD_DIM, N_EMBD)),
                ("attn_v", (n_head_kv * HEAD_DIM, N_EMBD)),
                ("attn_output", (N_EMBD, N_HEAD * HEAD_DIM)),
                ("ffn_norm", (N_EMBD,)),
                ("ffn_gate", (N_FF, N_EMBD)),
                ("ffn_up", (N_FF, N_EMBD)),
                ("ffn_down", (N_EMBD, N_FF))):
            model["blk.%d.%s" % (layer, role)] = tensor(*shape)
    model["output_norm"] = tensor(N_EMBD)
    model["output"] = tensor(N_VOCAB, N_EMBD)
    return model


# --- safetensors ----------------------------------------------------------------------------------

HF_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
YI_NAMES = dict(HF_NAMES, attn_norm="ln1", ffn_norm="ln2")


def hf_tensors(model, names):
    out = []
    for key, tensor in model.items():
        if key.startswith("blk."):
            _, layer, role = key.split(".")
            out.append(("model.layers.%s.%s.weight" % (layer, names[role]), tensor))
        else:
            out.append((names[key] + ".weight", tensor))
    return out


def safetensors(tensors):
    """All F16, so the reference's order (dtype, then name) is the order of the names."""
    header = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in sorted(tensors, key=lambda t: t[0]):
        begin = len(data)
        data += struct.pack("<%de" % len(tensor.values), *tensor.values)
        header[name] = {"dtype": "F16", "shape": tensor.shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def json_file(value):
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def config(architecture, model_type, **more):
    return json_file(dict({
        "architectures": [architecture],
        "model_type": model_type,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": N_EMBD,
        "initializer_range": 0.02,
        "intermediate_size": N_FF,
        "max_position_embeddings": 64,
        "num_attention_heads": N_HEAD,
        "num_hidden_layers": N_LAYER,
        "rms_norm_eps": NORM_EPS,
        "tie_word_embeddings": False,
        "torch_dtype": "float16",
        "transformers_version": "4.34.0",
        "use_cache": True,
        "vocab_size": N_VOCAB,
    }, **more))


def auto_map(stem, name):
    return {"AutoConfig": "configuration_%s.%sConfig" % (stem, name),
            "AutoModelForCausalLM": "modeling_%s.%sForCausalLM" % (stem, name)}


def yi(model):
    return {
        "config.json": config("YiForCausalLM", "Yi", num_key_value_heads=2,
                              rope_theta=ROPE_THETA, pad_token_id=0,
                              auto_map=auto_map("yi", "Yi")),
        "model.safetensors": safetensors(hf_tensors(model, YI_NAMES)),
    }


def llama_sharded(model, n_shards=3):
    tensors = hf_tensors(model, HF_NAMES)
    shards = [[] for _ in range(n_shards)]
    weight_map = {}
    for i, (name, tensor) in enumerate(tensors):
        shard = i * n_shards // len(tensors)
        shards[shard].append((name, tensor))
        weight_map[name] = "model-%05d-of-%05d.safetensors" % (shard + 1, n_shards)
    files = {"model-%05d-of-%05d.safetensors" % (i + 1, n_shards): safetensors(shard)
             for i, shard in enumerate(shards)}
    total = sum(2 * len(tensor.values) for _, tensor in tensors)
    files["model.safetensors.index.json"] = json_file(
        {"metadata": {"total_size": total}, "weight_map": weight_map})
    files["config.json"] = config("LlamaForCausalLM", "llama", num_key_value_heads=2,
                                  rope_theta=ROPE_THETA, rope_scaling=None, attention_bias=False,
                                  pretraining_tp=1)
    return files


def baichuan(model):
    """As the 7B: q, k and v one below the other in W_pack, as many kv heads as heads."""
    tensors = []
    for name, tensor in hf_tensors(model, HF_NAMES):
        if name.endswith(("k_proj.weight", "v_proj.weight")):
            packed = tensors[-1][1]
            packed.values = packed.values + tensor.values
            packed.shape = [packed.shape[0] + tensor.shape[0], N_EMBD]
        elif name.endswith("q_proj.weight"):
            name = name.replace("q_proj", "W_pack")
            tensors.append((name, Tensor(tensor.shape, tensor.values)))
        else:
            tensors.append((name, tensor))
    return {
        "config.json": config("BaiChuanForCausalLM", "baichuan", pad_token_id=0,
                              auto_map=auto_map("baichuan", "BaiChuan")),
        "model.safetensors": safetensors(tensors),
    }


# --- GGUF -----------------------------------------------------------------------------------------

KINDS = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"),
         "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"),
         "f64": (12, "d"), "str": (8, None)}
F32, F16, Q8_0 = 0, 1, 8


def gguf_string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_item(kind, value):
    code = KINDS[kind][1]
    return gguf_string(value) if code is None else struct.pack("<" + code, value)


def gguf_pair(key, kind, value):
    out = gguf_string(key)
    if isinstance(value, list):
        out += struct.pack("<IIQ", 9, KINDS[kind][0], len(value))
        return out + b"".join(gguf_item(kind, v) for v in value)
    return out + struct.pack("<I", KINDS[kind][0]) + gguf_item(kind, value)


def q8_0(values):
    out = b""
    for at in range(0, len(values), 32):
        block = values[at:at + 32]
        scale = max(abs(v) for v in block) / 127
        quants = [int(math.floor(v / scale + 0.5)) if scale else 0 for v in block]
        out += struct.pack("<e32b", scale, *quants)
    return out


def encode(tensor, ggml_type):
    if ggml_type == Q8_0:
        return q8_0(tensor.values)
    return struct.pack("<%d%s" % (len(tensor.values), "fe"[ggml_type]), *tensor.values)


def interleave_heads(tensor, n_head):
    """Hugging Face's rows (head, half, pair) to (head, pair, half), as llama.cpp's converter."""
    half = tensor.shape[0] // n_head // 2
    values = []
    for head in range(n_head):
        for pair in range(half):
            for s in range(2):
                values += tensor.rows((head * 2 + s) * half + pair, 1).values
    return Tensor(tensor.shape, values)


def llama_gguf(model, n_head_kv=2, alignment=32):
    pairs = [
        ("general.architecture", "str", "llama"),
        ("general.name", "str", "aka sample"),
        ("general.file_type", "u32", 7),
        ("general.quantization_version", "u32", 2),
        ("llama.block_count", "u32", N_LAYER),
        ("llama.context_length", "u32", 64),
        ("llama.embedding_length", "u32", N_EMBD),
        ("llama.feed_forward_length", "u32", N_FF),
        ("llama.attention.head_count", "u32", N_HEAD),
        ("llama.attention.head_count_kv", "u32", n_head_kv),
        ("llama.attention.layer_norm_rms_epsilon", "f32", NORM_EPS),
        ("llama.rope.dimension_count", "u32", HEAD_DIM),
        ("llama.rope.freq_base", "f32", ROPE_THETA),
        ("llama.vocab_size", "u32", N_VOCAB),
        ("tokenizer.ggml.model", "str", "llama"),
        ("tokenizer.ggml.tokens", "str", [text for text, _ in VOCABULARY]),
        ("tokenizer.ggml.scores", "f32",
         [-float(i) if kind == NORMAL else 0.0 for i, (_, kind) in enumerate(VOCABULARY)]),
        ("tokenizer.ggml.token_type", "i32", [kind for _, kind in VOCABULARY]),
        ("tokenizer.ggml.bos_token_id", "u32", 1),
        ("tokenizer.ggml.eos_token_id", "u32", 2),
        ("tokenizer.ggml.unknown_token_id", "u32", 0),
        ("tokenizer.ggml.add_bos_token", "bool", True),
    ]
    infos, data = b"", b""
    for key, tensor in model.items():
        role = key.split(".")[-1]
        kind = F32 if role.endswith("norm") else Q8_0 if role.startswith("ffn_") else F16
        if role == "attn_q":
            tensor = interleave_heads(tensor, N_HEAD)
        if role == "attn_k":
            tensor = interleave_heads(tensor, n_head_kv)
        ne = tensor.shape[::-1]
        infos += gguf_string(key + ".weight") + struct.pack("<I%dQ" % len(ne), len(ne), *ne)
        infos += struct.pack("<IQ", kind, len(data))
        data += encode(tensor, kind)
        data += b"\0" * (-len(data) % alignment)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(model), len(pairs))
    head += b"".join(gguf_pair(*pair) for pair in pairs) + infos
    return head + b"\0" * (-len(head) % alignment) + data


# --- files ----------------------------------------------------------------------------------------

def samples():
    model = make_model(seed=1, n_head_kv=2)
    files = {"llama.gguf": llama_gguf(model)}
    for folder, content in (("yi", yi(model)), ("llama-sharded", llama_sharded(model)),
                            ("baichuan", baichuan(make_model(seed=2, n_head_kv=N_HEAD)))):
        for name, raw in content.items():
            files[folder + "/" + name] = raw
    return files


def committed():
    names = [n for n in os.listdir(HERE) if n.endswith((".gguf", ".safetensors"))]
    for folder in FOLDERS:
        if os.path.isdir(os.path.join(HERE, folder)):
            names += [folder + "/" + n for n in os.listdir(os.path.join(HERE, folder))]
    return set(names)


def check(files):
    wrong = ["not made by this script: " + n for n in sorted(committed() - set(files))]
    for name, raw in sorted(files.items()):
        path = os.path.join(HERE, name)
        if not os.path.isfile(path):
            wrong.append("missing: " + name)
        else:
            with open(path, "rb") as f:
                if f.read() != raw:
                    wrong.append("differs: " + name)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def main(arguments):
    files = samples()
    size = sum(len(raw) for raw in files.values())
    if size > LIMIT:
        print("the samples have %d bytes, more than %d" % (size, LIMIT))
        return 1
    if arguments == ["--check"]:
        return check(files)
    if arguments:
        print(__doc__.strip())
        return 2
    for name, raw in sorted(files.items()):
        path = os.path.join(HERE, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(raw)
        print("%8d %s" % (len(raw), name))
    print("%8d in all" % size)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
