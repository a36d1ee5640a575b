// What tests/mutate.py writes into its copy of a header: `a < b` becomes `a < here<7>{} < b`, and
// 8 becomes number<9>(8). Each does what it did, or, at the place that AKA_MUTANT names, something
// a little different. So all mutants of a header are one program. In constant expressions nothing
// changes: those mutants are compiled one by one.
#ifndef AKA_TEST_MUTANTS_HPP
#define AKA_TEST_MUTANTS_HPP

#include <cstdio>
#include <cstdlib>
#include <type_traits>

namespace mutants {

inline constexpr int most = 4096;

// AKA_MUTANT is PLACE:HOW. AKA_MUTANTS_REACHED names a file that gets a line for each place that
// has been run.
struct choice {
    int place = -1, how = 0;
    bool reached[most] = {};

    choice() {
        const char* text = std::getenv("AKA_MUTANT");
        if (text != nullptr && std::sscanf(text, "%d:%d", &place, &how) != 2) std::abort();
    }
    ~choice() {
        const char* path = std::getenv("AKA_MUTANTS_REACHED");
        std::FILE* out = path == nullptr ? nullptr : std::fopen(path, "w");
        if (out == nullptr) return;
        for (int i = 0; i < most; ++i)
            if (reached[i]) std::fprintf(out, "%d\n", i);
        std::fclose(out);
    }
};
inline choice chosen;

inline int how_now(int place) noexcept {
    chosen.reached[place] = true;
    return chosen.place == place ? chosen.how : 0;
}
// (Into an int that is not const: the initialiser of a const one is a constant expression.)
template <int Place>
constexpr int how() noexcept {
    static_assert(Place < most);
    return __builtin_is_constant_evaluated() ? 0 : how_now(Place);
}

template <int Place>
struct here {};

// The left side of an operator; `Op` tells the operators apart.
template <int Place, int Op, class A>
struct left {
    const A& a;
};

// An operator, what it becomes as 1, and as 2.
#define MUTANTS_OPERATOR(number, op, first, second)                                  \
    template <int Place, class A>                                                    \
    constexpr left<Place, number, A> operator op(const A& a, here<Place>) noexcept { \
        return {a};                                                                  \
    }                                                                                \
    template <int Place, class A, class B>                                           \
    constexpr auto operator op(left<Place, number, A> l, const B& b) noexcept {      \
        const A& a = l.a;                                                            \
        int now = how<Place>();                                                      \
        if (now == 1) return first;                                                  \
        if (now == 2) return second;                                                 \
        return a op b;                                                               \
    }

// Two pointers have a difference, but no sum.
template <class A, class B>
constexpr auto sum(const A& a, const B& b) noexcept {
    if constexpr (std::is_pointer_v<A> && std::is_pointer_v<B>)
        return a - b + 1;
    else
        return a + b;
}

// clang-format off
MUTANTS_OPERATOR(0, <, a <= b, a >= b)
MUTANTS_OPERATOR(1, <=, a < b, a > b)
MUTANTS_OPERATOR(2, >, a >= b, a <= b)
MUTANTS_OPERATOR(3, >=, a > b, a < b)
MUTANTS_OPERATOR(4, ==, a != b, a != b)
MUTANTS_OPERATOR(5, !=, a == b, a == b)
MUTANTS_OPERATOR(6, +, a - b, a - b)
MUTANTS_OPERATOR(7, -, sum(a, b), sum(a, b))
MUTANTS_OPERATOR(8, *, a + b, a + b)
MUTANTS_OPERATOR(9, /, a * b, a * b)
MUTANTS_OPERATOR(10, %, a / b, a / b)
// clang-format on
#undef MUTANTS_OPERATOR

template <int Place, class T>
constexpr T number(T v) noexcept {
    int now = how<Place>();
    return now == 1 ? static_cast<T>(v + 1) : now == 2 ? static_cast<T>(v - 1) : v;
}

}  // namespace mutants

#endif  // AKA_TEST_MUTANTS_HPP
