// Quantised weights as checkpoints store them, packed from random codes and numbers, and what they
// are worth by arithmetic in double. Independent of aka: codes are decoded by ldexp, bits are set
// one by one.
#ifndef AKA_TEST_PACK_PARTS_HPP
#define AKA_TEST_PACK_PARTS_HPP

#include "numbers.hpp"
#include "write_safetensors.hpp"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace test {

struct packed_weight {
    std::vector<st_tensor> parts;
    std::string config = "{}";  // config.json
    std::uint64_t rows = 0, columns = 0;
    std::vector<float> values;  // rows * columns
};

// ---- numbers and how they are written ----------------------------------------------------------

// A float of e exponent bits and m fraction bits; no special codes.
inline double plain_float(unsigned code, int e, int m, int bias) {
    const int exponent = static_cast<int>(code >> m) & ((1 << e) - 1);
    const int fraction = static_cast<int>(code) & ((1 << m) - 1);
    const double sign = (code >> (e + m) & 1) != 0 ? -1.0 : 1.0;
    if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - m);
    return sign * std::ldexp(fraction + (1 << m), exponent - bias - m);
}
inline double e4m3(unsigned code) {
    return (code & 0x7F) == 0x7F ? std::nan("") : plain_float(code, 4, 3, 7);
}
inline double e5m2(unsigned code) {
    if ((code & 0x7C) == 0x7C) {
        if ((code & 3) != 0) return std::nan("");
        return (code & 0x80) != 0 ? -INFINITY : INFINITY;
    }
    return plain_float(code, 5, 2, 15);
}
inline double e2m1(unsigned code) { return plain_float(code, 2, 1, 1); }
inline double e8m0(unsigned code) {
    return code == 255 ? std::nan("") : std::ldexp(1.0, static_cast<int>(code) - 127);
}

// Numbers of one type: their bytes and what they are.
struct number_list {
    std::string dtype, data;
    std::vector<double> values;
};
inline number_list random_numbers(std::string dtype, std::size_t n, rng& r, double size = 0.02) {
    number_list out{std::move(dtype), {}, {}};
    bytes_builder b;
    for (std::size_t i = 0; i < n; ++i) {
        const auto v = static_cast<float>(size * (1.5 + static_cast<double>(r.unit())));
        if (out.dtype == "F32") {
            b.put_f32(v);
            out.values.push_back(static_cast<double>(v));
        } else if (out.dtype == "F16") {
            b.put_u16(f32_to_f16(v));
            out.values.push_back(static_cast<double>(f16_to_f32(f32_to_f16(v))));
        } else if (out.dtype == "BF16") {
            b.put_u16(f32_to_bf16(v));
            out.values.push_back(static_cast<double>(bf16_to_f32(f32_to_bf16(v))));
        } else if (out.dtype == "F8_E4M3") {
            const auto c = static_cast<std::uint8_t>(r.below(0x7F));
            b.put_u8(c);
            out.values.push_back(e4m3(c));
        } else {  // E8M0, also as U8
            const auto c = static_cast<std::uint8_t>(90 + r.below(60));
            b.put_u8(c);
            out.values.push_back(e8m0(c));
        }
    }
    out.data = std::move(b).str();
    return out;
}

// Codes behind one another from the lowest bit on, in 32-bit words or bytes.
class bit_writer {
  public:
    void put(unsigned code, unsigned bits) {
        for (unsigned i = 0; i < bits; ++i, ++at_) {
            if (at_ % 8 == 0) out_.push_back('\0');
            if ((code >> i & 1) == 0) continue;
            auto b = static_cast<unsigned char>(out_.back());
            out_.back() = static_cast<char>(b | 1u << (at_ % 8));
        }
    }
    void pad_words() {
        while (out_.size() % 4 != 0) out_.push_back('\0');
        at_ = out_.size() * 8;
    }
    const std::string& str() const { return out_; }

  private:
    std::string out_;
    std::size_t at_ = 0;
};

inline float once(double v) { return static_cast<float>(v); }
inline std::uint64_t up(std::uint64_t n, std::uint64_t by) { return (n + by - 1) / by; }
inline std::string number_text(std::uint64_t n) { return std::to_string(n); }

// ---- FP8 and INT8 with scales ------------------------------------------------------------------

// `scale_shape` as it is stored; a scale is of `block_rows` rows and `block_columns` columns.
struct scaled_form {
    std::string dtype = "F8_E4M3", scale_name = "weight_scale_inv", scale_dtype = "F32";
    std::vector<std::uint64_t> scale_shape;
    std::uint64_t block_rows = 128, block_columns = 128;
    bool zeros = false;
    std::string config = "{}";
};
inline packed_weight pack_scaled(const std::string& base, std::uint64_t rows, std::uint64_t columns,
                                 const scaled_form& f, rng& r) {
    packed_weight w;
    w.rows = rows, w.columns = columns, w.config = f.config;
    const number_list s =
        random_numbers(f.scale_dtype, static_cast<std::size_t>(count_elements(f.scale_shape)), r);
    std::vector<int> zero(s.values.size());
    std::string codes, zero_bytes;
    for (int& z : zero) {
        z = static_cast<int>(r.below(11)) - 5;
        zero_bytes.push_back(static_cast<char>(z));
    }
    const std::uint64_t across = up(columns, f.block_columns);
    for (std::uint64_t i = 0; i < rows; ++i)
        for (std::uint64_t j = 0; j < columns; ++j) {
            const auto c = static_cast<unsigned>(r.below(256));
            codes.push_back(static_cast<char>(static_cast<unsigned char>(c)));
            const auto k =
                static_cast<std::size_t>(i / f.block_rows * across + j / f.block_columns);
            double v = f.dtype == "I8"        ? static_cast<double>(static_cast<signed char>(c))
                       : f.dtype == "F8_E5M2" ? e5m2(c)
                                              : e4m3(c);
            if (f.zeros) v -= zero[k];
            w.values.push_back(once(v * s.values[k]));
        }
    w.parts = {{base + ".weight", f.dtype, {rows, columns}, codes},
               {base + "." + f.scale_name, f.scale_dtype, f.scale_shape, s.data}};
    if (f.zeros) w.parts.push_back({base + ".weight_zero_point", "I8", f.scale_shape, zero_bytes});
    return w;
}

// bitsandbytes: two products, each rounded.
inline packed_weight pack_bnb_int8(const std::string& base, std::uint64_t rows,
                                   std::uint64_t columns, rng& r) {
    packed_weight w;
    w.rows = rows, w.columns = columns;
    const number_list s = random_numbers("F32", static_cast<std::size_t>(rows), r, 1.0);
    const std::string codes = r.bytes(static_cast<std::size_t>(rows * columns));
    const float unit = once(1.0 / 127.0);
    for (std::size_t i = 0; i < codes.size(); ++i) {
        const auto q = static_cast<double>(static_cast<signed char>(codes[i]));
        const float product = once(q * s.values[i / static_cast<std::size_t>(columns)]);
        w.values.push_back(once(static_cast<double>(product) * static_cast<double>(unit)));
    }
    w.parts = {{base + ".weight", "I8", {rows, columns}, codes},
               {base + ".SCB", "F32", {rows}, s.data},
               {base + ".weight_format", "U8", {}, std::string(1, '\0')}};
    return w;
}

// ---- compressed-tensors' packed integers -------------------------------------------------------

enum class zero_form { none, packed, apart };
struct packed_form {
    unsigned bits = 4;
    std::uint64_t group = 128;  // 0: a scale a row
    zero_form zeros = zero_form::none;
    bool ordered = false;  // weight_g_idx
    std::string scale_dtype = "BF16";
};
inline packed_weight pack_int(const std::string& base, std::uint64_t rows, std::uint64_t columns,
                              const packed_form& f, rng& r) {
    packed_weight w;
    w.rows = rows, w.columns = columns;
    const std::uint64_t group = f.group == 0 ? columns : f.group, groups = up(columns, group);
    const int half = 1 << (f.bits - 1);
    const number_list s = random_numbers(f.scale_dtype, static_cast<std::size_t>(rows * groups), r);
    std::vector<int> zero(s.values.size(), 0);
    if (f.zeros != zero_form::none)
        for (int& z : zero) z = static_cast<int>(r.below(static_cast<unsigned>(2 * half))) - half;
    std::vector<std::uint64_t> in;
    for (std::uint64_t j = 0; j < columns; ++j) in.push_back(j / group);
    if (f.ordered)
        for (std::size_t j = in.size(); j > 1; --j)
            std::swap(in[j - 1], in[static_cast<std::size_t>(r.below(j))]);
    bit_writer codes;
    for (std::uint64_t i = 0; i < rows; ++i) {
        for (std::uint64_t j = 0; j < columns; ++j) {
            const int q = static_cast<int>(r.below(static_cast<unsigned>(2 * half))) - half;
            codes.put(static_cast<unsigned>(q + half), f.bits);
            const auto k = static_cast<std::size_t>(i * groups + in[static_cast<std::size_t>(j)]);
            w.values.push_back(once((q - zero[k]) * s.values[k]));
        }
        codes.pad_words();
    }
    bytes_builder shape, order, apart;
    shape.put_u64(rows).put_u64(columns);
    for (const std::uint64_t g : in) order.put_u32(static_cast<std::uint32_t>(g));
    w.parts = {
        {base + ".weight_packed", "I32", {rows, up(columns * f.bits, 32)}, codes.str()},
        {base + ".weight_scale", f.scale_dtype, {rows, groups}, s.data},
        {base + ".weight_shape", "I64", {2}, shape.str()},
    };
    if (f.ordered) w.parts.push_back({base + ".weight_g_idx", "I32", {columns}, order.str()});
    if (f.zeros == zero_form::apart) {
        for (const int z : zero) apart.put_u8(static_cast<std::uint8_t>(z));
        w.parts.push_back({base + ".weight_zero_point", "I8", {rows, groups}, apart.str()});
    }
    if (f.zeros == zero_form::packed) {  // down the rows
        const std::uint64_t each = 32 / f.bits, words = up(rows, each);
        for (std::uint64_t k = 0; k < words; ++k)
            for (std::uint64_t g = 0; g < groups; ++g) {
                std::uint32_t word = 0;
                for (std::uint64_t i = 0; i < each && k * each + i < rows; ++i) {
                    const int z = zero[static_cast<std::size_t>((k * each + i) * groups + g)];
                    word |= static_cast<std::uint32_t>(z + half)
                            << (f.bits * static_cast<unsigned>(i));
                }
                apart.put_u32(word);
            }
        w.parts.push_back({base + ".weight_zero_point", "I32", {words, groups}, apart.str()});
    }
    return w;
}

// ---- FP4 ---------------------------------------------------------------------------------------

enum class fp4_form { nvfp4, modelopt, mxfp4, gpt_oss, mlx_mxfp4, mlx_nvfp4 };
inline packed_weight pack_fp4(const std::string& base, std::uint64_t rows, std::uint64_t columns,
                              fp4_form f, rng& r, std::uint64_t experts = 1) {
    packed_weight w;
    w.rows = rows * experts, w.columns = columns;
    const bool nv = f == fp4_form::nvfp4 || f == fp4_form::modelopt || f == fp4_form::mlx_nvfp4;
    const std::uint64_t group = nv ? 16 : 32, groups = columns / group;
    const number_list s =
        random_numbers(nv ? "F8_E4M3" : "U8", static_cast<std::size_t>(w.rows * groups), r);
    const number_list g = random_numbers("F32", 1, r, f == fp4_form::nvfp4 ? 900.0 : 0.001);
    bit_writer codes;
    for (std::uint64_t i = 0; i < w.rows * columns; ++i) {
        const auto q = static_cast<unsigned>(r.below(16));
        codes.put(q, 4);  // the first in the lower half
        double scale = s.values[static_cast<std::size_t>(i / group)];
        if (f == fp4_form::nvfp4) scale = static_cast<double>(once(scale / g.values[0]));
        if (f == fp4_form::modelopt) scale = static_cast<double>(once(scale * g.values[0]));
        w.values.push_back(once(e2m1(q) * scale));
    }
    switch (f) {
        case fp4_form::nvfp4:
            w.parts = {{base + ".weight_packed", "U8", {rows, columns / 2}, codes.str()},
                       {base + ".weight_scale", "F8_E4M3", {rows, groups}, s.data},
                       {base + ".weight_global_scale", "F32", {1}, g.data}};
            break;
        case fp4_form::modelopt:
            w.parts = {{base + ".weight", "U8", {rows, columns / 2}, codes.str()},
                       {base + ".weight_scale", "F8_E4M3", {rows, groups}, s.data},
                       {base + ".weight_scale_2", "F32", {}, g.data}};
            break;
        case fp4_form::mxfp4:
            w.parts = {{base + ".weight_packed", "U8", {rows, columns / 2}, codes.str()},
                       {base + ".weight_scale", "U8", {rows, groups}, s.data}};
            break;
        case fp4_form::gpt_oss:
            w.parts = {{base + "_blocks", "U8", {experts, rows, groups, 16}, codes.str()},
                       {base + "_scales", "U8", {experts, rows, groups}, s.data}};
            break;
        case fp4_form::mlx_mxfp4:
        case fp4_form::mlx_nvfp4:
            w.parts = {{base + ".weight", "U32", {rows, columns / 8}, codes.str()},
                       {base + ".scales", "U8", {rows, groups}, s.data}};
            break;
    }
    return w;
}

// ---- MLX ---------------------------------------------------------------------------------------

inline packed_weight pack_mlx(const std::string& base, std::uint64_t rows, std::uint64_t columns,
                              unsigned bits, std::uint64_t group, const std::string& dtype,
                              rng& r) {
    packed_weight w;
    w.rows = rows, w.columns = columns;
    w.config = R"({"quantization": {"group_size": )" + number_text(group) + R"(, "bits": )" +
               number_text(bits) + "}}";
    const std::uint64_t groups = columns / group;
    const auto n = static_cast<std::size_t>(rows * groups);
    const number_list s = random_numbers(dtype, n, r), b = random_numbers(dtype, n, r, -0.3);
    bit_writer codes;
    for (std::uint64_t i = 0; i < rows * columns; ++i) {
        const auto q = static_cast<unsigned>(r.below(std::uint64_t{1} << bits));
        codes.put(q, bits);
        const auto k = static_cast<std::size_t>(i / group);
        const auto product = static_cast<double>(once(q * s.values[k]));
        w.values.push_back(once(product + b.values[k]));
    }
    w.parts = {{base + ".weight", "U32", {rows, columns * bits / 32}, codes.str()},
               {base + ".scales", dtype, {rows, groups}, s.data},
               {base + ".biases", dtype, {rows, groups}, b.data}};
    return w;
}

// ---- GPTQ and AWQ ------------------------------------------------------------------------------

struct gptq_form {
    unsigned bits = 4;
    std::uint64_t group = 128;
    bool v2 = false;
    enum { no_index, in_order, act_order } index = in_order;
    bool zero_is_zero = false;  // zero points of 0, which borrow in the first form
    std::string scale_dtype = "F16";
};
inline packed_weight pack_gptq(const std::string& base, std::uint64_t out, std::uint64_t in,
                               const gptq_form& f, rng& r) {
    packed_weight w;
    w.rows = out, w.columns = in;
    w.config = R"({"quantization_config": {"quant_method": "gptq", "bits": )" +
               number_text(f.bits) + R"(, "group_size": )" + number_text(f.group) +
               (f.v2 ? R"(, "checkpoint_format": "gptq_v2"}})" : "}}");
    const std::uint64_t groups = up(in, f.group), each = 32 / f.bits;
    const number_list s = random_numbers(f.scale_dtype, static_cast<std::size_t>(groups * out), r);
    std::vector<unsigned> zero(s.values.size());
    for (unsigned& z : zero) {
        z = 1 + static_cast<unsigned>(r.below((1u << f.bits) - 1));
        if (f.zero_is_zero && r.below(4) == 0) z = 0;
    }
    std::vector<std::uint32_t> index;
    for (std::uint64_t i = 0; i < in; ++i) index.push_back(static_cast<std::uint32_t>(i / f.group));
    if (f.index == gptq_form::act_order)
        for (std::size_t i = index.size(); i > 1; --i)
            std::swap(index[i - 1], index[static_cast<std::size_t>(r.below(i))]);
    std::vector<unsigned> q(static_cast<std::size_t>(in * out));
    for (unsigned& c : q) c = static_cast<unsigned>(r.below(std::uint64_t{1} << f.bits));
    for (std::uint64_t o = 0; o < out; ++o)
        for (std::uint64_t i = 0; i < in; ++i) {
            const auto k = static_cast<std::size_t>(index[static_cast<std::size_t>(i)] * out + o);
            const int d = static_cast<int>(q[static_cast<std::size_t>(i * out + o)]) -
                          static_cast<int>(zero[k]);
            w.values.push_back(once(d * s.values[k]));
        }
    bytes_builder words, zeros, order;
    for (std::uint64_t k = 0; k < in / each; ++k)
        for (std::uint64_t o = 0; o < out; ++o) {
            std::uint32_t word = 0;
            for (unsigned j = 0; j < each; ++j)
                word |= q[static_cast<std::size_t>((k * each + j) * out + o)] << (f.bits * j);
            words.put_u32(word);
        }
    for (std::uint64_t g = 0; g < groups; ++g)
        for (std::uint64_t k = 0; k < out / each; ++k) {
            std::uint32_t word = 0, ones = 0;
            for (unsigned j = 0; j < each; ++j) {
                word |= zero[static_cast<std::size_t>(g * out + k * each + j)] << (f.bits * j);
                ones |= 1u << (f.bits * j);
            }
            zeros.put_u32(f.v2 ? word : word - ones);
        }
    for (const std::uint32_t g : index) order.put_u32(g);
    w.parts = {{base + ".qweight", "I32", {in / each, out}, words.str()},
               {base + ".qzeros", "I32", {groups, out / each}, zeros.str()},
               {base + ".scales", f.scale_dtype, {groups, out}, s.data}};
    if (f.index != gptq_form::no_index)
        w.parts.push_back({base + ".g_idx", "I32", {in}, order.str()});
    return w;
}

inline packed_weight pack_awq(const std::string& base, std::uint64_t out, std::uint64_t in,
                              std::uint64_t group, rng& r) {
    packed_weight w;
    w.rows = out, w.columns = in;
    w.config = R"({"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": )" +
               number_text(group) + R"(, "zero_point": true, "version": "gemm"}})";
    const std::uint64_t groups = in / group;
    const number_list s = random_numbers("F16", static_cast<std::size_t>(groups * out), r);
    static const unsigned order[8] = {0, 2, 4, 6, 1, 3, 5, 7};
    const auto pack = [&](const std::vector<unsigned>& m, std::uint64_t rows) {
        bytes_builder b;
        for (std::uint64_t i = 0; i < rows; ++i)
            for (std::uint64_t k = 0; k < out / 8; ++k) {
                std::uint32_t word = 0;
                for (unsigned j = 0; j < 8; ++j)
                    word |= m[static_cast<std::size_t>(i * out + 8 * k + order[j])] << (4 * j);
                b.put_u32(word);
            }
        return std::move(b).str();
    };
    std::vector<unsigned> q(static_cast<std::size_t>(in * out)), zero(s.values.size());
    for (unsigned& c : q) c = static_cast<unsigned>(r.below(16));
    for (unsigned& z : zero) z = static_cast<unsigned>(r.below(16));
    for (std::uint64_t o = 0; o < out; ++o)
        for (std::uint64_t i = 0; i < in; ++i) {
            const auto k = static_cast<std::size_t>(i / group * out + o);
            const int d = static_cast<int>(q[static_cast<std::size_t>(i * out + o)]) -
                          static_cast<int>(zero[k]);
            w.values.push_back(once(d * s.values[k]));
        }
    w.parts = {{base + ".qweight", "I32", {in, out / 8}, pack(q, in)},
               {base + ".qzeros", "I32", {groups, out / 8}, pack(zero, groups)},
               {base + ".scales", "F16", {groups, out}, s.data}};
    return w;
}

// ---- bitsandbytes' 4 bits ----------------------------------------------------------------------

struct bnb_form {
    std::string type = "nf4", storage = "U8";
    std::uint64_t block = 64;
    bool nested = false;
};
inline packed_weight pack_bnb4(const std::string& base, std::uint64_t rows, std::uint64_t columns,
                               const bnb_form& f, rng& r) {
    packed_weight w;
    w.rows = rows, w.columns = columns;
    const std::uint64_t n = rows * columns, blocks = up(n, f.block), outer = 256;
    const number_list map = random_numbers("F32", 16, r, 0.6);
    const number_list nested_map = random_numbers("F32", 256, r, 0.6);
    const number_list large = random_numbers("F32", static_cast<std::size_t>(blocks), r);
    const number_list nested =
        random_numbers("F32", static_cast<std::size_t>(up(blocks, outer)), r);
    const std::string nested_codes = r.bytes(static_cast<std::size_t>(blocks));
    const double offset = 0.0477294921875;  // exact in float32
    std::string codes;
    for (std::uint64_t i = 0; i < n; ++i) {
        const auto q = static_cast<unsigned>(r.below(16));
        if (i % 2 == 0)
            codes.push_back(static_cast<char>(static_cast<unsigned char>(q << 4)));
        else
            codes.back() = static_cast<char>(static_cast<unsigned char>(codes.back()) | q);
        const auto k = static_cast<std::size_t>(i / f.block);
        double absmax = large.values[k];
        if (f.nested) {
            const auto c = static_cast<unsigned char>(nested_codes[k]);
            const double m = nested_map.values[c] * nested.values[k / outer];
            absmax = static_cast<double>(once(static_cast<double>(once(m)) + offset));
        }
        w.values.push_back(once(map.values[q] * absmax));
    }
    std::string state = R"({"quant_type": ")" + f.type + R"(", "blocksize": )" +
                        number_text(f.block) + R"(, "dtype": "bfloat16", "shape": [)" +
                        number_text(rows) + ", " + number_text(columns) + "]";
    if (f.nested)
        state += R"(, "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": )"
                 "0.0477294921875";
    state += "}";
    const std::uint64_t size = st_bits(f.storage) / 8;
    const std::string name = base + ".weight";
    w.parts = {{name, f.storage, {codes.size() / size, 1}, codes},
               {name + ".quant_map", "F32", {16}, map.data},
               {name + ".quant_state.bitsandbytes__" + f.type, "U8", {state.size()}, state}};
    if (!f.nested) {
        w.parts.push_back({name + ".absmax", "F32", {blocks}, large.data});
    } else {
        w.parts.push_back({name + ".absmax", "U8", {blocks}, nested_codes});
        w.parts.push_back({name + ".nested_absmax", "F32", {up(blocks, outer)}, nested.data});
        w.parts.push_back({name + ".nested_quant_map", "F32", {256}, nested_map.data});
    }
    return w;
}

}  // namespace test

#endif  // AKA_TEST_PACK_PARTS_HPP
