#include "cpu/segmentation/descriptor_memo.h"

namespace r86 {

const LoadedDescriptor& remember_descriptor(LoadedDescriptor& memo, u64 raw) {
    const Descriptor descriptor{static_cast<u32>(raw), static_cast<u32>(raw >> 32)};
    const Segment segment = descriptor.segment(0);
    const u8 type = descriptor.type();
    memo.raw = raw;
    memo.base = segment.base;
    memo.limit = segment.limit;
    memo.attributes = segment.attributes;
    const u64 end = segment.expand_down() && !segment.code() ? 0 : u64{segment.limit} + 1;
    memo.read_end = (type & 0xA) == 8 ? 0 : end;
    memo.write_end = (type & 0xA) == 2 ? end : 0;
    const bool flat = segment.base == 0 && segment.limit == 0xFFFFFFFF;
    memo.flat_code = flat ? ~0u : 0;
    memo.flat_data = flat && (type & 0xE) == 2 ? ~0u : 0;
    memo.wide = segment.db() ? ~0u : 0;
    // A descriptor that was never accessed is written to when it is loaded: not by the short way.
    const bool usable = descriptor.s() && descriptor.p() && (type & 1);
    const auto dpl = static_cast<i8>(descriptor.dpl());
    memo.data_level = !usable || !descriptor.readable() ? i8{-1} : descriptor.conforming() ? i8{3} : dpl;
    memo.stack_level = usable && descriptor.writable_data() ? dpl : i8{-1};
    memo.code_level = usable && descriptor.code() && !descriptor.conforming() ? dpl : i8{-1};
    return memo;
}

} // namespace r86
