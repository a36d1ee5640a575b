// What the benchmarks hold aka against: readers that do as little as can be done with these files.
// They believe every byte. Most keep nothing: they add up what they read, so that the compiler
// cannot leave the reading out, and so that one can see that all of them read the same. One of
// them (keeper) also keeps what it read and can find a name again, which is the least that opening
// a checkpoint means.
#ifndef AKA_BENCH_FLOORS_HPP
#define AKA_BENCH_FLOORS_HPP

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

inline void require(bool good, const char* what) {
    if (!good) throw std::runtime_error(what);
}
template <class T>
T load(const std::byte* p) {
    T v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

/// A file mapped whole, or only open: the calls that every reader has to make.
class file {
  public:
    file(const std::string& path, bool map) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
        struct stat st = {};
        require(file_ >= 0 && ::fstat(file_, &st) == 0, "cannot open a file");
        size_ = static_cast<std::size_t>(st.st_size);
        if (!map) return;
        void* p = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_, 0);
        require(p != MAP_FAILED, "cannot map a file");
        data_ = static_cast<const std::byte*>(p);
    }
    file(const file&) = delete;
    ~file() {
        if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
        ::close(file_);
    }
    const std::byte* data() const { return data_; }
    std::size_t size() const { return size_; }
    void read(std::size_t at, void* out, std::size_t n) const {
        require(::pread(file_, out, n, static_cast<off_t>(at)) == static_cast<ssize_t>(n),
                "cannot read a file");
    }

  private:
    int file_;
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

/// The JSON of a mapped safetensors file.
inline std::string_view header_of(const file& f) {
    return {reinterpret_cast<const char*>(f.data() + 8), load<std::uint64_t>(f.data())};
}

/// What was read of a safetensors header. Sums, so that the order does not matter.
struct tally {
    std::uint64_t tensors = 0, sum = 0;

    void name(std::string_view s) {
        ++tensors;
        text(s);
    }
    void dtype(std::string_view s) { text(s); }
    void text(std::string_view s) {
        if (!s.empty()) sum += s.size() * 3 + letter(s.front()) * 5 + letter(s.back()) * 7;
    }
    void dim(std::uint64_t i, std::uint64_t n) { sum += n * (i + 1); }
    void range(std::uint64_t begin, std::uint64_t end) { sum += begin * 11 + end * 13; }

    friend bool operator==(const tally& a, const tally& b) {
        return a.tensors == b.tensors && a.sum == b.sum;
    }

  private:
    static std::uint64_t letter(char c) { return static_cast<unsigned char>(c); }
};

/// What was read, kept: a record for each tensor, and a hash table of their names. Nothing is
/// checked, not even that a name occurs once.
class keeper {
  public:
    explicit keeper(std::size_t guess) { all_.reserve(guess); }

    void name(std::string_view s) { all_.emplace_back().name = s; }
    void dtype(std::string_view s) { all_.back().dtype = s; }
    void type(std::uint32_t t) { all_.back().type = t; }
    void dim(std::uint64_t i, std::uint64_t n) {
        all_.back().dims[i & 3] = n;
        all_.back().rank = static_cast<std::uint32_t>(i + 1);
    }
    void range(std::uint64_t begin, std::uint64_t end) {
        all_.back().begin = begin;
        all_.back().end = end;
    }
    std::size_t index() {
        std::size_t size = 8;
        while (size < 2 * all_.size()) size *= 2;
        table_.resize(size);
        for (std::size_t i = 0; i < all_.size(); ++i) {
            std::size_t at = std::hash<std::string_view>()(all_[i].name) & (size - 1);
            while (table_[at] != 0) at = (at + 1) & (size - 1);
            table_[at] = static_cast<std::uint32_t>(i + 1);
        }
        return all_.size();
    }

  private:
    struct record {
        std::string_view name, dtype;
        std::uint64_t begin, end, dims[4];
        std::uint32_t rank, type;
    };
    std::vector<record> all_;
    std::vector<std::uint32_t> table_;
};

// ---- safetensors: the floor --------------------------------------------------------------------

/// Reads a header that is written as the reference writes it (compact, keys in its order, nothing
/// escaped, `__metadata__` first) and believes every byte of it. False: it has another form.
class canonical_header {
  public:
    explicit canonical_header(std::string_view json) : p_(json.data()), end_(p_ + json.size()) {}

    template <class Sink>  // a tally or a keeper
    bool read(Sink& t) {
        using namespace std::string_view_literals;
        if (!eat("{"sv)) return false;
        if (eat("\"__metadata__\":{"sv)) {
            p_ = find('}') + 1;
            if (!eat(","sv)) return false;
        }
        do {
            if (!eat("\""sv)) return false;
            t.name(until_quote());
            if (!eat("\":{\"dtype\":\""sv)) return false;
            t.dtype(until_quote());
            if (!eat("\",\"shape\":["sv)) return false;
            for (std::uint64_t i = 0; *p_ != ']'; ++i) {
                t.dim(i, number());
                if (*p_ == ',') ++p_;
            }
            if (!eat("],\"data_offsets\":["sv)) return false;
            std::uint64_t begin = number();
            if (!eat(","sv)) return false;
            t.range(begin, number());
            if (!eat("]}"sv)) return false;
        } while (eat(","sv));
        return eat("}"sv);
    }

  private:
    bool eat(std::string_view s) {
        if (std::memcmp(p_, s.data(), s.size()) != 0) return false;
        return p_ += s.size(), true;
    }
    const char* find(char c) const {
        return static_cast<const char*>(std::memchr(p_, c, static_cast<std::size_t>(end_ - p_)));
    }
    std::string_view until_quote() {
        const char* start = p_;
        p_ = find('"');
        return {start, static_cast<std::size_t>(p_ - start)};
    }
    std::uint64_t number() {
        std::uint64_t n = 0;
        for (; *p_ >= '0' && *p_ <= '9'; ++p_) n = n * 10 + static_cast<std::uint64_t>(*p_ - '0');
        return n;
    }

    const char *p_, *end_;
};

// ---- GGUF: the floor ---------------------------------------------------------------------------

/// Walks a little-endian GGUF of version 3: every count, length, type, dimension and offset is read
/// and added up, and believed. Scalars and the characters of strings are passed over.
class gguf_walk {
  public:
    std::uint64_t sum = 0, strings = 0, tensors = 0;

    /// With a keeper, the tensors are kept, too.
    void read(const std::byte* p, keeper* kept = nullptr) {
        p_ = p + 4;
        get<std::uint32_t>();
        tensors = get<std::uint64_t>();
        std::uint64_t keys = get<std::uint64_t>();
        for (; keys != 0; --keys) {
            string();
            value(get<std::uint32_t>());
        }
        if (kept != nullptr) return infos(*kept);
        for (std::uint64_t i = 0; i < tensors; ++i) {
            string();
            for (auto rank = get<std::uint32_t>(); rank != 0; --rank) get<std::uint64_t>();
            get<std::uint32_t>();
            get<std::uint64_t>();
        }
    }

  private:
    static constexpr std::uint32_t kind_string = 8, kind_array = 9;
    static constexpr std::uint8_t size_of[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

    template <class T>
    T get() {
        T v = load<T>(p_);
        p_ += sizeof v;
        sum += v;
        return v;
    }
    void string() {
        ++strings;
        auto n = get<std::uint64_t>();
        p_ += n;
    }
    void infos(keeper& kept) {
        for (std::uint64_t i = 0; i < tensors; ++i) {
            auto n = get<std::uint64_t>();
            kept.name({reinterpret_cast<const char*>(p_), n});
            p_ += n;
            auto rank = get<std::uint32_t>();
            for (std::uint32_t d = 0; d < rank; ++d) kept.dim(d, get<std::uint64_t>());
            kept.type(get<std::uint32_t>());
            auto begin = get<std::uint64_t>();
            kept.range(begin, begin);
        }
    }
    void value(std::uint32_t kind) {
        if (kind == kind_string) return string();
        if (kind != kind_array) {
            p_ += size_of[kind];
            return;
        }
        auto element = get<std::uint32_t>();
        auto n = get<std::uint64_t>();
        if (size_of[element] != 0) {
            p_ += n * size_of[element];
            return;
        }
        if (element != kind_string) {
            for (; n != 0; --n) value(element);
            return;
        }
        strings += n;
        const std::byte* p = p_;  // members would be stored at every string
        std::uint64_t total = 0;
        for (; n != 0; --n) {
            auto size = load<std::uint64_t>(p);
            total += size;
            p += sizeof size + size;
        }
        p_ = p;
        sum += total;
    }

    const std::byte* p_ = nullptr;
};

}  // namespace bench

#endif  // AKA_BENCH_FLOORS_HPP
