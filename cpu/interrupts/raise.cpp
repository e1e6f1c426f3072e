/// Faults become deliveries; faults during a delivery pair up: SDM Vol. 3, 6.15 "Interrupt 8 - Double Fault Exception",
/// tables 6-4 and 6-5.
#include "cpu/cpu.h"

namespace r86 {

namespace {

enum class FaultClass : u8 { Benign, Contributory, PageFault, DoubleFault };

FaultClass class_of(u8 vector) {
    switch (static_cast<Vector>(vector)) {
    case Vector::DE:
    case Vector::TS:
    case Vector::NP:
    case Vector::SS:
    case Vector::GP: return FaultClass::Contributory;
    case Vector::PF: return FaultClass::PageFault;
    case Vector::DF: return FaultClass::DoubleFault;
    default: return FaultClass::Benign;
    }
}

/// Do a fault and one that comes up while it is delivered make a double fault (or, after #DF, a shutdown)?
bool pairs(FaultClass first, FaultClass second) {
    if (second != FaultClass::Contributory && second != FaultClass::PageFault) return false;
    switch (first) {
    case FaultClass::Contributory: return second == FaultClass::Contributory;
    case FaultClass::PageFault:
    case FaultClass::DoubleFault: return true;
    default: return false;
    }
}

} // namespace

void Cpu::raise(Fault fault) {
    s.debug_pending = 0; // of the instruction that did not complete
    // Each turn but the last makes the pair graver; a benign fault cannot come out of a delivery twice in a row.
    if (fault.is(Vector::PF)) s.cr2 = page_fault_address;
    for (unsigned turn = 0; fault && !fault.silent; ++turn) {
        if (log.enabled(LogCategory::Cpu))
            log.write(LogCategory::Cpu, "exception %u error %X at %04X:%08X cr2 %08X", fault.vector, fault.error,
                      s.seg[CS].selector, static_cast<u32>(s.rip), static_cast<u32>(s.cr2));
        Fault nested = deliver(fault.vector, EventKind::Exception, fault.has_error, fault.error);
        if (!nested) return;
        if (nested.is(Vector::PF)) s.cr2 = page_fault_address; // also when the two become a double fault
        const bool pair = pairs(class_of(fault.vector), class_of(nested.vector));
        if ((pair && fault.is(Vector::DF)) || turn == 8) {
            s.shutdown = true; // triple fault
            s.next_rip = s.rip;
            if (log.enabled(LogCategory::Cpu)) log.write(LogCategory::Cpu, "triple fault: shutdown");
            return;
        }
        fault = pair ? Fault::with_error(Vector::DF, 0) : nested;
    }
}

} // namespace r86
