// A checkpoint's tensors by what they are: role, layer, expert and part, in one layout whatever the
// file's is. What no role can be said of keeps its name.
#ifndef AKA_CLI_PLACED_HPP
#define AKA_CLI_PLACED_HPP

#include <aka/llama.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "adapted.hpp"

namespace cli {

struct placed {
    aka::role role = aka::role::none;
    std::int32_t layer = -1, expert = -1, head = -1;
    std::string_view part, name;  // the name only where there is no role
    aka::tensor tensor;
    const aka::tensor_list* list = nullptr;  // that the tensor is of

    // The model's own first, then layer by layer.
    auto key() const { return std::tie(layer, role, expert, head, part, name); }
    friend bool operator<(const placed& a, const placed& b) { return a.key() < b.key(); }
};

class placed_checkpoint {
  public:
    static aka::result<placed_checkpoint> open(const std::string& path, const aka::catalog& known) {
        aka::checkpoint_options how;
        how.unknown_dtypes = true;
        auto opened = aka::checkpoint::open(path, how);
        if (!opened) return opened.error();
        return placed_checkpoint(std::move(*opened), path, known);
    }

    const aka::checkpoint& file() const { return file_; }
    const std::string& path() const { return path_; }
    bool bound() const { return model_.has_value(); }
    // Why not.
    const aka::error& reason() const { return reason_; }
    const aka::llama& model() const { return *model_; }
    // In which order the file has the rows of q and k.
    aka::rope_order stored_rope() const { return model_->source().rope(); }
    bool tied() const {
        return model_ && !model_->get(aka::role::output) &&
               model_->hparams().tied != aka::hparams::answer::no;
    }

    // Binds again, in this order of the rows of q and k; `unknown`: as the file has them.
    bool bind(aka::rope_order rope) {
        auto bound = bound_in(rope);
        if (!bound) return reason_ = bound.error(), model_.reset(), false;
        model_.emplace(std::move(*bound));
        return true;
    }
    void unbind() { model_.reset(); }
    aka::result<aka::llama> bound_in(aka::rope_order rope) const {
        aka::llama_options o;
        o.rope = rope;
        return aka::llama::bind(file_, o, *known_);
    }

    // Sorted. Experts one by one, however they are stored.
    std::vector<placed> tensors() const {
        std::vector<placed> out;
        if (!model_) {
            for (const aka::tensor t : file_) out.push_back(by_name(t));
        } else {
            out = of(*model_);
            for (const aka::ledger_entry& e : model_->unbound())
                if (e.why != "holds no weights") out.push_back(by_name(file_.find(e.name)));
        }
        std::sort(out.begin(), out.end());
        return out;
    }
    static std::vector<placed> of(const aka::llama& model) {
        std::vector<placed> out;
        const aka::adapter& roles = model.tensors();
        out.reserve(roles.size());
        for (const aka::tensor t : roles) {
            const auto name = roles.convention().parse(t.name());
            if (!name || name->row->roles.size() == 0) continue;
            placed p;
            p.role = name->row->roles[0];
            p.layer = name->layer;
            p.expert = name->expert;
            p.head = name->head;
            p.part = name->part.empty() ? name->row->part : name->part;
            if (p.part.empty()) p.part = "weight";
            p.tensor = t;
            p.list = &roles;
            const bool stack = aka::is_expert(p.role) && p.expert < 0 && t.shape().rank() > 1;
            if (!stack) out.push_back(p);
            for (std::uint64_t e = 0; stack && e < t.shape()[0]; ++e) {
                const auto one = t.select(e);
                if (!one) {  // packed otherwise: as a whole
                    out.push_back(p);
                    break;
                }
                p.expert = static_cast<std::int32_t>(e);
                p.tensor = *one;
                out.push_back(p);
            }
        }
        return out;
    }

  private:
    placed_checkpoint(aka::checkpoint file, std::string path, const aka::catalog& known)
        : file_(std::move(file)), path_(std::move(path)), known_(&known) {}
    placed by_name(const aka::tensor& t) const {
        placed p;
        p.name = t.name();
        p.tensor = t;
        p.list = &file_;
        return p;
    }

    aka::checkpoint file_;
    std::string path_;
    const aka::catalog* known_;
    std::optional<aka::llama> model_;
    aka::error reason_;
};

}  // namespace cli

#endif  // AKA_CLI_PLACED_HPP
