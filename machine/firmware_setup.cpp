#include "machine/firmware_setup.h"
#include "bios/acpi_tables.h"
#include "bios/byte_writer.h"
#include "bios/smbios.h"
#include "devices/decompress.h"

namespace r86 {

namespace {

std::vector<u8> little_endian(u64 value, unsigned bytes) {
    ByteWriter out;
    out.number(value, bytes);
    return std::move(out.bytes);
}

void add_direct_boot(FwCfg& fw, DirectBoot boot) {
    using namespace fw_cfg_item;
    fw.add_number(kKernelAddress, boot.kernel_address, 4);
    fw.add_number(kKernelSize, boot.kernel.size(), 4);
    fw.add_number(kKernelEntry, boot.kernel_entry, 4);
    fw.add_item(kKernelData, std::move(boot.kernel));
    // Our boot ROMs read two numbers here: where the data may begin, and its highest last byte.
    ByteWriter limits;
    limits.number(boot.initrd_lowest, 4).number(boot.initrd_highest, 4);
    fw.add_item(kInitrdAddress, std::move(limits.bytes));
    fw.add_number(kInitrdSize, boot.initrd.size(), 4);
    fw.add_item(kInitrdData, std::move(boot.initrd));
    // Multiboot has the line in its information block; its boot ROM finds here where the kernel goes.
    fw.add_number(kCommandLineAddress, boot.command_line.empty() ? boot.kernel_target : boot.command_line_address, 4);
    fw.add_number(kCommandLineSize, boot.command_line.size(), 4);
    fw.add_item(kCommandLineData, std::move(boot.command_line));
    fw.add_number(kSetupAddress, boot.setup_address, 4);
    fw.add_number(kSetupSize, boot.setup.size(), 4);
    fw.add_item(kSetupData, std::move(boot.setup));
    const std::string rom = boot.rom_name;
    fw.add_file(rom, std::move(boot.option_rom));
    ByteWriter order;
    const std::string entry = "/rom@" + rom;
    order.text(entry, entry.size() + 1);
    fw.add_file("bootorder", std::move(order.bytes));
}

/// Boot loaders unpack a kernel that comes as a gzip file, as GNU Mach does; modules and initial RAM disks go as they
/// are.
KernelFiles unpacked(KernelFiles files) {
    if (auto content = gunzip(files.kernel)) files.kernel = std::move(*content);
    return files;
}

} // namespace

void set_up_fw_cfg(FwCfg& fw, const MachineConfig& config, const CpuModel& model, std::function<u16()> pm_base) {
    using namespace fw_cfg_item;
    const bool apic = model.has(Feature::APIC); // the board has its I/O APIC with it
    fw.add_number(kRamSize, config.memory_bytes, 8);
    fw.add_number(kNoGraphic, 0, 2);
    fw.add_number(kCpuCount, 1, 2);
    fw.add_number(kMaxCpus, 1, 2);
    fw.add_number(kNuma, 0, 16); // no nodes; for each processor its node
    fw.add_number(kBootMenu, config.boot_menu, 2);
    fw.add_number(kBootDevice, 0, 2);
    fw.add_number(kIrq0Override, apic, 4);
    fw.add_file("etc/max-cpus", little_endian(1, 8));

    ByteWriter e820; // address, length, type 1 = RAM; the firmware adds what it takes for itself
    e820.number(0, 8).number(config.memory_bytes, 8).number(1, 4);
    fw.add_file("etc/e820", std::move(e820.bytes));
    // For each sleeping state its type, bit 7: supported. Soft off alone.
    fw.add_file("etc/system-states", {128, 0, 0, 1, 2, 128});

    AcpiFiles acpi = build_acpi({config.memory_bytes, 1, apic, config.hpet});
    fw.add_file("etc/acpi/tables", std::move(acpi.tables));
    fw.follow_base("etc/acpi/tables", std::move(acpi.pm_ports), kPmBase, [pm_base] {
        const u16 base = pm_base();
        return base ? base : kPmBase;
    });
    fw.add_file("etc/acpi/rsdp", std::move(acpi.rsdp));
    fw.add_file("etc/table-loader", std::move(acpi.loader));
    const u32 features = static_cast<u32>(model.features[0]);
    SmbiosFiles smbios = build_smbios({config.memory_bytes, model.signature, features, 0});
    fw.add_file("etc/smbios/smbios-anchor", std::move(smbios.anchor));
    fw.add_file("etc/smbios/smbios-tables", std::move(smbios.tables));

    if (config.kernel) add_direct_boot(fw, prepare_direct_boot(unpacked(*config.kernel), config.memory_bytes));
    fw.finish();
}

} // namespace r86
