#pragma once
/// What travels between I/O APIC and local APICs: an interrupt message (SDM Vol. 3, 10.6.1 "Interrupt Command
/// Register"; 82093AA, 3.2.4 "I/O Redirection Table Registers": the same fields).
#include "core/types.h"

namespace r86 {

/// Delivery mode, three bits in LVT, ICR and redirection entries.
enum class ApicDelivery : u8 {
    Fixed = 0,
    LowestPriority = 1,
    Smi = 2,
    Reserved = 3,
    Nmi = 4,
    Init = 5,
    StartUp = 6, ///< ICR only
    ExtInt = 7,  ///< LVT and I/O APIC only
};

struct ApicMessage {
    u8 destination = 0; ///< APIC ID, or a message destination address in logical mode
    bool logical = false;
    ApicDelivery delivery = ApicDelivery::Fixed;
    u8 vector = 0;
    bool level = false; ///< trigger mode: level
};

} // namespace r86
