#include "devices/piix4_pm.h"

namespace r86 {

namespace {

constexpr u64 kTimerHz = 3579545;
constexpr u64 kHalfPeriod = 0x800000; // TMROF_STS: each change of bit 23

// Configuration space, 7.1.
constexpr u8 kPmBase = 0x40;
constexpr u8 kDeviceActivityB = 0x58; // DEVACTB
constexpr u8 kPmRegMisc = 0x80;
constexpr u8 kSmbusBase = 0x90;
constexpr u8 kSmbusConfig = 0xD2;
constexpr u32 kApmcEnable = u32{1} << 25; // DEVACTB.APMC_EN

// PM I/O space, 7.2.
constexpr u16 kPmSts = 0x00;
constexpr u16 kPmEn = 0x02;
constexpr u16 kPmCntrl = 0x04;
constexpr u16 kPmTmr = 0x08;
constexpr u16 kGpSts = 0x0C;
constexpr u16 kGpEn = 0x0E;
constexpr u16 kGlbSts = 0x18;
constexpr u16 kGlbCtl = 0x28;
constexpr u16 kPmSize = 0x40;
constexpr u8 kSmiEnable = 1 << 0; // GLBCTL.SMI_EN

constexpr u16 kTimerOverflow = 1 << 0; // PMSTS.TMROF_STS, PMEN.TMROF_EN
constexpr u16 kPowerButton = 1 << 8;   // PWRBTN_STS, PWRBTN_EN
constexpr u16 kRtc = 1 << 10;          // RTC_STS, RTC_EN
constexpr u16 kStatusBits = 0x8D21;    // RSM, PWRBTNOR, RTC, PWRBTN, GBL, TMROF
constexpr u16 kEnableBits = 0x0521;
constexpr u16 kSciEnable = 1 << 0; // PMCNTRL.SCI_EN
constexpr u16 kSuspendEnable = 1 << 13;

constexpr u8 kAcpiEnable = 0xF1;
constexpr u8 kAcpiDisable = 0xF0;

constexpr u8 kSmbusToSmi = 0, kSmbusToIrq9 = 4; // SMBHSTCFG.SMB_INTRSEL, bits 3-1

} // namespace

Piix4Pm::Piix4Pm(EventQueue& events)
    : PciFunction({0x8086, 0x7113, 0x06, 0x80, 0x00, 0x03, 0, 0}, "piix4_pm"), smbus_(events),
      overflow_(events, "piix4_pm.overflow", [this](u64) { update(); }) {
    writable(pci_register::kCommand, 2, 0x0001);
    power_on_value(pci_register::kStatus, 2, 0x0280);
    power_on_value(pci_register::kInterruptPin, 1, 0x01);
    power_on_value(kPmBase, 4, 1);
    writable(kPmBase, 4, 0x0000FFC0);
    writable(0x44, 4, 0xFFFFFFFF); // CNTA
    writable(0x48, 4, 0xFFFFFFFF); // CNTB
    writable(0x4C, 4, 0xFFFFFFFF); // GPICTL
    writable(0x50, 4, 0x00FFFFFF); // DEVRESD
    writable(0x54, 4, 0xFFFFFFFF); // DEVACTA
    writable(kDeviceActivityB, 4, 0xFFFFFFFF);
    for (u8 resource = 0x5C; resource < 0x7C; resource += 4) writable(resource, 4, 0xFFFFFFFF); // DEVRESA-DEVRESJ
    power_on_value(0x60, 4, 0x60000000); // serial and parallel port decode as the firmware of this platform finds it
    power_on_value(0x64, 4, 0x98000000);
    writable(kPmRegMisc, 1, 0x01);
    power_on_value(kSmbusBase, 4, 1);
    writable(kSmbusBase, 4, 0x0000FFF0);
    writable(kSmbusConfig, 4, 0x00FFFF0F);
    power_on_value(0xD6, 1, 0x00);
    smbus_.interrupt.connect([this](bool level) {
        if (level && (get(kSmbusConfig, 1) >> 1 & 7) == kSmbusToSmi && (s_.registers[kGlbCtl] & 1)) smi.pulse();
        update();
    });
}

void Piix4Pm::attached() {
    place_ports(&pm_, 0, 0, pm_);
    place_ports(&smbus_, 0, 0, smbus_);
}

/// PMBASE counts while PMREGMISC.PMIOSE is set, SMBBA while SMBHSTCFG.SMB_HST_EN is; neither needs the command bit
/// for the PM ports, which is how firmware without PCI set-up reaches them.
void Piix4Pm::place() {
    const u32 pm_base = get(kPmRegMisc, 1) & 1 ? get(kPmBase, 4) & 0xFFC0 : 0;
    if (pm_base != pm_placed_) place_ports(&pm_, static_cast<u16>(pm_base), pm_base ? kPmSize : u16{0}, pm_);
    pm_placed_ = pm_base;
    const u32 smbus_base = get(kSmbusConfig, 1) & 1 ? get(kSmbusBase, 4) & 0xFFF0 : 0;
    if (smbus_base != smbus_placed_)
        place_ports(&smbus_, static_cast<u16>(smbus_base), smbus_base ? u16{16} : u16{0}, smbus_);
    smbus_placed_ = smbus_base;
}

void Piix4Pm::config_written(u8, unsigned) {
    place();
    update();
}

u64 Piix4Pm::timer_cycles() const { return VirtualClock::cycles_at_ns(overflow_.now_ns(), kTimerHz); }

u16 Piix4Pm::pm1_status() const {
    const bool overflow = timer_cycles() / kHalfPeriod != s_.overflows_seen;
    return static_cast<u16>(s_.pm1_status | (overflow ? kTimerOverflow : 0));
}

/// The level of SCI, and the next moment at which the timer can change it.
void Piix4Pm::update() {
    const u16 enable = static_cast<u16>(s_.registers[kPmEn] | s_.registers[kPmEn + 1] << 8);
    const bool sci_enabled = (s_.registers[kPmCntrl] & kSciEnable) != 0;
    bool general = false;
    for (unsigned i = 0; i < 2; ++i) general |= (s_.registers[kGpSts + i] & s_.registers[kGpEn + i]) != 0;
    const bool smbus = smbus_.interrupt.level() && (get(kSmbusConfig, 1) >> 1 & 7) == kSmbusToIrq9;
    sci.set((sci_enabled && ((pm1_status() & enable) || general)) || smbus); // both are IRQ 9
    if (sci_enabled && (enable & kTimerOverflow) && !(pm1_status() & kTimerOverflow))
        overflow_.arm_at(VirtualClock::ns_of_cycles((s_.overflows_seen + 1) * kHalfPeriod, kTimerHz));
    else
        overflow_.cancel();
}

void Piix4Pm::clear_pm1_status(u16 ones) {
    s_.pm1_status = static_cast<u16>(s_.pm1_status & ~ones);
    if (ones & kTimerOverflow) s_.overflows_seen = timer_cycles() / kHalfPeriod;
    update();
}

/// PMCNTRL. SUS_EN with SUS_TYP 0 is soft off; type 2 is what the tables call S4, which ends the same way.
void Piix4Pm::write_control(u16 value) {
    const u16 kept = value & 0x1C07;
    s_.registers[kPmCntrl] = static_cast<u8>(kept);
    s_.registers[kPmCntrl + 1] = static_cast<u8>(kept >> 8);
    if (value & kSuspendEnable) {
        const unsigned type = (value >> 10) & 7;
        if (type == 0 || type == 2) power_off.set(true);
    }
    update();
}

void Piix4Pm::press_power_button() {
    s_.pm1_status |= kPowerButton;
    update();
}

void Piix4Pm::rtc_interrupt(bool level) {
    if (!level || (s_.pm1_status & kRtc)) return;
    s_.pm1_status |= kRtc;
    update();
}

u8 Piix4Pm::PmPorts::read8(u16 offset) {
    State& s = pm.s_;
    if (offset < kPmSts + 2) return static_cast<u8>(pm.pm1_status() >> (8 * offset));
    if (offset >= kPmTmr && offset < kPmTmr + 4)
        return static_cast<u8>((pm.timer_cycles() & 0xFFFFFF) >> (8 * (offset - kPmTmr)));
    return offset < s.registers.size() ? s.registers[offset] : u8{0};
}

u32 Piix4Pm::PmPorts::read32(u16 offset) {
    if (offset == kPmTmr) return static_cast<u32>(pm.timer_cycles() & 0xFFFFFF);
    return PortHandler::read32(offset);
}

void Piix4Pm::PmPorts::write8(u16 offset, u8 value) {
    State& s = pm.s_;
    switch (offset) {
    case kPmSts:
    case kPmSts + 1: pm.clear_pm1_status(static_cast<u16>(value << (8 * offset)) & kStatusBits); break;
    case kPmEn:
    case kPmEn + 1: s.registers[offset] = value & static_cast<u8>(kEnableBits >> (8 * (offset - kPmEn))); break;
    case kPmCntrl: pm.write_control(static_cast<u16>(s.registers[kPmCntrl + 1] << 8 | value)); break;
    case kPmCntrl + 1: pm.write_control(static_cast<u16>(value << 8 | s.registers[kPmCntrl])); break;
    case kPmTmr:
    case kPmTmr + 1:
    case kPmTmr + 2:
    case kPmTmr + 3: break; // read only
    case kGpSts:
    case kGpSts + 1:
    case kGlbSts:
    case kGlbSts + 1: s.registers[offset] &= static_cast<u8>(~value); break; // written with one to clear
    default:
        if (offset < s.registers.size()) s.registers[offset] = value;
        break;
    }
    pm.update();
}

void Piix4Pm::PmPorts::write16(u16 offset, u16 value) {
    if (offset == kPmCntrl)
        pm.write_control(value); // one write: type and enable belong together
    else
        PortHandler::write16(offset, value);
}

u8 Piix4Pm::ApmPorts::read8(u16 offset) { return offset == 0 ? pm.s_.apm_control : pm.s_.apm_status; }

/// 4.2.7: writing APMC raises SMI while APMC_EN and GLBCTL.SMI_EN are set; APMS is a scratch byte for the handler.
void Piix4Pm::ApmPorts::write8(u16 offset, u8 value) {
    if (offset != 0) {
        pm.s_.apm_status = value;
        return;
    }
    pm.s_.apm_control = value;
    if (value == kAcpiEnable || value == kAcpiDisable) {
        const u16 control = static_cast<u16>(pm.s_.registers[kPmCntrl] | pm.s_.registers[kPmCntrl + 1] << 8);
        pm.write_control(static_cast<u16>(value == kAcpiEnable ? control | kSciEnable : control & ~kSciEnable));
    }
    if ((pm.get(kDeviceActivityB, 4) & kApmcEnable) && (pm.s_.registers[kGlbCtl] & kSmiEnable)) pm.smi.pulse();
}

void Piix4Pm::reset(ResetKind kind) {
    s_ = {};
    s_.registers[kGlbCtl] = kSmiEnable; // see the head of the header
    s_.overflows_seen = timer_cycles() / kHalfPeriod;
    power_off.set(false);
    smbus_.reset();
    PciFunction::reset(kind);
    update();
}

void Piix4Pm::visit(StateVisitor& visitor) {
    PciFunction::visit(visitor);
    auto& [registers, pm1_status, overflows_seen, apm_control, apm_status] = s_;
    visitor.field("pm", registers);
    visitor.field("pmsts", pm1_status);
    visitor.field("overflows_seen", overflows_seen);
    visitor.field("apmc", apm_control);
    visitor.field("apms", apm_status);
    visitor.field("smbus", smbus_);
    visitor.field("sci", sci);
    visitor.field("smi", smi);
    visitor.field("power_off", power_off);
}

} // namespace r86
