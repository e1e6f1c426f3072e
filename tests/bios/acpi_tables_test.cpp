#include "bios/acpi_tables.h"
#include "bios/embedded.h"
#include "tests/catch.h"
#include <cstring>
#include <map>
#include <numeric>
#include <set>
#include <string>

using namespace r86;

namespace {

u32 get32(const std::vector<u8>& bytes, usize at) {
    u32 value;
    std::memcpy(&value, &bytes.at(at), 4);
    return value;
}

/// What firmware does with the three files: places them and carries out the script.
struct Loader {
    std::map<std::string, std::vector<u8>> files;
    std::map<std::string, u32> addresses;

    explicit Loader(const AcpiFiles& acpi) {
        files = {{"etc/acpi/tables", acpi.tables}, {"etc/acpi/rsdp", acpi.rsdp}};
        REQUIRE(acpi.loader.size() % 128 == 0);
        u32 next = 0x07FE0000;
        for (usize at = 0; at < acpi.loader.size(); at += 128) {
            const auto name = [&](usize offset) {
                return std::string(reinterpret_cast<const char*>(&acpi.loader[at + offset]));
            };
            switch (get32(acpi.loader, at)) {
            case 1: {
                const u32 alignment = get32(acpi.loader, at + 60);
                next = (next + alignment - 1) & ~(alignment - 1);
                addresses[name(4)] = next;
                next += static_cast<u32>(files.at(name(4)).size());
                break;
            }
            case 2: {
                auto& target = files.at(name(4));
                const u32 offset = get32(acpi.loader, at + 116);
                REQUIRE(acpi.loader[at + 120] == 4);
                const u32 value = get32(target, offset) + addresses.at(name(60));
                std::memcpy(&target.at(offset), &value, 4);
                break;
            }
            case 3: {
                auto& target = files.at(name(4));
                const u32 offset = get32(acpi.loader, at + 60), start = get32(acpi.loader, at + 64),
                          length = get32(acpi.loader, at + 68);
                REQUIRE(start + length <= target.size());
                target[offset] = 0;
                target[offset] = static_cast<u8>(-std::accumulate(&target[start], &target[start] + length, 0));
                break;
            }
            default: FAIL("unknown loader command");
            }
        }
    }

    std::vector<u8> table(u32 address) const {
        const auto& tables = files.at("etc/acpi/tables");
        const u32 offset = address - addresses.at("etc/acpi/tables");
        REQUIRE(offset + 8 <= tables.size());
        const u32 length = get32(tables, offset + 4);
        REQUIRE(offset + length <= tables.size());
        return {tables.begin() + offset, tables.begin() + offset + length};
    }
};

u8 sum(const std::vector<u8>& bytes) { return static_cast<u8>(std::accumulate(bytes.begin(), bytes.end(), 0)); }
std::string signature(const std::vector<u8>& table) { return {reinterpret_cast<const char*>(table.data()), 4}; }

} // namespace

TEST_CASE("ACPI: from the RSDP every table is found, whole and with a good checksum") {
    const bool apic = GENERATE(false, true);
    const Loader loaded(build_acpi({u64{128} << 20, 2, apic, apic}));
    const auto& rsdp = loaded.files.at("etc/acpi/rsdp");
    CHECK(std::memcmp(rsdp.data(), "RSD PTR ", 8) == 0);
    CHECK(sum(rsdp) == 0);
    const auto rsdt = loaded.table(get32(rsdp, 16));
    CHECK(signature(rsdt) == "RSDT");
    CHECK(sum(rsdt) == 0);
    REQUIRE(rsdt.size() == (apic ? 48u : 40u));
    const auto fadt = loaded.table(get32(rsdt, 36));
    CHECK(signature(fadt) == "FACP");
    CHECK(fadt.size() == 244);
    CHECK(sum(fadt) == 0);
    const u32 facs_address = get32(fadt, 36);
    CHECK(facs_address % 64 == 0);
    CHECK(signature(loaded.table(facs_address)) == "FACS");
    const auto dsdt = loaded.table(get32(fadt, 40));
    CHECK(signature(dsdt) == "DSDT");
    CHECK(sum(dsdt) == 0);
    CHECK(dsdt.size() == compiled_dsdt().size());
    if (apic) {
        const auto madt = loaded.table(get32(rsdt, 40));
        CHECK(signature(madt) == "APIC");
        CHECK(sum(madt) == 0);
        usize at = 44;
        while (at < madt.size()) {
            REQUIRE(madt[at + 1] >= 2);
            at += madt[at + 1];
        }
        CHECK(at == madt.size());
        const auto hpet = loaded.table(get32(rsdt, 44));
        CHECK(signature(hpet) == "HPET");
        CHECK(hpet.size() == 56);
        CHECK(sum(hpet) == 0);
        CHECK(get32(hpet, 44) == 0xFED00000);
    }
}

TEST_CASE("ACPI: the FADT names the PIIX4's registers") {
    const Loader loaded(build_acpi({u64{64} << 20, 1, false}));
    const auto fadt = loaded.table(get32(loaded.table(get32(loaded.files.at("etc/acpi/rsdp"), 16)), 36));
    CHECK(fadt[46] == 9);
    CHECK(get32(fadt, 48) == 0xB2);
    CHECK(fadt[52] == 0xF1);
    CHECK(fadt[53] == 0xF0);
    CHECK(get32(fadt, 56) == kPmBase);
    CHECK(get32(fadt, 64) == kPmBase + 4u);
    CHECK(get32(fadt, 76) == kPmBase + 8u);
    CHECK(get32(fadt, 80) == kPmBase + 0xCu);
    CHECK(fadt[88] == 4); // PM1_EVT_LEN
    CHECK(fadt[89] == 2);
    CHECK(fadt[91] == 4);
    CHECK(fadt[92] == 4);
    CHECK(fadt[108] == 0x32);         // CENTURY
    CHECK(get32(fadt, 120) == 0xCF9); // RESET_REG
    CHECK(fadt[128] == 6);            // RESET_VALUE
}

TEST_CASE("ACPI: every place that names a power management port is known") {
    const AcpiFiles acpi = build_acpi({u64{64} << 20, 1, true});
    std::multiset<u32> ports;
    for (const usize at : acpi.pm_ports) ports.insert(acpi.tables[at] | u32{acpi.tables[at + 1]} << 8);
    // The FADT has each block twice, the DSDT the lowest and the highest base of the range.
    CHECK(ports == std::multiset<u32>{0x600, 0x600, 0x600, 0x600, 0x604, 0x604, 0x608, 0x608, 0x60C, 0x60C});
    const std::set<usize> known(acpi.pm_ports.begin(), acpi.pm_ports.end());
    const Loader loaded(acpi);
    const u32 tables = loaded.addresses.at("etc/acpi/tables");
    const u32 start = get32(loaded.table(get32(loaded.files.at("etc/acpi/rsdp"), 16)), 36) - tables;
    for (const usize offset : {56, 64, 76, 80, 152, 176, 212, 224}) CHECK(known.contains(start + offset));
}

TEST_CASE("ACPI: PCI memory begins above RAM") {
    CHECK(pci_memory_start(u64{128} << 20) == 0x80000000);
    CHECK(pci_memory_start(u64{2048} << 20) == 0x80000000);
    CHECK(pci_memory_start(u64{3072} << 20) == 0xC0000000);
    CHECK(pci_memory_start(u64{3584} << 20) == 0xE0000000);
    const Loader loaded(build_acpi({u64{3072} << 20, 1, false}));
    const auto fadt = loaded.table(get32(loaded.table(get32(loaded.files.at("etc/acpi/rsdp"), 16)), 36));
    const auto dsdt = loaded.table(get32(fadt, 40));
    const std::string text(dsdt.begin(), dsdt.end());
    const usize name = text.find("MEMS");
    REQUIRE(name != std::string::npos);
    CHECK(get32(dsdt, name + 5) == 0xC0000000);
}

TEST_CASE("ACPI 1.0b, 5.2.8: the MADT wires the inputs as the board does") {
    const Loader loaded(build_acpi({u64{128} << 20, 2, true, false}));
    const auto madt = loaded.table(get32(loaded.table(get32(loaded.files.at("etc/acpi/rsdp"), 16)), 40));
    CHECK(get32(madt, 36) == 0xFEE00000);
    CHECK(get32(madt, 40) == 1); // a pair of 8259As as well
    struct Override {
        u32 input;
        u16 flags;
        bool operator==(const Override&) const = default;
    };
    std::vector<u8> processors;
    std::map<u8, Override> overrides;
    unsigned io_apics = 0, nmis = 0;
    for (usize at = 44; at < madt.size(); at += madt[at + 1]) {
        switch (madt[at]) {
        case 0: // processor local APIC: ID, enabled
            CHECK(madt[at + 1] == 8);
            CHECK(get32(madt, at + 4) == 1);
            processors.push_back(madt[at + 3]);
            break;
        case 1:
            ++io_apics;
            CHECK(madt[at + 1] == 12);
            CHECK(get32(madt, at + 4) == 0xFEC00000);
            CHECK(get32(madt, at + 8) == 0); // its first global interrupt
            break;
        case 2:
            CHECK(madt[at + 1] == 10);
            CHECK(madt[at + 2] == 0); // ISA
            overrides[madt[at + 3]] = {get32(madt, at + 4), static_cast<u16>(madt[at + 8] | madt[at + 9] << 8)};
            break;
        case 4:
            ++nmis;
            CHECK(madt[at + 1] == 6);
            CHECK(madt[at + 2] == 0xFF); // every processor
            CHECK(madt[at + 5] == 1);    // LINT1
            break;
        default: FAIL("an entry of unknown type");
        }
    }
    CHECK(processors == std::vector<u8>{0, 1});
    CHECK(io_apics == 1);
    CHECK(nmis == 1);
    // IRQ 0 is input 2, by the bus' own polarity and trigger; SCI and what PIRQs lead to are levels, active high.
    CHECK(overrides ==
          std::map<u8, Override>{{0, {2, 0}}, {5, {5, 0xD}}, {9, {9, 0xD}}, {10, {10, 0xD}}, {11, {11, 0xD}}});
}

TEST_CASE("ACPI 2.0a, 5.2.8: the FADT's flags and its addresses of both widths agree") {
    const Loader loaded(build_acpi({u64{64} << 20, 1, false}));
    const auto fadt = loaded.table(get32(loaded.table(get32(loaded.files.at("etc/acpi/rsdp"), 16)), 36));
    CHECK(fadt[8] == 3);
    const u32 flags = get32(fadt, 112);
    CHECK((flags & 1 << 0) != 0);  // WBINVD
    CHECK((flags & 1 << 2) != 0);  // HLT is C1
    CHECK((flags & 1 << 4) == 0);  // a power button in PM1
    CHECK((flags & 1 << 5) != 0);  // no sleep button there
    CHECK((flags & 1 << 6) == 0);  // RTC_STS is in PM1
    CHECK((flags & 1 << 8) == 0);  // the PM timer has 24 bits
    CHECK((flags & 1 << 10) != 0); // a reset register
    CHECK((fadt[109] & 3) == 3);   // legacy devices, an 8042
    const auto same = [&](usize narrow, usize wide, u8 width) {
        CHECK(fadt[wide] == 1); // a port
        CHECK(fadt[wide + 1] == width);
        CHECK(get32(fadt, wide + 4) == get32(fadt, narrow));
        CHECK(get32(fadt, wide + 8) == 0);
    };
    same(56, 148, 32); // PM1a_EVT_BLK
    same(64, 172, 16); // PM1a_CNT_BLK
    same(76, 208, 32); // PM_TMR_BLK
    same(80, 220, 32); // GPE0_BLK
    for (const usize absent : {60, 68, 72, 84}) CHECK(get32(fadt, absent) == 0);
}

TEST_CASE("ACPI 1.0b, 5.2.3, 5.2.9: headers name us and the compiler; the FACS is 64 bytes without a waking vector") {
    const Loader loaded(build_acpi({u64{64} << 20, 1, true, true}));
    const auto& rsdp = loaded.files.at("etc/acpi/rsdp");
    CHECK(rsdp.size() == 20);
    CHECK(rsdp[15] == 0); // revision of ACPI 1.0: no XSDT
    const auto rsdt = loaded.table(get32(rsdp, 16));
    for (usize at = 36; at < rsdt.size(); at += 4) {
        const auto table = loaded.table(get32(rsdt, at));
        INFO(signature(table));
        CHECK(std::memcmp(&table[10], &rsdt[10], 14) == 0); // OEM and table names
        CHECK(get32(table, 4) == table.size());
        CHECK(get32(table, 28) != 0); // creator
    }
    const auto fadt = loaded.table(get32(rsdt, 36));
    const auto facs = loaded.table(get32(fadt, 36));
    CHECK(facs.size() == 64);
    CHECK(get32(facs, 12) == 0);
}
