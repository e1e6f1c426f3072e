#include "devices/i440fx.h"

namespace r86 {

namespace {
constexpr u8 kPam0 = 0x59;
constexpr u8 kFdhc = 0x68;
constexpr u8 kSmram = 0x72;
constexpr u8 kTrc = 0x93;
constexpr u8 kHardReset = 1 << 1; // TRC.SHRE
constexpr u8 kResetCpu = 1 << 2;  // TRC.RCPU
constexpr u8 kReadEnable = 1;
constexpr u8 kWriteEnable = 2;
constexpr u8 kSpaceOpen = 1 << 6;   // SMRAM.D_OPEN
constexpr u8 kSpaceLocked = 1 << 4; // SMRAM.D_LCK
constexpr u8 kSmramEnable = 1 << 3; // SMRAM.G_SMRAME
constexpr u64 kVideoBase = 0xA0000;
constexpr u64 kVideoSize = 0x20000;
constexpr PhysicalMemory::Mapping kRam{PhysicalMemory::Target::Ram, nullptr, nullptr, 0};
} // namespace

I440fx::I440fx(PhysicalMemory& memory, u16 subsystem_vendor, u16 subsystem)
    : PciFunction({0x8086, 0x1237, 0x06, 0x00, 0x00, 0x02, subsystem_vendor, subsystem}, "i440fx"), memory_(memory) {
    power_on_value(pci_register::kCommand, 2, 0x0006); // memory and bus master enable are hardwired
    writable(pci_register::kCommand, 2, 0x0140);
    power_on_value(pci_register::kStatus, 2, 0x0280);
    writable(pci_register::kInterruptLine, 1, 0);
    writable(0x0C, 1, 0);      // no cache line size
    writable(0x0D, 1, 0xF8);   // MLT
    writable(0x50, 2, 0xC374); // PMCCFG
    writable(0x52, 1, 0xFF);   // DETURBO
    power_on_value(0x53, 1, 0x83);
    writable(0x53, 4, 0xFFFFFFFF); // DBC, AXC, DRT
    power_on_value(0x57, 2, 0x1001);
    writable(0x57, 2, 0xFFFF);     // DRAMC, DRAMT
    writable(0x59, 1, 0x30);       // PAM0 has only the BIOS segment in its high nibble
    writable(0x5A, 4, 0x33333333); // PAM1-4
    writable(0x5E, 2, 0x3333);     // PAM5-6
    for (u8 drb = 0x60; drb < 0x68; drb += 4) {
        power_on_value(drb, 4, 0x01010101); // one row of 8 MiB, until firmware has looked
        writable(drb, 4, 0xFFFFFFFF);
    }
    writable(kFdhc, 1, 0xC0);
    writable(0x70, 1, 0xF8); // MTT
    power_on_value(0x71, 1, 0x10);
    writable(0x71, 1, 0x1F); // CLT
    power_on_value(kSmram, 1, 0x02);
    writable(kSmram, 1, 0x78);
    writable(0x90, 1, 0xFF); // ERRCMD
    writable(kTrc, 1, 0x0F);
    mapped_attributes_.fill(kUnknown);
}

void I440fx::set_video(const PhysicalMemory::Mapping& video) {
    video_ = video;
    mapped_video_ = kUnknown;
    map_video();
}

void I440fx::set_direct_video(u32 offset, u32 size, u8* host) {
    if (direct_.size == size && direct_.offset == offset && direct_.host == host) return;
    memory_.content_changed({kVideoBase}, kVideoSize); // instructions that were decoded from it
    direct_ = {offset, size, host};
    mapped_video_ = kUnknown;
    map_video();
}

void I440fx::set_firmware(u8* rom) {
    rom_ = rom;
    mapped_attributes_.fill(kUnknown);
    for (unsigned i = 0; i < kSegments; ++i) map_segment(i);
}

/// RE and WE of a segment. PAM0's high nibble is F0000h; the nibbles of PAM1-6 go up from C0000h.
u8 I440fx::attributes(unsigned index) const {
    if (index == kSegments - 1) return static_cast<u8>(get(kPam0, 1) >> 4 & 3);
    const u32 pam = get(static_cast<u8>(kPam0 + 1 + index / 2), 1);
    return static_cast<u8>((index % 2 ? pam >> 4 : pam) & 3);
}

void I440fx::map_segment(unsigned index) {
    const u8 wanted = attributes(index);
    if (mapped_attributes_[index] == wanted) return;
    mapped_attributes_[index] = wanted;
    const u64 base = 0xC0000 + u64{index} * 0x4000;
    const u64 size = index == kSegments - 1 ? 0x10000 : 0x4000;
    PhysicalMemory::Mapping rom;
    if (rom_ && base >= 0xE0000) rom = {PhysicalMemory::Target::Rom, rom_ + (base - 0xE0000), nullptr, 0};
    memory_.map({base}, size, wanted & kReadEnable ? kRam : rom, wanted & kWriteEnable ? kRam : rom);
}

/// SMRAM is seen when it is open, or in SMM while it is enabled; otherwise the window belongs to the VGA.
void I440fx::map_video() {
    const u32 smram = get(kSmram, 1);
    const bool visible = (smram & kSmramEnable) && ((smram & kSpaceOpen) || s_.smm);
    if (mapped_video_ == static_cast<u8>(visible)) return;
    mapped_video_ = static_cast<u8>(visible);
    memory_.map({kVideoBase}, kVideoSize, visible ? kRam : video_);
    if (!visible && direct_.size)
        memory_.map({kVideoBase + direct_.offset}, direct_.size,
                    {PhysicalMemory::Target::HostRam, direct_.host, nullptr, 0});
}

/// FDHC.HEN: a hole in RAM whose accesses go to PCI, where nothing stands: 512-640 KiB or 15-16 MiB.
void I440fx::map_hole() {
    struct Hole {
        u64 base = 0, size = 0;
    };
    static constexpr Hole kHoles[4] = {{}, {0x80000, 0x20000}, {0xF00000, 0x100000}, {}};
    const u8 wanted = static_cast<u8>(get(kFdhc, 1) >> 6);
    if (wanted == mapped_hole_) return;
    if (const Hole& old = kHoles[mapped_hole_]; old.size) memory_.map_default({old.base}, old.size);
    if (const Hole& hole = kHoles[wanted]; hole.size && hole.base < memory_.ram_size())
        memory_.map({hole.base}, hole.size, PhysicalMemory::Mapping{});
    mapped_hole_ = wanted;
}

void I440fx::set_smm(bool active) {
    s_.smm = active;
    map_video();
}

void I440fx::config_written(u8 first, unsigned size) {
    if (first <= kSmram && first + size > kSmram) {
        u32 value = get(kSmram, 1);
        if (size < 256 && (s_.smram & kSpaceLocked)) // 3.2.21: D_LCK freezes the register until reset
            value = s_.smram;
        else if (value & kSpaceLocked)
            value &= ~u32{kSpaceOpen};
        put(kSmram, 1, value);
        s_.smram = static_cast<u8>(value);
        map_video();
    }
    if (first <= kFdhc && first + size > kFdhc) map_hole();
    if (first <= kTrc && first + size > kTrc) {
        const u8 trc = static_cast<u8>(get(kTrc, 1)), rose = trc & static_cast<u8>(~s_.trc);
        s_.trc = trc;
        if (size < 256 && (rose & kResetCpu)) (trc & kHardReset ? reset_pulse : init_pulse).pulse();
    }
    if (first <= kPam0 + 6 && first + size > kPam0)
        for (unsigned i = 0; i < kSegments; ++i) map_segment(i);
}

void I440fx::reset(ResetKind kind) {
    s_ = {};
    PciFunction::reset(kind);
}

void I440fx::visit(StateVisitor& visitor) {
    PciFunction::visit(visitor);
    auto& [smm, smram, trc] = s_;
    visitor.field("smm", smm);
    visitor.field("smram", smram);
    visitor.field("trc", trc);
    visitor.field("init", init_pulse);
    visitor.field("reset", reset_pulse);
}

void I440fx::loaded() {
    PciFunction::loaded();
    map_video();
}

} // namespace r86
