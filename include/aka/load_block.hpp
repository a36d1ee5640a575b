// aka: one thread of a load: reads blocks of files into the places where their bytes belong.
#ifndef AKA_LOAD_BLOCK_HPP
#define AKA_LOAD_BLOCK_HPP

#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "huge_pages.hpp"
#include "load_pace.hpp"
#include "load_parts.hpp"
#include "raw_file.hpp"
#include "read_pieces.hpp"

AKA_BEGIN

/// What a load did, in bytes and calls.
struct load_report {
    std::uint64_t wanted = 0;   ///< of the tensors, as they are stored
    std::uint64_t read = 0;     ///< asked of the system
    std::uint64_t between = 0;  ///< of those, read to save a call and thrown away
    std::uint64_t calls = 0;    ///< of the system, to read
    std::uint32_t refused = 0;  ///< threads that were refused to read directly
};

namespace detail {

class block_reader {
  public:
    struct settings {
        std::size_t block;
        reading how;
        bool vectored, drop;
    };
    /// `items`: where the parts' tensors go, by number. They may be written by many threads; each
    /// byte is by one.
    block_reader(const load_plan& plan, span<const load_item> items, const settings& s) noexcept
        : plan_(plan), items_(items), settings_(s) {}

    load_report report;

    /// Whether a file could not be read directly though that was asked for.
    bool refused() const noexcept { return refused_ && settings_.how == reading::direct; }
    /// Reads a block; then done(item, bytes) for what came of each item.
    template <class Done>
    status operator()(const load_block& b, Done&& done) noexcept {
        if (status s = open(*plan_.parts[b.first].file); !s) return s;
        const std::uint64_t start = nanoseconds(), before = report.read;
        if (status s = read_block(b); !s) return s;
        pace_.took(direct_, report.read - before, nanoseconds() - start);
        if (settings_.drop && !from_memory()) drop(b);
        for (std::size_t i = b.first; i < b.last; ++i) {
            std::uint64_t bytes = 0;
            each_strip(b, i, [&](const strip& s) { return bytes += s.n * s.run, true; });
            if (bytes != 0) done(plan_.parts[i].item, bytes);
        }
        return {};
    }

  private:
    struct segment {
        std::uint64_t at;  // in the file
        std::byte* to;
        std::size_t n;
        std::uint32_t item;
    };
    // More pieces than this in one block are short: the block is read whole, and copied out.
    static constexpr std::size_t most_segments = 4096;
    // A gap costs as much as a call where it has so many bytes; and where the pieces at its sides
    // are shorter than a page, the disk reads it anyway.
    static constexpr std::uint64_t small_gap = 512, page = 4096, page_gap = 65536;
    static constexpr std::size_t least_straight = std::size_t{1} << 18;

    template <class F>
    void each_strip(const load_block& b, std::size_t i, F&& f) const noexcept {
        for_each_strip(plan_.parts[i].what, b.begin, b.end, f);
    }

    status open(const mapped_file& f) noexcept {
        if (from_ != &f) from_ = &f, open_[0].file = open_[1].file = nullptr;
        bool past = !refused_ && (settings_.how == reading::direct ||
                                  (settings_.how == reading::measured && pace_.direct()));
        const bool wanted = past;
        if (open_[past].file == nullptr) {
            opened o;
            if (status s = f.lend(past, o.own, o.file); !s) return s;
            // Where it is refused: what was lent instead reads through the cache.
            refused_ = refused_ || (wanted && !past && o.file != nullptr);
            if (o.file == &o.own) o.file = &open_[past].own;
            open_[past] = std::move(o);
        }
        file_ = open_[past].file, direct_ = past;
        return direct_ && !have_buffer() ? status(no_memory()) : status();
    }

    status read_block(const load_block& b) noexcept {
        segments_.clear();
        block_ = &b;
        std::uint64_t low = b.end, high = b.begin;
        std::size_t n = 0;
        for (std::size_t i = b.first; i < b.last; ++i)
            each_strip(b, i, [&](const strip& s) {
                n += static_cast<std::size_t>(s.n);
                const std::uint64_t end = s.dst + (s.n - 1) * s.dst_step + s.run;
                if (s.dst < low) low = s.dst;
                if (end > high) high = end;
                return true;
            });
        if (n == 0) return {};
        if (n > most_segments) return through_buffer(b, low, high);
        if (!segments_.reserve(n)) return no_memory();
        bool sorted = true;
        for (std::size_t i = b.first; i < b.last; ++i) {
            const load_part& p = plan_.parts[i];
            std::byte* to = place_of(items_[p.item]);
            each_strip(b, i, [&](const strip& s) {
                for (std::uint64_t k = 0; k < s.n; ++k) {
                    const segment g{s.dst + k * s.dst_step, to + s.src + k * s.src_step,
                                    static_cast<std::size_t>(s.run), p.item};
                    segment* before = segments_.empty() ? nullptr : &segments_.back();
                    sorted = sorted && (before == nullptr || before->at <= g.at);
                    // Tensors that follow each other in memory as they do in the file.
                    if (settings_.vectored && before != nullptr && before->at + before->n == g.at &&
                        before->to + before->n == g.to)
                        before->n += g.n;
                    else
                        (void)segments_.push(g);  // reserved
                }
                return true;
            });
        }
        n = segments_.size();
        if (!sorted)
            sort(segments_.data(), n,
                 [](const segment& x, const segment& y) { return x.at < y.at; });
        for (std::size_t i = 0; i < n;) {
            std::size_t stop = i + 1;
            std::uint64_t end = segments_[i].at + segments_[i].n;
            while (stop < n && joins(segments_[stop - 1], segments_[stop], end)) {
                end = segments_[stop].at + segments_[stop].n;
                ++stop;
            }
            if (status s = read_group(i, stop, end); !s) return s;
            i = stop;
        }
        return {};
    }
    bool joins(const segment& a, const segment& b, std::uint64_t end) const noexcept {
        if (!settings_.vectored || b.at < end || straight(a) || straight(b)) return false;
        const std::uint64_t gap = b.at - end;
        return gap <= small_gap || (gap <= page_gap && (a.n < page || b.n < page));
    }

    // Segments [first, last), which end at byte `end` of the file, with what lies between them.
    status read_group(std::size_t first, std::size_t last, std::uint64_t end) noexcept {
        const std::uint64_t at = segments_[first].at;
        std::uint64_t useful = 0;
        for (std::size_t i = first; i < last; ++i) useful += segments_[i].n;
        report.between += end - at - useful;
        if (from_memory()) {
            for (std::size_t i = first; i < last; ++i)
                std::memcpy(segments_[i].to, from_->data() + segments_[i].at, segments_[i].n);
            return {};
        }
        if (straight(segments_[first])) return read_straight(first);
        if (direct()) {
            const std::byte* data = nullptr;
            if (status s = into_buffer(at, end, segments_[first].item, data); !s) return s;
            for (std::size_t i = first; i < last; ++i)
                std::memcpy(segments_[i].to, data + (segments_[i].at - at), segments_[i].n);
            return {};
        }
        places_.clear();
        std::uint64_t reached = at;
        for (std::size_t i = first; i < last; ++i) {
            const auto gap = static_cast<std::size_t>(segments_[i].at - reached);
            if (gap != 0 && (!have_waste() || !places_.push({waste_.data(), gap})))
                return no_memory();
            if (!places_.push({segments_[i].to, segments_[i].n})) return no_memory();
            reached = segments_[i].at + segments_[i].n;
        }
        report.read += end - at, ++report.calls;
        const int os = read_pieces(*file_, at, {places_.data(), places_.size()});
        return os == 0 ? status() : status(failed(os, at, segments_[first].item));
    }

    // Whether it can be read directly into its place, and is worth the calls for its ends.
    bool straight(const segment& s) const noexcept {
        return direct() && s.n >= least_straight &&
               (reinterpret_cast<std::uintptr_t>(s.to) - s.at) % page == 0;
    }
    status read_straight(std::size_t i) noexcept {
        const segment s = segments_[i];
        const std::uint64_t end = s.at + s.n;
        const std::uint64_t from = (s.at + page - 1) / page * page, to = end / page * page;
        report.read += to - from, ++report.calls;
        const int os = file_->read(from, s.to + (from - s.at), static_cast<std::size_t>(to - from));
        if (os == raw_file::ended) return failed(os, s.at, s.item);
        if (os != 0) {
            if (status r = give_up(); !r) return r;
            return read_group(i, i + 1, end);
        }
        for (const bool tail : {false, true}) {
            const std::uint64_t at = tail ? to : s.at, stop = tail ? end : from;
            const std::byte* data = nullptr;
            if (at == stop) continue;
            if (status r = into_buffer(at, stop, s.item, data); !r) return r;
            std::memcpy(s.to + (at - s.at), data, static_cast<std::size_t>(stop - at));
        }
        return {};
    }
    // Not past the cache after all: through it.
    status give_up() noexcept {
        refused_ = true;
        const mapped_file& f = *from_;
        return open(f);
    }

    // All of [low, high), copied out strip by strip.
    status through_buffer(const load_block& b, std::uint64_t low, std::uint64_t high) noexcept {
        const std::byte* data = from_->data();
        if (!from_memory()) {
            if (status s = into_buffer(low, high, plan_.parts[b.first].item, data); !s) return s;
        } else {
            data += low;
        }
        std::uint64_t useful = 0;
        for (std::size_t i = b.first; i < b.last; ++i) {
            std::byte* to = place_of(items_[plan_.parts[i].item]);
            each_strip(b, i, [&](const strip& s) {
                copy_strip(to, data, {s.dst - low, s.src, s.n, s.dst_step, s.src_step, s.run});
                return useful += s.n * s.run, true;
            });
        }
        if (high - low > useful) report.between += high - low - useful;
        return {};
    }

    // Bytes [at, end) in a buffer of this reader; aligned as direct reading wants it.
    status into_buffer(std::uint64_t at, std::uint64_t end, std::uint32_t item,
                       const std::byte*& data) noexcept {
        if (!have_buffer()) return no_memory();
        std::byte* p = aligned(buffer_.data(), large() ? huge_page : page);
        const std::uint64_t begin = direct() ? at / page * page : at;
        data = p + (at - begin);
        for (;;) {
            std::uint64_t n = end - begin;
            if (direct()) n = (n + page - 1) / page * page;
            report.read += n, ++report.calls;
            int os = file_->read(begin, p, static_cast<std::size_t>(n));
            // The last page of a file is not whole.
            if (os == raw_file::ended && direct() && end <= from_->size() &&
                begin + n > from_->size()) {
                raw_file::facts f;
                if (file_->look(f) == 0 && f.size >= from_->size()) os = 0;
            }
            if (os == 0) return {};
            if (!direct() || os == raw_file::ended) return failed(os, at, item);
            if (status s = give_up(); !s) return s;
        }
    }

    // Memory of the caller's, or of an adapter's.
    bool from_memory() const noexcept { return file_ == nullptr; }
    bool direct() const noexcept { return direct_; }
    // A block that begins and ends anywhere in a page.
    bool have_buffer() noexcept {
        if (!buffer_.empty()) return true;
        const std::size_t room = settings_.block + 2 * page;
        if (buffer_.extend(room + (large() ? huge_page : page)) == nullptr) return false;
        if (large()) ask_for_huge_pages(aligned(buffer_.data(), huge_page), room);
        return true;
    }
    bool large() const noexcept { return settings_.block >= huge_page; }
    bool have_waste() noexcept {
        return !waste_.empty() || waste_.extend(static_cast<std::size_t>(page_gap)) != nullptr;
    }
    void drop(const load_block& b) const noexcept {
#if defined(POSIX_FADV_DONTNEED)
        (void)advise_file(file_->get(), b.begin, b.end - b.begin, POSIX_FADV_DONTNEED);
#else
        (void)b;
#endif
    }

    AKA_COLD error failed(int os, std::uint64_t at, std::uint32_t item) const noexcept {
        raw_file::facts f;
        const bool known = os == raw_file::ended && file_->look(f) == 0;
        // Which of those that were read together is not there: the first of them.
        bool found = !known;
        for (std::size_t i = block_->first; i < block_->last && !found; ++i)
            each_strip(*block_, i, [&](const strip& s) {
                if (s.dst + (s.n - 1) * s.dst_step + s.run <= f.size) return true;
                found = true, item = plan_.parts[i].item;
                if (s.dst > at) at = s.dst;
                return false;
            });
        const std::string_view name = items_[item].what.name();
        if (known)
            return fail(errc::file_changed, at, "tensor ", quoted{name}, ": the file has ", f.size,
                        " bytes now, it had ", from_->size(), " when it was opened")
                .in(from_->path());
        return fail(errc::cannot_read, at, "tensor ", quoted{name}, ": cannot read the file")
            .os(os == raw_file::ended ? 0 : os)
            .in(from_->path());
    }

    const load_plan& plan_;
    span<const load_item> items_;
    settings settings_;
    struct opened {
        const raw_file* file = nullptr;
        raw_file own;
    };
    const mapped_file* from_ = nullptr;
    opened open_[2];                  // of that file: through the cache, and past it
    const raw_file* file_ = nullptr;  // the one in use; null: its bytes are in memory
    bool direct_ = false, refused_ = false;
    load_pace pace_;
    const load_block* block_ = nullptr;  // that is being read
    growing<segment> segments_;
    growing<span<std::byte>> places_;
    growing<std::byte> buffer_, waste_;
};

}  // namespace detail
AKA_END

#endif  // AKA_LOAD_BLOCK_HPP
