#pragma once
/// The firmware configuration device of the QEMU platform: items that firmware reads by number or by file name.
/// Specification: QEMU, "QEMU Firmware Configuration (fw_cfg) Device" (docs/specs/fw_cfg), sections "Register
/// Locations", "Firmware Configuration Items", "Guest-side DMA Interface". SeaBIOS learns memory size, boot order, ACPI
/// and SMBIOS tables and option ROMs from it.
/// NOT IMPLEMENTED: items that the guest may write (DMA writes end with the error bit).
#include "core/bus.h"
#include "core/device.h"
#include "core/memory.h"
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace r86 {

/// Numbers of items that are not files.
namespace fw_cfg_item {
inline constexpr u16 kSignature = 0x00;
inline constexpr u16 kId = 0x01;
inline constexpr u16 kRamSize = 0x03;
inline constexpr u16 kNoGraphic = 0x04;
inline constexpr u16 kCpuCount = 0x05;
inline constexpr u16 kKernelAddress = 0x07;
inline constexpr u16 kKernelSize = 0x08;
inline constexpr u16 kInitrdAddress = 0x0A;
inline constexpr u16 kInitrdSize = 0x0B;
inline constexpr u16 kBootDevice = 0x0C;
inline constexpr u16 kNuma = 0x0D;
inline constexpr u16 kBootMenu = 0x0E;
inline constexpr u16 kMaxCpus = 0x0F;
inline constexpr u16 kKernelEntry = 0x10;
inline constexpr u16 kKernelData = 0x11;
inline constexpr u16 kInitrdData = 0x12;
inline constexpr u16 kCommandLineAddress = 0x13;
inline constexpr u16 kCommandLineSize = 0x14;
inline constexpr u16 kCommandLineData = 0x15;
inline constexpr u16 kSetupAddress = 0x16;
inline constexpr u16 kSetupSize = 0x17;
inline constexpr u16 kSetupData = 0x18;
inline constexpr u16 kFileDirectory = 0x19;
inline constexpr u16 kFirstFile = 0x20;
inline constexpr u16 kArchLocal = 0x8000; // with bit 15: items of the x86 PC
inline constexpr u16 kIrq0Override = kArchLocal | 2;
} // namespace fw_cfg_item

class FwCfg : public Device, public PortHandler {
public:
    explicit FwCfg(PhysicalMemory& memory);

    // For the board, before power-on. Contents are configuration, not state.
    void add_item(u16 item, std::vector<u8> content) { items_[item] = std::move(content); }
    void add_number(u16 item, u64 value, unsigned bytes);
    /// Name at most 55 characters. Files get their numbers in the order of their names.
    void add_file(const std::string& name, std::vector<u8> content) { files_[name] = std::move(content); }
    /// Words of a file, little-endian at `offsets`, that name ports above a base which firmware chooses: whenever the
    /// file is selected they move to where `base()` is then. The file was written for `initial`.
    void follow_base(const std::string& name, std::vector<usize> offsets, u16 initial, std::function<u16()> base);
    /// Makes the directory from the files that were added.
    void finish();
    /// What an item holds; empty if there is none.
    std::span<const u8> item(u16 number) const;

    /// Offset 0: selector (word), 1: data (byte), 4-11: DMA address, high half first, big endian.
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    u16 read16(u16 offset) override;
    void write16(u16 offset, u16 value) override;
    void write32(u16 offset, u32 value) override;

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

private:
    struct Follower {
        std::string file;
        u16 item = 0;
        std::vector<usize> offsets;
        u16 initial = 0;
        std::function<u16()> base;
    };
    void select(u16 item);
    void run_dma();
    void move_words(u16 base);

    struct State {
        u16 selector = 0;
        u32 position = 0;
        u64 dma_address = 0;
        u16 base = 0; ///< that the words of the follower name now
    };
    State s_;
    PhysicalMemory& memory_;
    std::map<u16, std::vector<u8>> items_;
    std::map<std::string, std::vector<u8>> files_;
    Follower follower_;
};

} // namespace r86
