#include "devices/pci.h"
#include "core/bits.h"
#include "core/error.h"
#include <utility>

namespace r86 {

namespace {

constexpr u32 all_ones(unsigned size) { return size == 4 ? ~u32{0} : (u32{1} << (8 * size)) - 1; }

constexpr u16 kCommandIo = 1 << 0;
constexpr u16 kCommandMemory = 1 << 1;
constexpr u16 kCommandWritable = 0x0547; // I/O, memory, bus master, parity, SERR#, interrupt disable
constexpr u16 kStatusErrors = 0xF900;    // written with one to clear
constexpr u32 kConfigEnable = u32{1} << 31;

} // namespace

PciFunction::PciFunction(const PciIdentity& identity, std::string name) : name_(std::move(name)) {
    power_on_value(0x00, 2, identity.vendor);
    power_on_value(0x02, 2, identity.device);
    power_on_value(0x08, 1, identity.revision);
    power_on_value(0x09, 1, identity.programming_interface);
    power_on_value(0x0A, 1, identity.sub_class);
    power_on_value(0x0B, 1, identity.base_class);
    power_on_value(0x2C, 2, identity.subsystem_vendor);
    power_on_value(0x2E, 2, identity.subsystem);
    writable(pci_register::kCommand, 2, kCommandWritable);
    write_one_to_clear(pci_register::kStatus, 2, kStatusErrors);
    writable(0x0C, 2, 0xFFFF); // cache line size, latency timer
    writable(pci_register::kInterruptLine, 1, 0xFF);
}

void PciFunction::power_on_value(u8 offset, unsigned size, u32 value) {
    for (unsigned i = 0; i < size; ++i) power_on_[offset + i] = config_[offset + i] = static_cast<u8>(value >> (8 * i));
}

void PciFunction::writable(u8 offset, unsigned size, u32 mask) {
    for (unsigned i = 0; i < size; ++i) write_mask_[offset + i] = static_cast<u8>(mask >> (8 * i));
}

void PciFunction::write_one_to_clear(u8 offset, unsigned size, u32 mask) {
    for (unsigned i = 0; i < size; ++i) clear_mask_[offset + i] = static_cast<u8>(mask >> (8 * i));
}

void PciFunction::put(u8 offset, unsigned size, u32 value) {
    for (unsigned i = 0; i < size; ++i) config_[offset + i] = static_cast<u8>(value >> (8 * i));
}

void PciFunction::add_port_bar(unsigned index, u16 size, PortHandler& handler) {
    R86_ASSERT(std::has_single_bit(size) && size >= 4 && index < 6);
    const u8 offset = static_cast<u8>(pci_register::kBar0 + 4 * index);
    power_on_value(offset, 4, 1); // bit 0: I/O space indicator
    writable(offset, 4, ~(u32{size} - 1));
    bars_.push_back({offset, true, size, &handler, {}, kUnmapped});
}

void PciFunction::add_memory_bar(unsigned index, u32 size, const PhysicalMemory::Mapping& mapping, bool prefetchable) {
    R86_ASSERT(std::has_single_bit(size) && size >= kPageSize && index < 6);
    const u8 offset = static_cast<u8>(pci_register::kBar0 + 4 * index);
    power_on_value(offset, 4, prefetchable ? 8 : 0);
    writable(offset, 4, ~(size - 1));
    bars_.push_back({offset, false, size, nullptr, mapping, kUnmapped});
}

void PciFunction::add_rom_bar(u32 size, u8* bytes) {
    R86_ASSERT(std::has_single_bit(size) && size >= kPageSize);
    writable(pci_register::kRomBar, 4, ~(size - 1) | 1); // bit 0: address decode enable
    bars_.push_back(
        {pci_register::kRomBar, false, size, nullptr, {PhysicalMemory::Target::Rom, bytes, nullptr, 0}, kUnmapped});
}

u32 PciFunction::config_read(u8 offset, unsigned size) const {
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= u32{config_[(offset + i) & 0xFF]} << (8 * i);
    return value;
}

void PciFunction::config_write(u8 offset, unsigned size, u32 value) {
    for (unsigned i = 0; i < size; ++i) {
        const usize at = (offset + i) & 0xFF;
        const u8 byte = static_cast<u8>(value >> (8 * i));
        const u8 kept = static_cast<u8>((config_[at] & ~write_mask_[at]) | (byte & write_mask_[at]));
        config_[at] = static_cast<u8>(kept & ~(byte & clear_mask_[at]));
    }
    changed(offset, size);
}

u32 PciFunction::wanted_base(const Bar& bar) const {
    const u32 command = get(pci_register::kCommand, 2);
    const u32 value = get(bar.offset, 4);
    const u32 base = value & ~(bar.size - 1);
    if (bar.port) return (command & kCommandIo) && base <= 0x10000 - bar.size ? base : kUnmapped;
    if (!(command & kCommandMemory)) return kUnmapped;
    // 6.2.5.2: a ROM is decoded only when its own enable bit is set as well.
    if (bar.offset == pci_register::kRomBar && !(value & 1)) return kUnmapped;
    return base;
}

void PciFunction::changed(u8 first, unsigned size) {
    const auto touches = [&](unsigned low, unsigned high) { return first <= high && first + size > low; };
    if (bus_ && (touches(0x04, 0x05) || touches(0x10, 0x27) || touches(0x30, 0x33))) bus_->update_bars();
    config_written(first, size);
}

void PciFunction::config_written(u8, unsigned) {}

void PciFunction::change_memory_bar(unsigned index, const PhysicalMemory::Mapping& mapping) {
    for (Bar& bar : bars_) {
        if (bar.offset != pci_register::kBar0 + 4 * index) continue;
        bar.memory = mapping;
        if (bus_ && bar.mapped) bus_->map_memory_bars();
    }
}

void PciFunction::place_ports(const void* owner, u16 base, u16 size, PortHandler& handler) {
    if (bus_) bus_->io_.map_bar(owner, base, size, handler, name_);
}

void PciFunction::reset(ResetKind) {
    config_ = power_on_;
    intx_.set(false);
    changed(0, 256);
}

void PciFunction::visit(StateVisitor& visitor) {
    visitor.field("config", config_);
    visitor.field("intx", intx_);
}

void PciFunction::loaded() { changed(0, 256); }

PciBus::PciBus(PhysicalMemory& memory, IoBus& io, Log& log) : memory_(memory), io_(io), log_(log) {}

void PciBus::set_memory_window(u64 first, u64 last) {
    window_first_ = first;
    window_last_ = last;
}

void PciBus::attach(unsigned device, unsigned function, PciFunction& pci_function) {
    const usize index = device * 8 + function;
    R86_ASSERT(device < 32 && function < 8 && !functions_[index]);
    functions_[index] = &pci_function;
    pci_function.bus_ = this;
    pci_function.intx_.connect([this, device](bool level) { drive_intx(device, level); });
    // Claim the port BARs' places in the bus now: precedence is the order of wiring, not of the guest's writes.
    for (const PciFunction::Bar& bar : pci_function.bars_)
        if (bar.port) io_.map_bar(&bar, 0, 0, *bar.ports, pci_function.name_);
    pci_function.attached();
    pci_function.changed(0, 256);
}

/// INTA# of slot n is wired to PIRQ (n - 1) mod 4, as firmware for this chip set expects.
void PciBus::drive_intx(unsigned device, bool level) {
    const unsigned pirq = (device + 3) % 4;
    u32& sources = s_.pirq_sources[pirq];
    const bool before = sources != 0;
    sources = level ? sources | u32{1} << device : sources & ~(u32{1} << device);
    if (pirq_sink_ && before != (sources != 0)) pirq_sink_(pirq, sources != 0);
}

/// Brings what is mapped to what the configuration asks for. A BAR that leaves uncovers what lies below; where two
/// overlap, the function with the lower number wins.
void PciBus::update_bars() {
    bool memory_moved = false;
    for (PciFunction* function : functions_) {
        if (!function) continue;
        for (PciFunction::Bar& bar : function->bars_) {
            u32 base = function->wanted_base(bar);
            if (!bar.port && (base < window_first_ || u64{base} + bar.size - 1 > window_last_))
                base = PciFunction::kUnmapped;
            if (base == bar.mapped) continue;
            if (log_.enabled(LogCategory::Pci))
                log_.write(LogCategory::Pci, "%s: BAR at %02x moves from %08x to %08x", function->name_.c_str(),
                           bar.offset, bar.mapped, base);
            if (bar.port) {
                io_.map_bar(&bar, static_cast<u16>(base), base ? static_cast<u16>(bar.size) : u16{0}, *bar.ports,
                            function->name_);
            } else {
                if (bar.mapped) memory_.map_default({bar.mapped}, bar.size);
                memory_moved = true;
            }
            bar.mapped = base;
        }
    }
    if (memory_moved) map_memory_bars();
}

/// From the last function to the first, so that the first wins where BARs overlap.
void PciBus::map_memory_bars() {
    for (usize index = functions_.size(); index-- > 0;) {
        PciFunction* function = functions_[index];
        if (!function) continue;
        for (const PciFunction::Bar& bar : function->bars_)
            if (!bar.port && bar.mapped) memory_.map({bar.mapped}, bar.size, bar.memory);
    }
}

PciFunction* PciBus::selected() const {
    if (!(s_.config_address & kConfigEnable) || bits(s_.config_address, 23, 16) != 0) return nullptr;
    return functions_[bits(s_.config_address, 15, 8)];
}

u32 PciBus::data_read(unsigned byte, unsigned size) const {
    const PciFunction* function = selected();
    if (!function) return all_ones(size);
    return function->config_read(static_cast<u8>((s_.config_address & 0xFC) | byte), size);
}

void PciBus::data_write(unsigned byte, unsigned size, u32 value) {
    PciFunction* function = selected();
    if (!function) return;
    const u8 offset = static_cast<u8>((s_.config_address & 0xFC) | byte);
    if (log_.enabled(LogCategory::Pci))
        log_.write(LogCategory::Pci, "%s: config %02x <- %0*x", function->name_.c_str(), offset,
                   static_cast<int>(2 * size), value);
    function->config_write(offset, size, value);
}

// Only a dword access reaches CONFIG_ADDRESS; others pass to the ISA bus, where CF9h is the reset control register.
u8 PciBus::read8(u16 offset) {
    if (offset >= 4) return static_cast<u8>(data_read(offset & 3, 1));
    return offset == 1 && reset_control_ ? reset_control_->read8(0) : u8{0xFF};
}

void PciBus::write8(u16 offset, u8 value) {
    if (offset >= 4)
        data_write(offset & 3, 1, value);
    else if (offset == 1 && reset_control_)
        reset_control_->write8(0, value);
}

u16 PciBus::read16(u16 offset) {
    if (offset >= 4 && offset != 7) return static_cast<u16>(data_read(offset & 3, 2));
    return PortHandler::read16(offset);
}

void PciBus::write16(u16 offset, u16 value) {
    if (offset >= 4 && offset != 7)
        data_write(offset & 3, 2, value);
    else
        PortHandler::write16(offset, value);
}

u32 PciBus::read32(u16 offset) {
    if (offset == 0) return s_.config_address;
    return offset == 4 ? data_read(0, 4) : PortHandler::read32(offset);
}

void PciBus::write32(u16 offset, u32 value) {
    if (offset == 0)
        s_.config_address = value & 0x80FFFFFC; // reserved bits read as 0
    else if (offset == 4)
        data_write(0, 4, value);
    else
        PortHandler::write32(offset, value);
}

// The wired ORs are not touched: each function releases its own line when it is reset.
void PciBus::reset(ResetKind) { s_.config_address = 0; }

void PciBus::visit(StateVisitor& visitor) {
    auto& [config_address, pirq_sources] = s_;
    visitor.field("config_address", config_address);
    visitor.field("pirq_sources", pirq_sources);
}

} // namespace r86
