#include "machine/pc.h"
#include "bios/acpi_tables.h"
#include "bios/embedded.h"
#include "bios/firmware.h"
#include "core/error.h"
#include "devices/spd.h"
#include "machine/cmos_setup.h"
#include "machine/firmware_setup.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u64 kTopOfMemory = u64{1} << 32;
constexpr u64 kIoApicBase = 0xFEC00000;
constexpr u64 kHpetBase = 0xFED00000;
constexpr u64 kInterruptControllers = kIoApicBase; // I/O APIC, local APIC and firmware stand from here on

std::vector<u8> copy(std::span<const u8> bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<u8> choose_vgabios(const MachineConfig& config) {
    if (config.no_vgabios) return {};
    return config.vgabios.empty() ? copy(bundled_vgabios().bytes) : config.vgabios;
}

} // namespace

Pc::Pc(MachineConfig& config, Log& log_)
    : log(log_), model(find_cpu_model(config.cpu)), clock(config.mips), memory(config.memory_bytes, log), io(log),
      cpu(model, memory, io, clock, log), bios(config.bios.empty() ? copy(bundled_bios().bytes) : config.bios),
      bios_low(low_window(bios)), hpet(config.hpet ? std::make_unique<Hpet>(events) : nullptr),
      io_apic(hpet || config.isa_debug_exit ? 0xFFFFFF : 0xFFFF), rtc(events, config.rtc), pmc(memory, 0x1AF4, 0x1100),
      pci_vga(vga.vram(), vga.memory().linear(), vga_mmio, choose_vgabios(config)) {
    wire_processor();
    wire_apics();
    if (hpet) wire_hpet();
    wire_interrupts();
    wire_ports();
    wire_resets();
    wire_drives(config);
    for (unsigned n = 0; n < serial.size(); ++n) {
        serial[n].connect(config.serial[n]);
        // Whatever is at the other end is there and ready: hosts wait for these before they open the line or send. Also
        // where nobody listens, as in a replay: what the guest sees is no matter of who looks on.
        serial[n].set_modem_inputs(Ns16550a::kCts | Ns16550a::kDsr | Ns16550a::kDcd);
    }
    parallel.connect(config.parallel);
    wire_debugging(config);
    wire_pci();
    map_firmware();
    if (const auto font_source = choose_vgabios(config); !font_source.empty()) vga.set_video_bios(font_source);
    set_up_fw_cfg(fw_cfg, config, model, [this] { return pm.base(); });
    reset(ResetKind::PowerOn);
    set_up_cmos(rtc, config);
}

void Pc::wire_processor() {
    cpu.hooks.acknowledge_interrupt = [this] { return local_apic.acknowledge(); };
    cpu.hooks.apic_base = [this](u64 value) { place_local_apic(value); };
    cpu.hooks.smm_changed = [this](bool active) { pmc.set_smm(active); };
    cpu.hooks.ferr = [this](bool level) { coprocessor.set_ferr(level); };
    coprocessor.ignne.connect([this](bool level) { cpu.set_ignne(level); });
    pm.smi.connect([this](bool level) {
        if (level) cpu.raise_smi();
    });
    // The last write counts, by whichever of the two. A wired OR could not be switched off by software that knows one
    // of them alone: the keyboard controller comes out of its reset with A20 on, and SeaBIOS switches the other one on.
    port92.on_a20([this](bool enabled) { cpu.set_a20(enabled); });
    kbc.on_a20([this](bool enabled) { cpu.set_a20(enabled); });
    events.on_earlier([this] { cpu.request_exit(); });
}

/// The local APIC stands between every interrupt and the processor; with IA32_APIC_BASE.EN clear, or in a model that
/// has none, it is a wire from the 8259A pair to INTR.
void Pc::wire_apics() {
    pic_master.int_out.connect([this](bool level) {
        local_apic.set_lint(0, level);
        io_apic.set_pin(0, level);
    });
    local_apic.connect_external([this] { return pic_master.acknowledge(); });
    local_apic.intr.connect([this](bool level) { cpu.set_intr(level); });
    local_apic.nmi.connect([this](bool level) { cpu.set_nmi(level); });
    local_apic.smi.connect([this](bool level) {
        if (level) cpu.raise_smi();
    });
    local_apic.on_eoi([this](u8 vector) { io_apic.end_of_interrupt(vector); });
    local_apic.on_reachable([this] { io_apic.retry(); });
    io_apic.connect([this](const ApicMessage& message) { return local_apic.deliver(message); });
    io_apic.external.connect([this](bool level) { local_apic.set_external(level); });
    if (model.has(Feature::APIC))
        memory.map({kIoApicBase}, kPageSize, {PhysicalMemory::Target::Mmio, nullptr, &io_apic, 0});
}

void Pc::wire_hpet() {
    memory.map({kHpetBase}, kPageSize, {PhysicalMemory::Target::Mmio, nullptr, hpet.get(), 0});
    hpet->connect([this](unsigned input, bool level) {
        if (input < IrqLines::kLines)
            irqs.set(input, IrqLines::Source::Hpet, level);
        else
            io_apic.set_pin(input, level);
    });
    hpet->legacy_irq[0].connect([this](bool level) { irqs.set(0, IrqLines::Source::Hpet, level); });
    hpet->legacy_irq[1].connect([this](bool level) { irqs.set(8, IrqLines::Source::Hpet, level); });
    hpet->legacy.connect([this](bool replaced) {
        irqs.set(0, IrqLines::Source::Isa, pit.out[0].level() && !replaced);
        irqs.set(8, IrqLines::Source::Isa, rtc.irq.level() && !replaced);
    });
}

/// IA32_APIC_BASE: EN in bit 11, the page of the registers from bit 12 on.
void Pc::place_local_apic(u64 apic_base) {
    const bool enabled = apic_base & 0x800;
    local_apic.set_globally_enabled(enabled);
    memory.set_overlay({apic_base & ~kPageMask}, enabled ? &local_apic : nullptr);
}

void Pc::init_processor() {
    cpu.init();
    local_apic.initialise();
}

bool Pc::halt_may_end() const {
    const bool masked = !(cpu.s.eflags & kIF);
    if (model.has(Feature::APIC) && (local_apic.may_wake(masked) || io_apic.may_wake(masked))) return true;
    return !masked && pic_master.initialised() && pic_master.imr() != 0xFF;
}

void Pc::wire_interrupts() {
    irqs.connect([this](unsigned line, bool level) {
        if (line < 8)
            pic_master.set_ir(line, level);
        else
            pic_slave.set_ir(line - 8, level);
        io_apic.set_pin(line == 0 ? 2 : line, level); // IRQ 2 is the cascade: its input is free for the timer
    });
    port61.gate2.connect([this](bool level) { pit.set_gate(2, level); });
    port61.speaker.connect([this](bool level) { speaker.set_enabled(level); });
    pit.before_change(2, [this] { speaker.catch_up(); });
    // The slave hangs on IR2 of the master, which no device can reach.
    pic_slave.int_out.connect([this](bool level) { pic_master.set_ir(2, level); });
    pic_master.connect_slave(2, [this](u8 cascade) { return pic_slave.acknowledge_cascaded(cascade); });

    const auto irq = [this](Line& line, unsigned number) {
        line.connect([this, number](bool level) { irqs.set(number, IrqLines::Source::Isa, level); });
    };
    const auto replaceable = [this](unsigned number, bool level) { // by the HPET
        irqs.set(number, IrqLines::Source::Isa, level && !(hpet && hpet->legacy.level()));
    };
    pit.out[0].connect([replaceable](bool level) { replaceable(0, level); });
    irq(kbc.irq1, 1);
    irq(serial[1].irq, 3);
    irq(serial[0].irq, 4);
    irq(floppy.irq(), 6);
    irq(parallel.irq, 7);
    rtc.irq.connect([this, replaceable](bool level) {
        replaceable(8, level);
        pm.rtc_interrupt(level);
    });
    irq(kbc.irq12, 12);
    irq(coprocessor.irq13, 13);
    irq(ide_primary.irq(), 14);
    irq(ide_secondary.irq(), 15);
    pm.sci.connect([this](bool level) { irqs.set(9, IrqLines::Source::SystemControl, level); });
    for (unsigned n = 0; n < isa_bridge.irq.size(); ++n)
        isa_bridge.irq[n].connect([this, n](bool level) { irqs.set(n, IrqLines::Source::PirqRouter, level); });
    pci.on_pirq([this](unsigned pirq, bool level) { isa_bridge.set_pirq(pirq, level); });
}

void Pc::wire_ports() {
    io.map(0x000, 16, dma.byte_controller(), "dma 1");
    io.map(0x020, 2, pic_master, "pic master");
    io.map(0x040, 4, pit, "pit");
    io.map(0x060, 1, kbc, "keyboard controller data", 0);
    io.map(0x061, 1, port61, "port 61h");
    io.map(0x064, 1, kbc, "keyboard controller command", 4);
    io.map(0x070, 4, rtc, "rtc");
    io.map(0x080, 1, post, "post code");
    io.map(0x081, 15, dma.pages(), "dma pages", 1);
    io.map(0x092, 1, port92, "port 92h");
    io.map(0x0A0, 2, pic_slave, "pic slave");
    io.map(0x0B2, 2, pm.apm_ports(), "apm control");
    io.map(0x0C0, 32, dma.word_controller(), "dma 2");
    io.map(0x0F0, 2, coprocessor, "coprocessor error");
    io.map(0x170, 8, ide_secondary.command_block(), "ide secondary");
    io.map(0x1CE, 3, vga.vbe(), "vbe");
    io.map(0x1F0, 8, ide_primary.command_block(), "ide primary");
    io.map(0x2F8, 8, serial[1], "com2");
    io.map(0x376, 1, ide_secondary.control_block(), "ide secondary control");
    io.map(0x378, 3, parallel, "lpt1");
    io.map(0x3B0, 48, vga, "vga");
    io.map(0x3F0, 6, floppy, "floppy");
    io.map(0x3F6, 1, ide_primary.control_block(), "ide primary control");
    io.map(0x3F7, 1, floppy, "floppy change line", 7);
    io.map(0x3F8, 8, serial[0], "com1");
    io.map(0x4D0, 2, elcr, "edge/level control");
    io.map(0x510, 12, fw_cfg, "fw_cfg");
    io.map(0xCF8, 8, pci, "pci configuration");
}

/// What only people who write kernels and firmware want to see.
void Pc::wire_debugging(const MachineConfig& config) {
    io.map(0x0E9, 1, debug_console_e9, "debug console E9h");
    io.map(0x402, 1, debug_console, "debug console");
    debug_console.connect(config.debug_console);
    debug_console_e9.connect(config.debug_console);
    if (config.isa_debug_exit) {
        io.map(0x0F4, 1, debug_exit, "isa-debug-exit");
        io.map(0x2000, IrqTestPorts::kLines, irq_test, "interrupt test ports");
    }
    if (!config.post_port) return;
    PostPort* source = &post;
    if (*config.post_port != 0x80) {
        for (const IoBus::Range& range : io.ranges())
            if (*config.post_port >= range.base && *config.post_port < range.base + range.count)
                throw UserError("The POST port cannot be there: that port belongs to the " + range.name + ".");
        post_copy = std::make_unique<PostPort>();
        io.map(*config.post_port, 1, *post_copy, "post code");
        source = post_copy.get();
    }
    source->on_code([sink = config.post](u8 code) {
        if (sink) sink->put(code);
    });
}

void Pc::request(bool BoardRequests::*what) {
    requests.*what = true;
    cpu.request_exit();
}

void Pc::wire_resets() {
    const auto on_rise = [this](Line& line, bool BoardRequests::*what) {
        line.connect([this, what](bool level) {
            if (level) request(what);
        });
    };
    on_rise(kbc.cpu_reset, &BoardRequests::init);
    on_rise(port92.init_pulse, &BoardRequests::init);
    on_rise(reset_control.init_pulse, &BoardRequests::init);
    on_rise(pmc.init_pulse, &BoardRequests::init);
    on_rise(local_apic.init, &BoardRequests::init);
    on_rise(reset_control.reset_pulse, &BoardRequests::reset);
    on_rise(pmc.reset_pulse, &BoardRequests::reset);
    on_rise(pm.power_off, &BoardRequests::power_off);
}

void Pc::wire_drives(MachineConfig& config) {
    bus_master.connect(ide_primary, ide_secondary);
    const auto attach = [&](IdeChannel& channel, unsigned slot, usize disk) {
        if (disk >= config.disks.size() || !config.disks[disk]) return;
        auto drive = std::make_unique<AtaDisk>(events, "disk" + std::to_string(disk), log, *config.disks[disk],
                                               "R86-" + std::to_string(disk));
        disks.push_back(drive.get());
        channel.attach(slot, std::move(drive));
    };
    attach(ide_primary, 0, 0);
    attach(ide_primary, 1, 1);
    auto cd = std::make_unique<AtapiCdrom>(events, "cdrom0", log);
    cdrom = cd.get();
    ide_secondary.attach(0, std::move(cd));
    attach(ide_secondary, 1, 2);
    if (config.cdrom) cdrom->insert(*config.cdrom);
    floppy.set_present(0, true);
    floppy.set_present(1, config.floppies[1] || config.floppy_drive_b);
    for (unsigned n = 0; n < 2; ++n)
        if (config.floppies[n]) floppy.insert(n, *config.floppies[n]);
}

void Pc::connect_audio(AudioSink* sink) {
    speaker.connect(sink);
    if (cdrom) cdrom->connect(sink);
}

void Pc::wire_pci() {
    pci.set_reset_control(reset_control);
    pci.set_memory_window(std::max<u64>(memory.ram_size(), 0x100000), kInterruptControllers - 1);
    pmc.set_video({PhysicalMemory::Target::Mmio, nullptr, &vga.window(), 0});
    vga.memory().on_direct_change([this] {
        const VgaDirect::Piece piece = vga.memory().direct();
        pmc.set_direct_video(piece.offset, piece.size, piece.host);
    });
    vga.on_linear_change([this](bool direct) { pci_vga.set_direct(direct); });
    pmc.set_firmware(bios_low.data());
    pci.attach(0, 0, pmc);
    pci.attach(1, 0, isa_bridge);
    pci.attach(1, 1, ide_function);
    pci.attach(1, 3, pm);
    u8 slot = 0x50;
    for (const auto& module : memory_modules(memory.ram_size())) pm.smbus().attach(slot++, module);
    pci.attach(2, 0, pci_vga);
    bus_master.on_master_abort([this] { ide_function.received_master_abort(); });
    ide_function.on_bus_master([this](bool enabled) { bus_master.set_bus_master_enable(enabled); });
}

void Pc::map_firmware() {
    memory.map({kTopOfMemory - bios.size()}, bios.size(), {PhysicalMemory::Target::Rom, bios.data(), nullptr, 0});
}

template <class F>
void Pc::for_each_device(F&& f) {
    f("pic_master", pic_master);
    f("pic_slave", pic_slave);
    f("local_apic", local_apic);
    f("io_apic", io_apic);
    if (hpet) f("hpet", *hpet);
    f("pit", pit);
    f("rtc", rtc);
    f("dma", dma);
    f("keyboard", keyboard);
    f("mouse", mouse);
    f("kbc", kbc);
    f("port61", port61);
    f("speaker", speaker);
    f("port92", port92);
    f("reset_control", reset_control);
    f("coprocessor", coprocessor);
    f("com1", serial[0]);
    f("com2", serial[1]);
    f("lpt1", parallel);
    f("floppy", floppy);
    f("vga", vga);
    f("ide_primary", ide_primary);
    f("ide_secondary", ide_secondary);
    f("bus_master", bus_master);
    f("fw_cfg", fw_cfg);
    f("pci", pci);
    f("i440fx", pmc);
    f("isa_bridge", isa_bridge);
    f("ide_function", ide_function);
    f("pm", pm);
    f("pci_vga", pci_vga);
    f("post", post);
    if (post_copy) f("post_copy", *post_copy);
}

void Pc::reset(ResetKind kind) {
    for_each_device([kind](const char*, Device& device) { device.reset(kind); });
    cpu.set_a20(true);
    cpu.reset(kind);
    requests = {};
}

template <class F>
void Pc::for_each_part(F&& f) {
    f("clock", clock);
    f("cpu", cpu);
    f("events", events);
    f("irqs", irqs);
    for_each_device(f);
}

void Pc::visit(StateVisitor& visitor) {
    for_each_part([&visitor](const char* name, auto& part) { visitor.field(name, part); });
}

std::vector<StatePart> Pc::parts() {
    const u64 most_bytes = u64{64} << 20;
    std::vector<StatePart> all;
    for_each_part([&all, most_bytes](const char* name, auto& part) {
        all.push_back({name, most_bytes, [name, &part](StateVisitor& visitor) { visitor.field(name, part); }});
    });
    return all;
}

void Pc::loaded() {
    restored();
    cpu.state_changed();
}

void Pc::restored() {
    requests = {};
    memory.set_overlay({cpu.s.msr.apic_base & ~kPageMask}, cpu.s.msr.apic_base & 0x800 ? &local_apic : nullptr);
    for_each_device([](const char*, Device& device) { device.loaded(); });
    cpu.state_restored();
}

} // namespace r86
