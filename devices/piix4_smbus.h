#pragma once
/// SMBus host controller of the Intel 82371AB PIIX4, with the EEPROMs of the memory modules on its bus.
/// Data sheet: Intel 82371AB (PIIX4), order 290562-001 (1997), 7.3 "SMBus I/O Space Registers"; System Management Bus
/// Specification 1.0; the EEPROMs as the 24C02, whose contents devices/spd.h makes.
/// In a PC: 16 ports where function 3 of the PIIX4 places them. A transfer takes the time of its bytes at 100 kHz.
/// NOT IMPLEMENTED: the slave interface with its shadow ports and SMBALERT# (its registers keep what is written);
/// writing to the EEPROMs (modules protect them: the bytes are taken and forgotten).
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/line.h"
#include <array>
#include <map>

namespace r86 {

class Piix4Smbus final : public PortHandler {
public:
    using Eeprom = std::array<u8, 256>;

    explicit Piix4Smbus(EventQueue& events);

    /// Status bits 1 to 4 are set and the host wants to know (SMBHSTCNT.INTEREN); where it goes is for the owner to
    /// say.
    Line interrupt;

    /// A memory module; `address` is that of the bus, 50h to 57h. Contents are configuration, not state.
    void attach(u8 address, const Eeprom& content) { eeproms_[address] = content; }

    void reset();
    void visit(StateVisitor& visitor);
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;

private:
    static constexpr usize kBlock = 32;
    struct State {
        u8 status = 0, control = 0, command = 0, address = 0;
        std::array<u8, 2> data{};
        std::array<u8, kBlock> block{};
        u8 block_index = 0;
        std::array<u8, 9> slave{};  ///< ports 1h and 8h to Fh
        std::array<u8, 8> pointers; ///< address counters of the EEPROMs
    };

    void start();
    void complete();
    bool transfer();
    u8 next_byte(const Eeprom& eeprom);
    unsigned bytes_on_bus() const;
    void update();

    State s_{};
    Timer timer_;
    std::map<u8, Eeprom> eeproms_;
};

} // namespace r86
