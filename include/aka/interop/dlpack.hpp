// aka: tensors for the frameworks that speak DLPack. Includes no header of DLPack: the struct is
// the caller's, DLManagedTensorVersioned (DLPack 1), or DLManagedTensor of earlier ones.
//
//     auto d = aka::to_dlpack<DLManagedTensorVersioned>(*model, model->find("output.weight"));
//     if (d) consumer(*d);  // and the consumer calls (*d)->deleter(*d) when it is done
#ifndef AKA_INTEROP_DLPACK_HPP
#define AKA_INTEROP_DLPACK_HPP

#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "../tensor_list.hpp"
#include "elements.hpp"

AKA_BEGIN
namespace detail {

struct dlpack_type {
    aka::dtype dtype;
    std::uint8_t code, bits;
};
// DLDataTypeCode of DLPack 1.1: 0 int, 1 uint, 2 float, 4 bfloat, 5 complex, 6 bool, then FP8, FP6
// and FP4, which DLPack packs from the lowest bit on, as safetensors does.
inline constexpr dlpack_type dlpack_types[] = {
    {dtype::f64, 2, 64},         {dtype::f32, 2, 32},     {dtype::f16, 2, 16},
    {dtype::bf16, 4, 16},        {dtype::c64, 5, 64},     {dtype::i64, 0, 64},
    {dtype::i32, 0, 32},         {dtype::i16, 0, 16},     {dtype::i8, 0, 8},
    {dtype::u64, 1, 64},         {dtype::u32, 1, 32},     {dtype::u16, 1, 16},
    {dtype::u8, 1, 8},           {dtype::boolean, 6, 8},  {dtype::f8_e4m3, 10, 8},
    {dtype::f8_e4m3fnuz, 11, 8}, {dtype::f8_e5m2, 12, 8}, {dtype::f8_e5m2fnuz, 13, 8},
    {dtype::f8_e8m0, 14, 8},     {dtype::f6_e2m3, 15, 6}, {dtype::f6_e3m2, 16, 6},
    {dtype::f4, 17, 4},
};

/// Whether the struct is the versioned one, which has flags.
template <class M, class = void>
inline constexpr bool is_versioned_dlpack = false;
template <class M>
inline constexpr bool is_versioned_dlpack<M, std::void_t<decltype(M::flags)>> = true;

inline constexpr std::uint64_t dlpack_read_only = 1, dlpack_is_copied = 2;  // flags
inline constexpr std::size_t dlpack_alignment = 256;                        // of data, says DLPack

/// What the consumer's pointer points into; sizes, strides and, of a copy, the data lie behind.
template <class M>
struct dlpack_block {
    M managed;
    store_ref keep;

    static void drop(M* m) noexcept {
        auto* block = static_cast<dlpack_block*>(m->manager_ctx);
        block->~dlpack_block();
        AKA_FREE(block);
    }
};

/// How the elements of a plain type must be aligned; 1 where bits are packed.
inline std::size_t aligned_size(dtype t) noexcept {
    const std::size_t n = info(t).swap_bytes;
    return n == 0 ? 1 : n;
}

/// Whether the bytes of a view lie in a file of this list, so that keeping the list keeps them.
inline bool holds(const tensor_list& owner, const tensor& t) noexcept {
    if (t.file_index() >= owner.file_count()) return false;
    const mapped_file& f = owner.file(t.file_index());
    const auto begin = reinterpret_cast<std::uintptr_t>(f.data());
    const auto at = reinterpret_cast<std::uintptr_t>(t.bytes().get_if()->data());
    return t.size_bytes() == 0 || (at >= begin && at - begin < f.size());
}

/// A block with everything filled in but data and flags, and with `room` bytes behind it. Errors:
/// not_found, wrong_type, no_data, size_overflow, out_of_memory.
template <class M>
result<dlpack_block<M>*> make_dlpack(const tensor& t, std::uint64_t room) noexcept {
    if (!t) return error(errc::not_found).say("there is no such tensor");
    if (!t.has_shape()) return refuse(t, errc::no_data, "its shape is not known");
    const dlpack_type* type = nullptr;
    for (const dlpack_type& row : dlpack_types)
        if (row.dtype == t.dtype()) type = &row;
    if (type == nullptr) return refuse(t, errc::wrong_type, "DLPack has no type ", t.dtype_name());
    const shape& s = t.shape();
    for (std::uint64_t n : s)
        if (n > static_cast<std::uint64_t>(INT64_MAX))
            return refuse(t, errc::size_overflow, s, " does not fit in DLPack's sizes");

    using block = dlpack_block<M>;
    const std::size_t front = sizeof(block) + 2 * sizeof(std::int64_t) * s.rank();
    void* memory =
        room > SIZE_MAX - front ? nullptr : AKA_MALLOC(front + static_cast<std::size_t>(room));
    if (memory == nullptr) return no_memory();
    auto* b = ::new (memory) block();
    auto* sizes = reinterpret_cast<std::int64_t*>(b + 1);
    std::uint64_t step = 1;
    for (std::uint32_t i = s.rank(); i-- > 0; step *= s[i]) {
        sizes[i] = static_cast<std::int64_t>(s[i]);
        sizes[s.rank() + i] = static_cast<std::int64_t>(step);
    }
    M& m = b->managed;
    m.manager_ctx = b;
    m.deleter = block::drop;
    if constexpr (is_versioned_dlpack<M>) {
        m.version.major = 1;
        m.version.minor = 1;
    }
    auto& d = m.dl_tensor;
    using device = decltype(d.device.device_type);
    d.device.device_type = static_cast<device>(1);  // kDLCPU
    d.ndim = static_cast<int>(s.rank());
    d.dtype.code = type->code;
    d.dtype.bits = type->bits;
    d.dtype.lanes = 1;
    // Strides are never left out: DLPack 1 wants them wherever there is a dimension.
    d.shape = s.rank() == 0 ? nullptr : sizes;
    d.strides = s.rank() == 0 ? nullptr : sizes + s.rank();
    return b;
}

}  // namespace detail

/// Lends `t`, a tensor of `owner`, to a consumer of DLPack: no bytes are copied, and the files stay
/// open until the consumer calls the deleter, in whatever thread, whether `owner` lives or not.
/// (What was parsed from memory stays the caller's to keep.) The memory is read-only, which the
/// versioned struct says in its flags; DLManagedTensor has no word for that, and a consumer that
/// writes all the same crashes. Errors: those of tensor::as, wrong_type for what DLPack has no type
/// for (ggml's blocks); not_found (not a tensor of `owner`); size_overflow; out_of_memory.
template <class M>
result<M*> to_dlpack(const tensor_list& owner, const tensor& t) noexcept {
    result<detail::dlpack_block<M>*> made = detail::make_dlpack<M>(t, 0);
    if (!made) return made.error();
    detail::dlpack_block<M>* b = *made.get_if();
    const std::size_t width = detail::aligned_size(t.dtype());
    status can = detail::can_be_lent(t, width);
    if (can && !detail::holds(owner, t))
        can = detail::refuse(t, errc::not_found, "it is not of the files that are to be kept");
    if (!can) return b->drop(&b->managed), can.error();
    b->keep = owner.keep();
    if (t.size_bytes() != 0)
        b->managed.dl_tensor.data = const_cast<std::byte*>(t.bytes().get_if()->data());
    if constexpr (detail::is_versioned_dlpack<M>) b->managed.flags = detail::dlpack_read_only;
    return &b->managed;
}

/// The same as a copy of the consumer's own, aligned as DLPack asks (256 bytes): also for what is
/// not one packed place in memory, not aligned, or in the other byte order. Errors: wrong_type,
/// size_overflow, out_of_memory; those of tensor::copy_to.
template <class M>
result<M*> copy_to_dlpack(const tensor& t) noexcept {
    constexpr std::size_t align = detail::dlpack_alignment;
    const std::uint64_t n = t.size_bytes();
    if (n > SIZE_MAX / 2) return detail::no_memory();
    result<detail::dlpack_block<M>*> made = detail::make_dlpack<M>(t, n + align);
    if (!made) return made.error();
    detail::dlpack_block<M>* b = *made.get_if();
    auto* behind =
        reinterpret_cast<std::byte*>(b + 1) + 2 * sizeof(std::int64_t) * t.shape().rank();
    behind += (align - reinterpret_cast<std::uintptr_t>(behind) % align) % align;
    if (status s = t.copy_to({behind, static_cast<std::size_t>(n)}); !s)
        return b->drop(&b->managed), s.error();
    if (n != 0) b->managed.dl_tensor.data = behind;
    if constexpr (detail::is_versioned_dlpack<M>) b->managed.flags = detail::dlpack_is_copied;
    return &b->managed;
}

AKA_END

#endif  // AKA_INTEROP_DLPACK_HPP
