#include "bios/acpi_tables.h"
#include "bios/byte_writer.h"
#include "bios/embedded.h"
#include "core/byte_order.h"
#include "core/error.h"
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace r86 {

namespace {

constexpr std::string_view kTables = "etc/acpi/tables";
constexpr std::string_view kRsdp = "etc/acpi/rsdp";
constexpr usize kChecksumOffset = 9;
constexpr usize kAddressInGas = 4; // of a generic address structure

/// Commands of the table loader; 128 bytes each.
class LoaderScript {
public:
    ByteWriter out;

    enum class Zone : u8 { High = 1, FSegment = 2 };
    void allocate(std::string_view file, u32 alignment, Zone zone) {
        out.number(1, 4).text(file, 56).number(alignment, 4).number(static_cast<u8>(zone), 1);
        finish();
    }
    /// Adds the address of `source` to the number at `offset` of `destination`.
    void add_pointer(std::string_view destination, std::string_view source, usize offset, u8 size) {
        out.number(2, 4).text(destination, 56).text(source, 56).number(offset, 4).number(size, 1);
        finish();
    }
    void add_checksum(std::string_view file, usize offset, usize start, usize length) {
        out.number(3, 4).text(file, 56).number(offset, 4).number(start, 4).number(length, 4);
        finish();
    }

private:
    void finish() { out.align(128); }
};

usize begin_table(ByteWriter& out, std::string_view signature, u8 revision) {
    const usize start = out.size();
    out.text(signature, 4).number(0, 4).number(revision, 1).number(0, 1);
    out.text("R86", 6, ' ').text("REWIND86", 8).number(1, 4).text("R86", 4, ' ').number(1, 4);
    return start;
}

void end_table(ByteWriter& out, LoaderScript& loader, usize start) {
    out.patch(start + 4, out.size() - start, 4);
    loader.add_checksum(kTables, start + kChecksumOffset, start, out.size() - start);
}

/// FACS, ACPI 1.0b, 5.2.6: 64 bytes on a 64-byte boundary.
usize add_facs(ByteWriter& out) {
    out.align(64);
    const usize start = out.size();
    out.text("FACS", 4).number(64, 4).zeros(56);
    return start;
}

usize position_of(std::span<const u8> pattern, std::span<const u8> bytes) {
    const auto found = std::search(bytes.begin(), bytes.end(), pattern.begin(), pattern.end());
    R86_ASSERT(found != bytes.end());
    return static_cast<usize>(found - bytes.begin());
}

usize add_dsdt(ByteWriter& out, LoaderScript& loader, u32 pci_start, std::vector<usize>& pm_ports) {
    const usize start = out.size();
    std::vector<u8> dsdt(compiled_dsdt().begin(), compiled_dsdt().end());
    // Name (MEMS, DWordConst): NameOp, four letters, DWordPrefix, value.
    static constexpr std::array<u8, 6> kName = {0x08, 'M', 'E', 'M', 'S', 0x0C};
    store_le<u32>(&dsdt[position_of(kName, dsdt) + kName.size()], pci_start);
    // IO (Decode16, base, base, ...): tag, decoding, lowest and highest base (ACPI 1.0b, 6.4.2.5).
    static constexpr std::array<u8, 6> kPorts = {0x47,         0x01,           kPmBase & 0xFF,
                                                 kPmBase >> 8, kPmBase & 0xFF, kPmBase >> 8};
    const usize ports = start + position_of(kPorts, dsdt);
    pm_ports.insert(pm_ports.end(), {ports + 2, ports + 4});
    dsdt[kChecksumOffset] = 0;
    out.append(dsdt);
    loader.add_checksum(kTables, start + kChecksumOffset, start, dsdt.size());
    return start;
}

/// Generic address structure, ACPI 2.0a, 5.2.3.1.
void add_port_address(ByteWriter& out, u16 port, u8 bits) {
    out.number(port ? 1 : 0, 1).number(bits, 1).number(0, 1).number(0, 1).number(port, 8);
}

/// FADT, ACPI 2.0a, 5.2.8, revision 3 for its reset register.
usize add_fadt(ByteWriter& out, LoaderScript& loader, usize facs, usize dsdt, std::vector<usize>& pm_ports) {
    constexpr u32 kWbinvd = 1 << 0, kProcC1 = 1 << 2, kSleepButton = 1 << 5, kRtcS4 = 1 << 7, kResetRegister = 1 << 10;
    constexpr u16 kLegacyDevices = 1 << 0, k8042 = 1 << 1;
    const usize start = begin_table(out, "FACP", 3);
    const auto pm_port = [&](u16 offset) { // a register block, 32 bits
        pm_ports.push_back(out.size());
        out.number(kPmBase + offset, 4);
    };
    const auto pm_address = [&](u16 offset, u8 bits) {
        pm_ports.push_back(out.size() + kAddressInGas);
        add_port_address(out, static_cast<u16>(kPmBase + offset), bits);
    };
    out.number(facs, 4).number(dsdt, 4);
    out.number(0, 1);                    // reserved; in 1.0 the interrupt model: PIC
    out.number(0, 1);                    // preferred profile: unspecified
    out.number(9, 2);                    // SCI_INT
    out.number(0xB2, 4);                 // SMI_CMD
    out.number(0xF1, 1).number(0xF0, 1); // ACPI_ENABLE, ACPI_DISABLE
    out.number(0, 1).number(0, 1);       // S4BIOS_REQ, PSTATE_CNT
    pm_port(0);                          // PM1a_EVT_BLK
    out.number(0, 4);                    // PM1b_EVT_BLK
    pm_port(4);                          // PM1a_CNT_BLK
    out.number(0, 4);                    // PM1b_CNT_BLK
    out.number(0, 4);                    // PM2_CNT_BLK
    pm_port(8);                          // PM_TMR_BLK
    pm_port(0x0C);                       // GPE0_BLK
    out.number(0, 4);                    // GPE1_BLK
    out.number(4, 1).number(2, 1).number(0, 1).number(4, 1).number(4, 1).number(0, 1).number(0, 1); // lengths
    out.number(0, 1);                                                                               // CST_CNT
    out.number(0xFFF, 2).number(0xFFF, 2);                   // P_LVL2_LAT, P_LVL3_LAT: states not supported
    out.number(0, 2).number(0, 2).number(0, 1).number(0, 1); // FLUSH_SIZE, FLUSH_STRIDE, DUTY_OFFSET, DUTY_WIDTH
    out.number(0, 1).number(0, 1).number(0x32, 1);           // DAY_ALRM, MON_ALRM, CENTURY
    out.number(kLegacyDevices | k8042, 2).number(0, 1);
    out.number(kWbinvd | kProcC1 | kSleepButton | kRtcS4 | kResetRegister, 4);
    add_port_address(out, 0xCF9, 8);
    out.number(0x06, 1).zeros(3);  // RESET_VALUE: hard reset
    out.number(0, 8).number(0, 8); // X_FIRMWARE_CTRL and X_DSDT: the 32-bit ones count
    pm_address(0, 32);
    add_port_address(out, 0, 0);
    pm_address(4, 16);
    add_port_address(out, 0, 0);
    add_port_address(out, 0, 0);
    pm_address(8, 32);
    pm_address(0x0C, 32);
    add_port_address(out, 0, 0);
    loader.add_pointer(kTables, kTables, start + 36, 4);
    loader.add_pointer(kTables, kTables, start + 40, 4);
    end_table(out, loader, start);
    return start;
}

/// MADT, ACPI 1.0b, 5.2.8: local APICs, one I/O APIC, IRQ 0 on its input 2, the SCI level-triggered.
usize add_madt(ByteWriter& out, LoaderScript& loader, unsigned processors) {
    const usize start = begin_table(out, "APIC", 1);
    out.number(0xFEE00000, 4).number(1, 4); // flags: PC-AT compatible pair of 8259As as well
    for (unsigned i = 0; i < processors; ++i) out.number(0, 1).number(8, 1).number(i, 1).number(i, 1).number(1, 4);
    out.number(1, 1).number(12, 1).number(0, 1).number(0, 1).number(0xFEC00000, 4).number(0, 4);
    out.number(2, 1).number(10, 1).number(0, 1).number(0, 1).number(2, 4).number(0, 2);
    for (const u8 irq : {5, 9, 10, 11}) // active high and level: polarity 1, trigger mode 3
        out.number(2, 1).number(10, 1).number(0, 1).number(irq, 1).number(irq, 4).number(0x0D, 2);
    out.number(4, 1).number(6, 1).number(0xFF, 1).number(0, 2).number(1, 1); // NMI on LINT1 of all processors
    end_table(out, loader, start);
    return start;
}

/// "IA-PC HPET Specification" 3.2.4: block ID is the low half of the capabilities, its registers are in memory.
void add_hpet(ByteWriter& out, LoaderScript& loader) {
    const usize start = begin_table(out, "HPET", 1);
    out.number(0x8086A201, 4);
    out.number(0, 1).number(64, 1).number(0, 1).number(0, 1).number(0xFED00000, 8);
    out.number(0, 1).number(100, 2).number(0, 1); // number, minimum ticks in periodic mode, page protection
    end_table(out, loader, start);
}

} // namespace

u32 pci_memory_start(u64 ram_bytes) {
    if (ram_bytes <= 0x80000000) return 0x80000000;
    return ram_bytes <= 0xC0000000 ? 0xC0000000 : 0xE0000000;
}

AcpiFiles build_acpi(const AcpiConfig& config) {
    ByteWriter tables;
    LoaderScript loader;
    loader.allocate(kTables, 64, LoaderScript::Zone::High);
    loader.allocate(kRsdp, 16, LoaderScript::Zone::FSegment);
    const usize facs = add_facs(tables);
    std::vector<usize> pm_ports;
    const usize dsdt = add_dsdt(tables, loader, pci_memory_start(config.ram_bytes), pm_ports);
    std::vector<usize> entries = {add_fadt(tables, loader, facs, dsdt, pm_ports)};
    if (config.apic) entries.push_back(add_madt(tables, loader, config.processors));
    if (config.hpet) {
        entries.push_back(tables.size());
        add_hpet(tables, loader);
    }

    const usize rsdt = begin_table(tables, "RSDT", 1);
    for (const usize entry : entries) {
        loader.add_pointer(kTables, kTables, tables.size(), 4);
        tables.number(entry, 4);
    }
    end_table(tables, loader, rsdt);

    // RSDP, ACPI 1.0b, 5.2.4.
    ByteWriter rsdp;
    rsdp.text("RSD PTR ", 8).number(0, 1).text("R86", 6, ' ').number(0, 1).number(rsdt, 4);
    loader.add_pointer(kRsdp, kTables, 16, 4);
    loader.add_checksum(kRsdp, 8, 0, rsdp.size());
    return {std::move(tables.bytes), std::move(pm_ports), std::move(rsdp.bytes), std::move(loader.out.bytes)};
}

} // namespace r86
