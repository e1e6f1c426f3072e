#pragma once
/// Intel 82441FX PCI and Memory Controller (PMC), the host bridge of the i440FX chip set: function 0 of device 0.
/// Data sheet: Intel 440FX PCIset, order 290549-001 (1996), 3.2 "PCI Configuration Space Mapped Registers": above all
/// PAM, FDHC (fixed DRAM hole), SMRAM and TRC (turbo reset control).
/// It decides what stands between A0000h and FFFFFh: VGA, RAM or the firmware's ROM.
/// NOT IMPLEMENTED: SMRAM.D_CLS (data accesses in SMM always reach SMRAM); deturbo mode; the self-test of TRC.BISTE.
/// Timing, row and buffer registers keep what is written: all of RAM is there from the start and never errs, so ERRSTS
/// stays 0.
#include "devices/pci.h"

namespace r86 {

class I440fx : public PciFunction {
public:
    /// The subsystem IDs tell firmware what platform it runs on.
    I440fx(PhysicalMemory& memory, u16 subsystem_vendor, u16 subsystem);

    /// What A0000h-BFFFFh is while it is not SMRAM.
    void set_video(const PhysicalMemory::Mapping& video);
    /// A piece of it (whole pages) that may be accessed directly for the time being; size 0: none.
    void set_direct_video(u32 offset, u32 size, u8* host);
    /// What E0000h-FFFFFh reads as while PAM does not send it to RAM: 128 KiB.
    void set_firmware(u8* rom);
    Line init_pulse;  ///< TRC: soft reset of the processor
    Line reset_pulse; ///< TRC: hard reset

    /// The processor entered or left system management mode (its SMIACT# pin).
    void set_smm(bool active);

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    void loaded() override;

protected:
    void config_written(u8 first, unsigned size) override;

private:
    void map_segment(unsigned index);
    void map_video();
    void map_hole();
    u8 attributes(unsigned index) const;

    static constexpr unsigned kSegments = 13; // 12 of 16 KiB from C0000h, then F0000h-FFFFFh
    static constexpr u8 kUnknown = 0xFF;
    struct State {
        bool smm = false;
        u8 smram = 2; // SMRAM before the write that is being handled: D_LCK freezes it
        u8 trc = 0;   // the same of TRC: RCPU acts on its rising edge
    };
    State s_;
    PhysicalMemory& memory_;
    PhysicalMemory::Mapping video_;
    struct DirectVideo {
        u32 offset = 0;
        u32 size = 0;
        u8* host = nullptr;
    };
    DirectVideo direct_; // follows from the adapter's state
    u8* rom_ = nullptr;
    // What is mapped now; follows from the registers and SMM, so not state.
    std::array<u8, kSegments> mapped_attributes_;
    u8 mapped_video_ = kUnknown;
    u8 mapped_hole_ = 0;
};

} // namespace r86
