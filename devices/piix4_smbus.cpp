#include "devices/piix4_smbus.h"
#include "core/bits.h"

namespace r86 {

namespace {

// 7.3: offsets from SMBBA.
enum Offset : u16 { kStatus = 0, kControl = 2, kCommand, kAddress, kData0, kData1, kBlockData };
// SMBHSTSTS.
constexpr u8 kHostBusy = 1 << 0, kDone = 1 << 1, kDeviceError = 1 << 2, kFailed = 1 << 4, kWrittenOne = 0x1E;
// SMBHSTCNT.
constexpr u8 kInterruptEnable = 1 << 0, kKill = 1 << 1, kStart = 1 << 6;
enum Protocol : u8 { kQuick, kByte, kByteData, kWordData, kBlockProtocol = 5 };

constexpr u64 kByteNs = 90'000; // nine clocks at 100 kHz

} // namespace

Piix4Smbus::Piix4Smbus(EventQueue& events) : timer_(events, "piix4_smbus", [this](u64) { complete(); }) {}

void Piix4Smbus::reset() {
    s_ = {};
    timer_.cancel();
    update();
}

void Piix4Smbus::visit(StateVisitor& v) {
    auto& [status, control, command, address, data, block, block_index, slave, pointers] = s_;
    v.field("status", status);
    v.field("control", control);
    v.field("command", command);
    v.field("address", address);
    v.field("data", data);
    v.field("block", block);
    v.field("block_index", block_index);
    v.field("slave", slave);
    v.field("pointers", pointers);
    v.field("interrupt", interrupt);
    if (v.loading()) block_index &= kBlock - 1;
}

void Piix4Smbus::update() { interrupt.set((s_.control & kInterruptEnable) && (s_.status & kWrittenOne)); }

u8 Piix4Smbus::read8(u16 offset) {
    switch (offset & 15) {
    case kStatus: return s_.status;
    case kControl: s_.block_index = 0; return s_.control; // reading it resets the index into the block
    case kCommand: return s_.command;
    case kAddress: return s_.address;
    case kData0: return s_.data[0];
    case kData1: return s_.data[1];
    case kBlockData: {
        const u8 value = s_.block[s_.block_index];
        s_.block_index = (s_.block_index + 1) & (kBlock - 1);
        return value;
    }
    case 1: return s_.slave[0];
    default: return s_.slave[(offset & 15) - 7u];
    }
}

void Piix4Smbus::write8(u16 offset, u8 value) {
    switch (offset & 15) {
    case kStatus: s_.status &= static_cast<u8>(~(value & kWrittenOne)); break;
    case kControl:
        s_.control = value & 0x1F;
        if ((value & kKill) && (s_.status & kHostBusy)) {
            timer_.cancel();
            s_.status = static_cast<u8>((s_.status & ~kHostBusy) | kFailed);
        } else if ((value & kStart) && !(s_.status & kHostBusy)) {
            start();
        }
        break;
    case kCommand: s_.command = value; break;
    case kAddress: s_.address = value; break;
    case kData0: s_.data[0] = value; break;
    case kData1: s_.data[1] = value; break;
    case kBlockData:
        s_.block[s_.block_index] = value;
        s_.block_index = (s_.block_index + 1) & (kBlock - 1);
        break;
    case 1: s_.slave[0] = 0; break; // SMBSLVSTS: nothing ever happens there
    default: s_.slave[(offset & 15) - 7u] = value; break;
    }
    update();
}

unsigned Piix4Smbus::bytes_on_bus() const {
    const bool reads = s_.address & 1;
    switch (bits(s_.control, 4, 2)) {
    case kQuick: return 1;
    case kByte: return 2;
    case kByteData: return reads ? 4 : 3;
    case kWordData: return reads ? 5 : 4;
    default: return (reads ? 4 : 3) + kBlock;
    }
}

void Piix4Smbus::start() {
    s_.status |= kHostBusy;
    // An address that nobody acknowledges ends it.
    timer_.arm_after(kByteNs * (eeproms_.contains(s_.address >> 1) ? bytes_on_bus() : 1));
}

void Piix4Smbus::complete() {
    s_.status &= static_cast<u8>(~kHostBusy);
    s_.status |= transfer() ? kDone : kDeviceError;
    update();
}

u8 Piix4Smbus::next_byte(const Eeprom& eeprom) { return eeprom[s_.pointers[s_.address >> 1 & 7]++]; }

/// False: no device, or a protocol that does not exist. "Command" is the EEPROM's address counter.
bool Piix4Smbus::transfer() {
    const auto found = eeproms_.find(s_.address >> 1);
    if (found == eeproms_.end()) return false;
    const Eeprom& eeprom = found->second;
    const bool reads = s_.address & 1;
    const u8 protocol = static_cast<u8>(bits(s_.control, 4, 2));
    if (protocol == kQuick) return true;
    if (!(protocol == kByte && reads)) s_.pointers[s_.address >> 1 & 7] = s_.command;
    if (!reads) return protocol <= kWordData || protocol == kBlockProtocol; // write-protected
    switch (protocol) {
    case kByte:
    case kByteData: s_.data[0] = next_byte(eeprom); return true;
    case kWordData:
        s_.data[0] = next_byte(eeprom);
        s_.data[1] = next_byte(eeprom);
        return true;
    case kBlockProtocol: { // the device says how many bytes follow
        const u8 count = next_byte(eeprom);
        if (count == 0 || count > kBlock) return false;
        s_.data[0] = count;
        for (u8 i = 0; i < count; ++i) s_.block[i] = next_byte(eeprom);
        s_.block_index = 0;
        return true;
    }
    default: return false;
    }
}

} // namespace r86
