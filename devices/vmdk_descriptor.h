#pragma once
/// The text part of a VMDK image: what kind it is, of which extents it consists and what it stands on.
/// Format: VMware, "Virtual Disk Format 1.1", section "The Text Descriptor File".
#include "core/types.h"
#include <string>
#include <vector>

namespace r86 {

struct VmdkDescriptor {
    u32 cid = 0xFFFFFFFE;        ///< changes with the content
    u32 parent_cid = 0xFFFFFFFF; ///< all ones: no parent
    std::string create_type{};
    std::string parent_file{};
    struct Extent {
        enum class Kind : u8 { Flat, Sparse, Zero };
        bool writable = true;
        Kind kind = Kind::Sparse;
        u64 sectors = 0;
        std::string file{};
        u64 offset = 0; ///< Flat: the sector in the file where it starts
    };
    std::vector<Extent> extents{};
    usize cid_at = 0; ///< where the eight digits of the CID stand in the text; 0: nowhere

    /// False: `problem` says what is wrong.
    bool parse(const std::string& text, std::string& problem);
    std::string text() const;
};

} // namespace r86
