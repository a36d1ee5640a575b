// The arithmetic of the engine: matrices as a checkpoint stores them, and vectors of float32.
#ifndef ENGINE_MATRIX_HPP
#define ENGINE_MATRIX_HPP

#include "aka.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace engine {

using vec = std::vector<float>;

// In the type of the file: Q4_K stays 4.5 bits a weight. A row becomes float32 just before it is
// used, in a buffer that stays in the cache, and once for all positions of a prompt. So any type
// works, in a seventh of the memory that float32 takes, and a token takes no longer than from
// float32: decoding costs what reading less memory saves.
struct matrix {
    const std::byte* data = nullptr;
    aka::dtype type = aka::dtype::f32;
    std::size_t rows = 0, columns = 0, row_bytes = 0;

    explicit operator bool() const { return data != nullptr; }

    const float* row(std::size_t r, vec& room) const {
        const std::byte* at = data + r * row_bytes;
        if (type == aka::dtype::f32) return reinterpret_cast<const float*>(at);
        room.resize(columns);
        (void)aka::dequantize(type, {at, row_bytes}, room);  // whose sizes are right: see model
        return room.data();
    }
    // Matrix i of a stack of n.
    matrix of_stack(std::size_t i, std::size_t n) const {
        matrix m = *this;
        m.rows = rows / n;
        m.data += i * m.rows * row_bytes;
        return m;
    }
};

// Sixteen sums, which compilers keep in vector registers.
inline float dot(const float* a, const float* b, std::size_t n) {
    float sums[16] = {}, all = 0;
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (std::size_t k = 0; k < 16; ++k) sums[k] += a[i + k] * b[i + k];
    for (; i < n; ++i) all += a[i] * b[i];
    for (const float s : sums) all += s;
    return all;
}
inline void add(float* to, const float* v, std::size_t n, float times = 1) {
    for (std::size_t i = 0; i < n; ++i) to[i] += times * v[i];
}

struct linear {
    matrix weight;
    vec bias;

    // x: one position after the other, and so is what comes back.
    vec operator()(const vec& x) const {
        const std::size_t n = x.size() / weight.columns;
        vec y(n * weight.rows), room;
        for (std::size_t r = 0; r < weight.rows; ++r) {
            const float* row = weight.row(r, room);
            for (std::size_t p = 0; p < n; ++p)
                y[p * weight.rows + r] = dot(row, &x[p * weight.columns], weight.columns) +
                                         (bias.empty() ? 0.0f : bias[r]);
        }
        return y;
    }
};

// RMSNorm, or LayerNorm, which takes the mean off first; of no width: it is not there.
struct norm {
    vec weight, bias;
    std::size_t width = 0;  // numbers that are normalised together; there may be weights for more
    bool layer_norm = false;
    float eps = 0;

    explicit operator bool() const { return width != 0; }

    void operator()(vec& x) const {
        for (std::size_t at = 0; width != 0 && at < x.size(); at += width) {
            float* v = &x[at];
            float mean = 0, squares = 0;
            for (std::size_t i = 0; layer_norm && i < width; ++i) mean += v[i];
            mean /= static_cast<float>(width);
            for (std::size_t i = 0; i < width; ++i) squares += (v[i] - mean) * (v[i] - mean);
            const float by = 1 / std::sqrt(squares / static_cast<float>(width) + eps);
            for (std::size_t i = 0; i < width; ++i) {
                v[i] = (v[i] - mean) * by;
                if (!weight.empty()) v[i] *= weight[(at + i) % weight.size()];
                if (!bias.empty()) v[i] += bias[(at + i) % bias.size()];
            }
        }
    }
};

inline void softmax(float* x, std::size_t n) {
    const float most = *std::max_element(x, x + n);
    float sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i] = std::exp(x[i] - most);
    for (std::size_t i = 0; i < n; ++i) x[i] /= sum;
}

inline float activate(aka::activation a, float x) {
    switch (a) {
        case aka::activation::gelu:
            return 0.5f * x * (1 + std::erf(x * 0.70710678f));
        case aka::activation::gelu_tanh:
            return 0.5f * x * (1 + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
        case aka::activation::relu:
            return std::max(x, 0.0f);
        case aka::activation::relu2:
            return x > 0 ? x * x : 0;
        default:
            return x / (1 + std::exp(-x));
    }
}

}  // namespace engine

#endif  // ENGINE_MATRIX_HPP
