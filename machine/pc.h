#pragma once
/// The board: every chip of the PC and every wire between them, each exactly once (machine/pc.cpp).
#include "cpu/cpu.h"
#include "devices/debug_ports.h"
#include "devices/fw_cfg.h"
#include "devices/hpet.h"
#include "devices/i440fx.h"
#include "devices/i8042.h"
#include "devices/i82077aa.h"
#include "devices/i82093aa.h"
#include "devices/i8237a.h"
#include "devices/i8254.h"
#include "devices/i8259a.h"
#include "devices/ide_ata_disk.h"
#include "devices/ide_atapi_cdrom.h"
#include "devices/ide_bus_master.h"
#include "devices/ide_channel.h"
#include "devices/local_apic.h"
#include "devices/mc146818.h"
#include "devices/ns16550a.h"
#include "devices/parallel_port.h"
#include "devices/pc_speaker.h"
#include "devices/pci.h"
#include "devices/pci_vga.h"
#include "devices/piix4_ide.h"
#include "devices/piix4_isa.h"
#include "devices/piix4_pm.h"
#include "devices/port61.h"
#include "devices/ps2_keyboard.h"
#include "devices/ps2_mouse.h"
#include "devices/system_control.h"
#include "devices/vga.h"
#include "devices/vga_mmio.h"
#include "machine/config.h"
#include "machine/irq_lines.h"
#include <functional>
#include <string>
#include <vector>

namespace r86 {

/// What a chip asked of the board; the board acts at the next instruction boundary.
struct BoardRequests {
    bool init = false;  ///< INIT# of the processor
    bool reset = false; ///< PCIRST#: everything
    bool power_off = false;
    bool guest_exit = false; ///< isa-debug-exit
    u8 guest_exit_code = 0;
    bool any() const { return init || reset || power_off || guest_exit; }
};

/// A piece of the state that is saved, checked and named by itself.
struct StatePart {
    std::string name;
    u64 most_bytes = 0; ///< what it says of itself is never longer
    std::function<void(StateVisitor&)> visit;
};

class Pc {
public:
    /// `config` outlives the PC: it owns the media.
    Pc(MachineConfig& config, Log& log);

    void reset(ResetKind kind);
    /// Everything but the contents of RAM and media.
    void visit(StateVisitor& visitor);
    /// The same, part by part: the clock, the processor, each chip.
    std::vector<StatePart> parts();
    void loaded();
    /// Who hears the loudspeaker and the CD drive; nullptr: nobody. Wiring, not state.
    void connect_audio(AudioSink* sink);
    /// INIT#: the processor and its local APIC.
    void init_processor();
    /// Could a chip wake the processor from HLT?
    bool halt_may_end() const;
    /// As loaded, where decoded blocks are still right.
    void restored();

    Log& log;
    CpuModel model;
    VirtualClock clock;
    EventQueue events{clock};
    PhysicalMemory memory;
    IoBus io;
    Cpu cpu;
    BoardRequests requests;

    // Firmware as the processor sees it: whole at the end of 4 GiB, the end of it below 1 MiB.
    std::vector<u8> bios;
    std::vector<u8> bios_low;

    IrqLines irqs;
    I8259A pic_master{I8259A::Role::Master};
    I8259A pic_slave{I8259A::Role::Slave};
    ElcrPorts elcr{pic_master, pic_slave};
    LocalApic local_apic{events};
    std::unique_ptr<Hpet> hpet; // by configuration
    I82093aa io_apic;           // inputs 16-23 are free but for the HPET and test ports
    I8254 pit{events};
    Mc146818 rtc;
    I8237aPair dma{memory};
    Ps2Keyboard keyboard{events};
    Ps2Mouse mouse{events};
    I8042 kbc{events, log, keyboard, mouse};
    Port61 port61{clock, [this] { return pit.out_level(2); }};
    PcSpeaker speaker{events, [this](u64 from, u64 to) { return pit.high_cycles(2, from, to); }};
    Port92 port92;
    ResetControl reset_control;
    CoprocessorError coprocessor;
    std::array<Ns16550a, 2> serial{Ns16550a{events, "com1"}, Ns16550a{events, "com2"}};
    ParallelPort parallel{events, "lpt1"};
    I82077aa floppy{events, log, dma.channel(2)};
    Vga vga{events, log};
    IdeChannel ide_primary;
    IdeChannel ide_secondary;
    BusMasterIde bus_master{memory};
    AtapiCdrom* cdrom = nullptr; // owned by ide_secondary
    std::vector<AtaDisk*> disks; // owned by the channels
    FwCfg fw_cfg{memory};
    DebugConsole debug_console; // 402h
    DebugConsole debug_console_e9;
    PostPort post;                       // 80h
    std::unique_ptr<PostPort> post_copy; // where the configuration wants it besides
    DebugExit debug_exit{[this](int code) {
        requests.guest_exit_code = static_cast<u8>(code);
        request(&BoardRequests::guest_exit);
    }};
    IrqTestPorts irq_test{[this](unsigned line, bool level) {
        if (line < IrqLines::kLines)
            irqs.set(line, IrqLines::Source::Test, level);
        else
            io_apic.set_pin(line, level);
    }};

    PciBus pci{memory, io, log};
    I440fx pmc;
    Piix4Isa isa_bridge;
    Piix4Ide ide_function{bus_master};
    Piix4Pm pm{events};
    VgaMmio vga_mmio{vga};
    PciVga pci_vga;

private:
    void wire_processor();
    void wire_apics();
    void wire_hpet();
    void place_local_apic(u64 apic_base);
    void wire_interrupts();
    void wire_ports();
    void wire_resets();
    void wire_debugging(const MachineConfig& config);
    void wire_drives(MachineConfig& config);
    void wire_pci();
    void map_firmware();
    void request(bool BoardRequests::*what);

    /// Every chip with its name, in the order of reset and visit.
    template <class F>
    void for_each_device(F&& f);
    /// Everything that has a state, in the order of the visit.
    template <class F>
    void for_each_part(F&& f);
};

} // namespace r86
