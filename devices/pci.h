#pragma once
/// PCI configuration space, base address registers and INTx lines of bus 0.
/// PCI Local Bus Specification, revision 2.2 (PCI-SIG, 1998): 3.2.2.3.2 "Software Generation of Configuration
/// Transactions" (mechanism #1), 6.1 "Configuration Space Organization", 6.2.5 "Base Addresses".
/// In a PC the host bridge owns ports CF8h-CFFh and every device of the mainboard and its slots hangs on bus 0.
/// NOT IMPLEMENTED: bridges and further buses, 64-bit BARs, capabilities (a function may add its own bytes),
/// parity and system errors, special cycles.
#include "core/bus.h"
#include "core/device.h"
#include "core/line.h"
#include "core/memory.h"
#include <array>
#include <string>
#include <vector>

namespace r86 {

class PciBus;

struct PciIdentity {
    u16 vendor = 0xFFFF;
    u16 device = 0xFFFF;
    u8 base_class = 0;
    u8 sub_class = 0;
    u8 programming_interface = 0;
    u8 revision = 0;
    u16 subsystem_vendor = 0;
    u16 subsystem = 0;
};

/// Offsets of the type 00h header, section 6.1.
namespace pci_register {
inline constexpr u8 kCommand = 0x04;
inline constexpr u8 kStatus = 0x06;
inline constexpr u8 kHeaderType = 0x0E;
inline constexpr u8 kBar0 = 0x10;
inline constexpr u8 kRomBar = 0x30;
inline constexpr u8 kInterruptLine = 0x3C;
inline constexpr u8 kInterruptPin = 0x3D;
} // namespace pci_register

/// One function: 256 bytes of configuration space with power-on values and masks of writable bits.
class PciFunction : public Device {
public:
    PciFunction(const PciIdentity& identity, std::string name);

    u32 config_read(u8 offset, unsigned size) const;
    void config_write(u8 offset, unsigned size, u32 value);
    const std::string& name() const { return name_; }
    /// INTA#; level, shared. The bus connects it to the PIRQ that the slot's wiring gives.
    Line& intx() { return intx_; }

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    void loaded() override;

protected:
    void power_on_value(u8 offset, unsigned size, u32 value);
    void writable(u8 offset, unsigned size, u32 mask);
    void write_one_to_clear(u8 offset, unsigned size, u32 mask);
    void add_port_bar(unsigned index, u16 size, PortHandler& handler);
    /// `size` is a power of two, at least 4 KiB.
    void add_memory_bar(unsigned index, u32 size, const PhysicalMemory::Mapping& mapping, bool prefetchable);
    /// What a memory BAR leads to from now on.
    void change_memory_bar(unsigned index, const PhysicalMemory::Mapping& mapping);
    void add_rom_bar(u32 size, u8* bytes);
    /// A port range that moves by other registers than a BAR: where it stands now; size 0 is nowhere.
    void place_ports(const void* owner, u16 base, u16 size, PortHandler& handler);

    u32 get(u8 offset, unsigned size) const { return config_read(offset, size); }
    void put(u8 offset, unsigned size, u32 value);
    /// After bytes [first, first + size) changed: written by the guest, or all of them by reset or load.
    virtual void config_written(u8 first, unsigned size);
    /// The function was put on its bus; `place_ports` works from here on.
    virtual void attached() {}

private:
    friend class PciBus;
    struct Bar {
        u8 offset = 0;
        bool port = false;
        u32 size = 0;
        PortHandler* ports = nullptr;
        PhysicalMemory::Mapping memory;
        u32 mapped = kUnmapped; // follows from the configuration, so not state
    };
    static constexpr u32 kUnmapped = 0;
    /// Where the guest wants the BAR now; kUnmapped if decoding is off.
    u32 wanted_base(const Bar& bar) const;
    void changed(u8 first, unsigned size);

    std::string name_;
    std::array<u8, 256> config_{};
    std::array<u8, 256> power_on_{};
    std::array<u8, 256> write_mask_{};
    std::array<u8, 256> clear_mask_{};
    std::vector<Bar> bars_;
    Line intx_;
    PciBus* bus_ = nullptr;
};

/// Ports CF8h-CFFh and the functions behind them.
class PciBus : public Device, public PortHandler {
public:
    PciBus(PhysicalMemory& memory, IoBus& io, Log& log);

    void attach(unsigned device, unsigned function, PciFunction& pci_function);
    /// The reset control register answers byte accesses at CF9h, inside the dword of CONFIG_ADDRESS.
    void set_reset_control(PortHandler& handler) { reset_control_ = &handler; }
    /// Memory BARs are decoded only inside [first, last]: RAM, firmware and interrupt controllers take precedence.
    void set_memory_window(u64 first, u64 last);
    /// Called with (PIRQ 0-3, level) whenever the wired OR of a PIRQ line changes.
    void on_pirq(std::function<void(unsigned pirq, bool level)> sink) { pirq_sink_ = std::move(sink); }

    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    u16 read16(u16 offset) override;
    void write16(u16 offset, u16 value) override;
    u32 read32(u16 offset) override;
    void write32(u16 offset, u32 value) override;

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

private:
    friend class PciFunction;
    PciFunction* selected() const;
    u32 data_read(unsigned byte, unsigned size) const;
    void data_write(unsigned byte, unsigned size, u32 value);
    void update_bars();
    void map_memory_bars();
    void drive_intx(unsigned device, bool level);

    struct State {
        u32 config_address = 0;
        std::array<u32, 4> pirq_sources{}; // for each PIRQ: bit n = device n drives it
    };
    State s_;
    PhysicalMemory& memory_;
    IoBus& io_;
    Log& log_;
    PortHandler* reset_control_ = nullptr;
    std::array<PciFunction*, 256> functions_{};
    u64 window_first_ = 0;
    u64 window_last_ = 0;
    std::function<void(unsigned, bool)> pirq_sink_;
};

} // namespace r86
