// What a layout means, one element at a time: the axes are loops from the outside in, the terms of
// a sum lie one after the other. No strides, no products, and nothing of aka's.
#ifndef AKA_TEST_LAYOUT_ELEMENTS_HPP
#define AKA_TEST_LAYOUT_ELEMENTS_HPP

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace test {

// Where an element belongs: the role as the layout spells it, and a step of each axis. Rows of a
// head that do not turn have the axis `r` in place of the pair `s i`.
struct layout_element {
    std::string role;
    std::map<std::string, std::uint64_t> at;

    friend bool operator<(const layout_element& a, const layout_element& b) {
        return std::tie(a.role, a.at) < std::tie(b.role, b.at);
    }
};

struct layout_lengths {
    std::map<std::string, std::uint64_t> axes;  // how many steps each has
    std::uint64_t rest = 0;                     // rows behind the pair `s i` of a head
    std::string own;                            // the role where the layout names none
    std::set<std::string> left_out;             // axes that a bias does not have
};

class layout_elements {
  public:
    layout_elements(const std::string& text, layout_lengths lengths)
        : lengths_(std::move(lengths)) {
        const std::string signs = "()+,", ends = signs + " ";
        for (std::size_t at = 0; at < text.size();) {
            std::size_t end = std::min(text.find_first_of(ends, at), text.size());
            if (end == at) ++end;
            if (text[at] != ' ') words_.push_back(text.substr(at, end - at));
            at = end;
        }
        whole_ = read_product();
        if (next_ != words_.size()) throw std::runtime_error("layout: unexpected " + words_[next_]);
    }

    // All elements, in the order in which they lie.
    std::vector<layout_element> list() const { return list(whole_); }

    // The lengths of the dimensions, which commas part.
    std::vector<std::uint64_t> shape() const {
        std::vector<std::uint64_t> out;
        product dimension;
        for (std::size_t k = 0; k <= whole_.size(); ++k) {
            if (k < whole_.size() && whole_[k].word != ",") {
                if (!is_role(whole_[k])) dimension.push_back(whole_[k]);
            } else if (!dimension.empty()) {
                out.push_back(list(dimension).size());
                dimension.clear();
            }
        }
        return out;
    }

  private:
    struct item {
        std::string word;                      // an axis, a role or a comma
        std::vector<std::vector<item>> terms;  // or a sum
    };
    using product = std::vector<item>;
    using visitor = std::function<void(const layout_element&)>;

    bool is_role(const item& i) const {
        return i.terms.empty() && i.word != "," && lengths_.axes.count(i.word) == 0;
    }

    product read_product() {
        product out;
        for (; next_ < words_.size() && words_[next_] != ")" && words_[next_] != "+"; ++next_) {
            item i;
            i.word = words_[next_];
            if (lengths_.left_out.count(i.word) != 0) continue;
            if (i.word == "(") {
                do {
                    ++next_;
                    i.terms.push_back(read_product());
                } while (next_ < words_.size() && words_[next_] == "+");
            }
            out.push_back(std::move(i));
        }
        return out;
    }

    std::vector<layout_element> list(const product& p) const {
        std::vector<layout_element> out;
        layout_element now;
        now.role = lengths_.own;
        each(p, 0, now, [&out](const layout_element& e) { out.push_back(e); });
        return out;
    }

    // Every element that items k and on make of what is fixed so far.
    void each(const product& p, std::size_t k, layout_element now, const visitor& found) const {
        if (k == p.size()) return found(now);
        const std::string& word = p[k].word;
        for (const product& term : p[k].terms)
            each(term, 0, now, [&](const layout_element& e) { each(p, k + 1, e, found); });
        if (!p[k].terms.empty()) return;
        if (word == "s" || word == "i") return each_of_head(p, k, now, found);
        if (lengths_.axes.count(word) == 0) {
            if (word != ",") now.role = word;
            return each(p, k + 1, now, found);
        }
        for (std::uint64_t n = 0; n < lengths_.axes.at(word); ++n) {
            now.at[word] = n;
            each(p, k + 1, now, found);
        }
    }
    // The pairs in either order, and behind them the rows that do not turn.
    void each_of_head(const product& p, std::size_t k, const layout_element& now,
                      const visitor& found) const {
        layout_element turning = now, rest = now;
        const std::string &outer = p.at(k).word, &inner = p.at(k + 1).word;
        for (std::uint64_t a = 0; a < lengths_.axes.at(outer); ++a) {
            for (std::uint64_t b = 0; b < lengths_.axes.at(inner); ++b) {
                turning.at[outer] = a;
                turning.at[inner] = b;
                each(p, k + 2, turning, found);
            }
        }
        for (std::uint64_t r = 0; r < lengths_.rest; ++r) {
            rest.at["r"] = r;
            each(p, k + 2, rest, found);
        }
    }

    layout_lengths lengths_;
    std::vector<std::string> words_;
    std::size_t next_ = 0;
    product whole_;
};

}  // namespace test

#endif  // AKA_TEST_LAYOUT_ELEMENTS_HPP
