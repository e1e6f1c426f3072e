#include "frontend/cli/texts.h"
#include "bios/embedded.h"
#include "core/error.h"
#include "core/log.h"
#include "cpu/model.h"
#include "devices/scancodes.h"
#include "frontend/script/command_line.h"
#include <cstdio>

namespace r86 {

namespace {

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

std::string padded(std::string text, usize width) {
    text.resize(std::max(width, text.size() + 1), ' ');
    return text;
}

void list_cpus() {
    for (const CpuModel& model : cpu_models()) print(padded(model.name, 12) + model.description + "\n");
    print("\nFeatures are switched with +NAME and -NAME, for example --cpu pentium3,-sse or max,+popcnt;\n"
          "cpuid-limit=N lowers the highest CPUID leaf, which some old systems need.\n");
}

void list_devices() {
    print("chip              in the PC                             ports, lines\n"
          "i440FX            host bridge, PAM, SMRAM               PCI 0:0.0\n"
          "PIIX3/PIIX4       ISA bridge, IDE, power management     PCI 0:1.0, 0:1.1, 0:1.3\n"
          "8259A, two        interrupt controllers                 20h, A0h, 4D0h\n"
          "local APIC        all models but the 486               FEE00000h\n"
          "82093AA           I/O APIC, with the local APIC        FEC00000h\n"
          "8254              timer                                 40h, IRQ 0\n"
          "MC146818          real-time clock, CMOS RAM             70h, IRQ 8\n"
          "8237A, two        DMA                                   00h, 80h, C0h\n"
          "8042              keyboard controller, PS/2 mouse       60h, 64h, IRQ 1, IRQ 12\n"
          "VGA               with Bochs VBE, 16 MiB                3B0h-3DFh, 1CEh, PCI 0:2.0\n"
          "IDE, two          disk0 disk1, cdrom0 disk2             1F0h IRQ 14, 170h IRQ 15\n"
          "82077AA           floppy0, floppy1                      3F0h, IRQ 6, DMA 2\n"
          "NS16550A, two     COM1, COM2                            3F8h IRQ 4, 2F8h IRQ 3\n"
          "parallel port     LPT1                                  378h, IRQ 7\n"
          "speaker           PC speaker                            61h\n"
          "debug console     --debugcon                            402h, E9h\n"
          "hpet              --hpet                                FED00000h\n"
          "isa-debug-exit    --isa-debug-exit                      F4h; 2000h-2017h raise interrupt lines\n"
          "fw_cfg            firmware configuration                510h\n");
}

void list_keys() {
    std::string line;
    for (const std::string_view name : key_names()) {
        if (line.size() + name.size() + 1 > 78) {
            print(line + "\n");
            line.clear();
        }
        if (!line.empty()) line += ' ';
        line += name;
    }
    print(line + "\n\nKeys that are held together are joined with '-': key ctrl-alt-delete\n");
}

} // namespace

std::string program_summary() {
    return "rewind86: a PC in software that boots real operating systems.\n"
           "Further commands: rewind86 image ... (disk images), rewind86 replay ... (recordings).";
}

std::string help_footer() {
    std::string commands = "Session commands (--script):\n";
    for (unsigned id = 0; id < static_cast<unsigned>(CommandId::Seek); ++id) {
        const CommandInfo& info = command_info(static_cast<CommandId>(id));
        commands += "  " + padded(std::string(info.name) + " " + std::string(info.usage), 34) +
                    std::string(info.summary) + "\n";
    }
    std::string categories;
    for (unsigned i = 0; i < static_cast<unsigned>(LogCategory::Count); ++i)
        categories += std::string(i ? "," : "") + Log::name(static_cast<LogCategory>(i));
    return "In the window Right Ctrl (--host-key) with F1 lists what its keys do; those for time travel: Backspace, "
           "held,\n"
           "runs backwards, H opens the time slider, comma and full stop go by frames, Enter plays on from there.\n\n"
           "Examples:\n"
           "  rewind86 freedos.img                         a floppy, a disk or a CD in a window\n"
           "  rewind86 --boot d --cdrom install.iso --disk c.img --memory 256M\n"
           "                                               install a system from CD to a disk image\n"
           "  rewind86 --snapshot c.img                    try something; the image stays as it is\n"
           "  rewind86 --display terminal freedos.img      without a window, in this terminal\n"
           "  rewind86 --headless --kernel vmlinuz --initrd initrd.gz --append console=ttyS0 --serial stdio\n"
           "                                               a Linux kernel on the serial line; Ctrl-A X quits\n"
           "  rewind86 --headless --script boot.script dos.img\n"
           "                                               wait for text, type, look: a test of a guest\n"
           "  rewind86 --headless --until-instructions 1000000000 --digest-at 1000000000 dos.img\n"
           "                                               twice the same digest: runs are reproducible\n\n" +
           commands + "\nTrace categories: " + categories +
           "\nExit status: 0 the guest powered off, the script ended or a stop that was asked for; 1 wrong use or "
           "host\n"
           "error; 3 a wait ran out; 4 triple fault (--no-reboot) or a halt that nothing can end; else the guest's "
           "own.\n";
}

void print_version() {
    print("rewind86 " R86_VERSION "\n");
    for (const EmbeddedFile& file : {bundled_bios(), bundled_vgabios()})
        print(padded(std::string(file.name), 24) + std::string(file.version) + "\n  SHA-256 " +
              std::string(file.sha256) + "\n");
}

void print_list(const std::string& what) {
    if (what == "cpus")
        list_cpus();
    else if (what == "devices")
        list_devices();
    else if (what == "keys")
        list_keys();
    else
        throw UserError("--list: '" + what + "' is unknown; use cpus, devices or keys");
}

} // namespace r86
