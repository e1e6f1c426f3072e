#include "devices/i8042.h"
#include "core/bits.h"
#include "devices/scancodes.h"

namespace r86 {

namespace {

// Status register
constexpr u8 kObf = 0x01, kSys = 0x04, kCommandData = 0x08, kInhibit = 0x10, kAuxObf = 0x20;
// Controller command byte
constexpr u8 kInt1 = 0x01, kInt12 = 0x02, kSysFlag = 0x04, kDisableKeyboard = 0x10, kDisableAux = 0x20,
             kTranslate = 0x40;
// Output port
constexpr u8 kP20Reset = 0x01, kP21A20 = 0x02, kP24Irq1 = 0x10, kP25Irq12 = 0x20;
constexpr u8 kOutputIdle = 0xCC; // clock and data lines of both cables
/// Input port: not locked (7), colour display (6 = 0), no manufacturing jumper (5).
constexpr u8 kInputPort = 0xA0;

enum Command : u8 {
    kReadRam = 0x20,
    kWriteRam = 0x60,
    kTestPassword = 0xA4,
    kLoadPassword = 0xA5,
    kDisableAuxDevice = 0xA7,
    kEnableAuxDevice = 0xA8,
    kTestAux = 0xA9,
    kSelfTest = 0xAA,
    kTestKeyboard = 0xAB,
    kDiagnosticDump = 0xAC,
    kDisableKeyboardDevice = 0xAD,
    kEnableKeyboardDevice = 0xAE,
    kReadInputPort = 0xC0,
    kPollInputLow = 0xC1,
    kPollInputHigh = 0xC2,
    kReadOutputPort = 0xD0,
    kWriteOutputPort = 0xD1,
    kWriteKeyboardBuffer = 0xD2,
    kWriteAuxBuffer = 0xD3,
    kWriteAux = 0xD4,
    kDisableA20 = 0xDD,
    kEnableA20 = 0xDF,
    kReadTestInputs = 0xE0,
    kPulseOutput = 0xF0
};

} // namespace

I8042::I8042(EventQueue& queue, Log& log, Ps2Device& keyboard, Ps2Device& mouse)
    : log_(log), keyboard_(keyboard), mouse_(mouse), timer_(queue, "i8042", [this](u64) { byte_arrived(); }) {
    keyboard_.on_pending([this] { pump(); });
    mouse_.on_pending([this] { pump(); });
}

void I8042::reset(ResetKind) {
    state_ = {};
    state_.ram[0] = kDisableKeyboard | kDisableAux;
    timer_.cancel();
    write_output_port(kP20Reset | kP21A20);
    cpu_reset.set(false);
    drive_irqs();
}

void I8042::visit(StateVisitor& v) {
    auto& [ram, status, output, output_port, awaiting, input_poll, breaking, replies, replies_aux, reply_count] =
        state_;
    v.field("ram", ram);
    v.field("status", status);
    v.field("output", output);
    v.field("output_port", output_port);
    v.field("awaiting", awaiting);
    v.field("input_poll", input_poll);
    v.field("breaking", breaking);
    v.field("replies", replies);
    v.field("replies_aux", replies_aux);
    v.field("reply_count", reply_count);
    v.field("irq1", irq1);
    v.field("irq12", irq12);
    v.field("a20", a20);
    v.field("cpu_reset", cpu_reset);
    if (v.loading() && reply_count > replies.size()) reply_count = 0;
}

// Output buffer ------------------------------------------------------------------------------------------------------

bool I8042::keyboard_waits() const { return !(state_.ram[0] & kDisableKeyboard) && keyboard_.pending(); }
bool I8042::mouse_waits() const { return !(state_.ram[0] & kDisableAux) && mouse_.pending(); }

bool I8042::keyboard_idle() const {
    return !keyboard_.pending() && (state_.status & (kObf | kAuxObf)) != kObf && state_.reply_count == 0;
}

void I8042::drive_irqs() {
    const bool full = state_.status & kObf, aux = state_.status & kAuxObf;
    const u8 command_byte = state_.ram[0];
    irq1.set(full && !aux && (command_byte & kInt1) && !(command_byte & kDisableKeyboard));
    irq12.set(full && aux && (command_byte & kInt12));
}

void I8042::fill(u8 byte, bool aux) {
    state_.output = byte;
    state_.status = static_cast<u8>((state_.status & ~kAuxObf) | kObf | (aux ? kAuxObf : 0));
    drive_irqs();
}

void I8042::reply(u8 byte, bool aux) {
    if (state_.reply_count == state_.replies.size()) return; // a guest that asks and never reads
    state_.replies[state_.reply_count] = byte;
    if (aux) state_.replies_aux |= u32{1} << state_.reply_count;
    ++state_.reply_count;
    pump();
}

/// Fills an empty output buffer: the controller's own answers first, at once; then keyboard, then auxiliary device,
/// which take the time of their cables.
void I8042::pump() {
    if (state_.status & kObf) return;
    if (state_.reply_count) {
        const u8 byte = state_.replies[0];
        const bool aux = state_.replies_aux & 1;
        --state_.reply_count;
        for (usize i = 0; i < state_.reply_count; ++i) state_.replies[i] = state_.replies[i + 1];
        state_.replies_aux >>= 1;
        fill(byte, aux);
        return;
    }
    if ((keyboard_waits() || mouse_waits()) && !timer_.armed()) timer_.arm_after(kByteTimeNs);
}

void I8042::byte_arrived() {
    if (state_.status & kObf) return; // an answer of the controller came first; the device repeats after the next read
    if (keyboard_waits()) {
        u8 byte = keyboard_.send();
        if (state_.ram[0] & kTranslate) {
            if (byte == 0xF0) { // the break prefix becomes bit 7 of the next code
                state_.breaking = true;
                pump();
                return;
            }
            byte = static_cast<u8>(translate_set2(byte) | (state_.breaking ? 0x80 : 0));
        }
        state_.breaking = false;
        fill(byte, false);
    } else if (mouse_waits()) {
        fill(mouse_.send(), true);
    }
}

// Ports --------------------------------------------------------------------------------------------------------------

u8 I8042::read8(u16 offset) {
    if (offset & 4) {
        u8 status = static_cast<u8>(state_.status | kInhibit | (state_.ram[0] & kSysFlag ? kSys : 0));
        if (state_.input_poll) // bits 7-4 show half of the input port
            status = static_cast<u8>((status & 0x0F) |
                                     (state_.input_poll == kPollInputLow ? kInputPort << 4 : kInputPort & 0xF0));
        return status;
    }
    const u8 value = state_.output;
    if (state_.status & kObf) {
        state_.status &= static_cast<u8>(~(kObf | kAuxObf));
        drive_irqs(); // the line falls, so that the next byte makes an edge
        pump();
    }
    return value;
}

void I8042::write8(u16 offset, u8 value) {
    if (offset & 4) {
        state_.status |= kCommandData;
        state_.input_poll = 0;
        command(value);
    } else {
        state_.status &= static_cast<u8>(~kCommandData);
        data(value);
    }
}

void I8042::command(u8 value) {
    if (log_.enabled(LogCategory::Input)) log_.write(LogCategory::Input, "8042 command %02X", value);
    u8& command_byte = state_.ram[0];
    state_.awaiting = 0;
    if (value >= kReadRam && value < kReadRam + 0x20) {
        reply(state_.ram[value & 0x1F]);
        return;
    }
    if (value >= kWriteRam && value < kWriteRam + 0x20) {
        state_.awaiting = value;
        return;
    }
    if (value >= kPulseOutput) { // bits 3-0 low: pulse P23-P20 low for 6 us
        if (!(value & kP20Reset)) cpu_reset.pulse();
        return;
    }
    switch (value) {
    case kTestPassword: reply(0xF1); break; // not installed
    case kDisableAuxDevice: command_byte |= kDisableAux; break;
    case kEnableAuxDevice: command_byte &= static_cast<u8>(~kDisableAux); break;
    case kTestAux:
    case kTestKeyboard: reply(0x00); break; // no line stuck
    case kSelfTest:
        command_byte |= kSysFlag;
        state_.status &= static_cast<u8>(~(kObf | kAuxObf));
        state_.reply_count = 0;
        state_.replies_aux = 0;
        state_.breaking = false;
        reply(0x55);
        break;
    case kDiagnosticDump: diagnostic_dump(); break;
    case kDisableKeyboardDevice: command_byte |= kDisableKeyboard; break;
    case kEnableKeyboardDevice: command_byte &= static_cast<u8>(~kDisableKeyboard); break;
    case kReadInputPort: reply(kInputPort); break;
    case kPollInputLow:
    case kPollInputHigh: state_.input_poll = value; break;
    case kReadOutputPort:
        reply(static_cast<u8>(state_.output_port | kOutputIdle | (irq1.level() ? kP24Irq1 : 0) |
                              (irq12.level() ? kP25Irq12 : 0)));
        break;
    case kDisableA20: write_output_port(state_.output_port & static_cast<u8>(~kP21A20)); break;
    case kEnableA20: write_output_port(state_.output_port | kP21A20); break;
    case kReadTestInputs: reply(0x00); break;
    case kLoadPassword:
    case kWriteOutputPort:
    case kWriteKeyboardBuffer:
    case kWriteAuxBuffer:
    case kWriteAux: state_.awaiting = value; break;
    default: break; // no answer, as the 8042 firmware
    }
    drive_irqs();
    pump();
}

void I8042::data(u8 value) {
    const u8 awaiting = state_.awaiting;
    state_.awaiting = 0;
    if (awaiting >= kWriteRam && awaiting < kWriteRam + 0x20) {
        state_.ram[awaiting & 0x1F] = value;
        drive_irqs();
        pump();
        return;
    }
    switch (awaiting) {
    case kLoadPassword:
        if (value) state_.awaiting = kLoadPassword; // until the terminating zero
        return;
    case kWriteOutputPort: write_output_port(value); return;
    case kWriteKeyboardBuffer: reply(value); return;
    case kWriteAuxBuffer: reply(value, true); return;
    case kWriteAux:
        state_.ram[0] &= static_cast<u8>(~kDisableAux); // sending needs the cable's clock
        mouse_.receive(value);
        break;
    default:
        state_.ram[0] &= static_cast<u8>(~kDisableKeyboard);
        keyboard_.receive(value);
        break;
    }
    drive_irqs();
    pump();
}

void I8042::write_output_port(u8 value) {
    state_.output_port = value & (kP20Reset | kP21A20);
    a20.set(value & kP21A20);
    if (a20_hook_) a20_hook_((value & kP21A20) != 0);
    cpu_reset.set(!(value & kP20Reset));
}

/// ACh: 16 bytes of RAM, then input port, output port, and the processor's status word.
void I8042::diagnostic_dump() {
    for (unsigned i = 0; i < 16; ++i) reply(state_.ram[i]);
    reply(kInputPort);
    reply(static_cast<u8>(state_.output_port | kOutputIdle));
    reply(0x00);
}

} // namespace r86
