// aka: what every opened thing offers: its tensors in order, by name, and its metadata.
#ifndef AKA_TENSOR_LIST_HPP
#define AKA_TENSOR_LIST_HPP

#include <cstdint>
#include <string_view>

#include "tensor.hpp"

AKA_BEGIN

/// A counted handle on tensors and metadata that do not change any more. Copies share; const
/// calls are thread-safe; moving or dropping a handle invalidates nothing that another one holds.
class tensor_list {
  public:
    /// How many tensors there are.
    std::size_t size() const noexcept {
        return store_ ? store_->tensors.size() - store_->hidden : 0;
    }
    /// Whether there are none.
    bool empty() const noexcept { return size() == 0; }
    /// In the order of the files and of the data in them.
    tensor operator[](std::size_t i) const noexcept AKA_LIFETIMEBOUND { return at(*store_, i); }

    /// The tensor of this name; false in a condition when there is none.
    tensor find(std::string_view name) const noexcept AKA_LIFETIMEBOUND {
        if (!store_) return {};
        std::uint32_t i = store_->find(name);
        return i == detail::name_index::none ? tensor() : (*this)[i];
    }
    /// The same, as an error when there is none. Errors: not_found.
    result<tensor> get(std::string_view name) const noexcept AKA_LIFETIMEBOUND {
        if (tensor t = find(name)) return t;
        return detail::fail(errc::not_found, error::nowhere, "there is no tensor ",
                            detail::quoted{name})
            .in(size() == 0 ? std::string_view() : (*this)[0].file());
    }
    /// The same, when it also has this shape. Errors: not_found, size_mismatch.
    result<tensor> get(std::string_view name,
                       const shape& expected) const noexcept AKA_LIFETIMEBOUND {
        result<tensor> t = get(name);
        if (!t || t.get_if()->shape() == expected) return t;
        return detail::fail(errc::size_mismatch, error::nowhere, "tensor ", detail::quoted{name},
                            ": expected ", expected, ", found ", t.get_if()->shape())
            .in(t.get_if()->file());
    }

    class iterator {
      public:
        using value_type = tensor;
        using difference_type = std::ptrdiff_t;
        using reference = tensor;
        using pointer = void;
        using iterator_category = std::input_iterator_tag;

        tensor operator*() const noexcept { return at(*store_, at_); }
        iterator& operator++() noexcept { return ++at_, *this; }
        friend bool operator==(const iterator& a, const iterator& b) noexcept {
            return a.at_ == b.at_;
        }
        friend bool operator!=(const iterator& a, const iterator& b) noexcept { return !(a == b); }

      private:
        friend class tensor_list;
        iterator(const detail::store* s, std::size_t at) noexcept : store_(s), at_(at) {}
        const detail::store* store_;
        std::size_t at_;
    };
    /// Tensors are handles, made by value.
    iterator begin() const noexcept AKA_LIFETIMEBOUND { return {store_.get(), 0}; }
    /// Behind the last.
    iterator end() const noexcept AKA_LIFETIMEBOUND { return {store_.get(), size()}; }

    /// Keys and values: `__metadata__` of safetensors, all keys of GGUF.
    const aka::metadata& metadata() const noexcept AKA_LIFETIMEBOUND { return store_->keys(); }

    /// The files behind it, by the index that tensors and keys give.
    std::uint32_t file_count() const noexcept { return store_ ? store_->data().size() : 0; }
    /// File `i` of those that the tensors lie in.
    const mapped_file& file(std::uint32_t i) const noexcept AKA_LIFETIMEBOUND {
        return store_->data()[i].file;
    }
    /// Where the tensor data of a file begins, and the byte behind its last tensor.
    std::uint64_t data_begin(std::uint32_t i = 0) const noexcept {
        return store_->data()[i].data_begin;
    }
    /// Where the data of file `i` ends, counted from its first byte.
    std::uint64_t data_end(std::uint32_t i = 0) const noexcept {
        return store_->data()[i].data_end;
    }

    /// Whether no other handle holds these files, nor anything that was made of them.
    bool only_handle() const noexcept { return store_ && store_.alone(); }
    /// A further counted reference, for something that must outlive every handle in sight.
    detail::store_ref keep() const noexcept { return store_; }

  protected:
    /// Tensor `i` of a store.
    static tensor at(const detail::store& s, std::size_t i) noexcept {
        return {s.data(), s.tensors[i], s.plans.empty() ? nullptr : s.plans[i]};
    }

    tensor_list() noexcept = default;
    /// For the readers.
    explicit tensor_list(detail::store_ref s) noexcept : store_(std::move(s)) {}

    detail::store_ref store_;  ///< what all handles of one checkpoint share
};

AKA_END

#endif  // AKA_TENSOR_LIST_HPP
