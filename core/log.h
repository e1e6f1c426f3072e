#pragma once
/// Categorised log of what a guest or a chip does that is odd or worth tracing. One object per machine, no globals.
/// Writing a line never changes what the machine does.
#include "core/types.h"
#include <functional>
#include <string>
#include <string_view>

namespace r86 {

enum class LogCategory : u8 {
    Cpu,       ///< exceptions, mode changes, triple faults
    Interrupt, ///< interrupts taken by the processor
    Port,      ///< port accesses that nothing claims
    Mmio,      ///< memory accesses that nothing claims
    Disk,      ///< IDE and floppy commands
    Video,     ///< VGA mode changes
    Input,     ///< keyboard and mouse controller
    Pci,       ///< configuration space
    Firmware,  ///< fw_cfg, ROM loading, SMI
    Serial,    ///< UART settings
    Warning,   ///< always shown
    Count
};

class Log {
public:
    using Sink = std::function<void(LogCategory, std::string_view line)>;

    void set_sink(Sink sink) { sink_ = std::move(sink); }
    void enable(LogCategory category, bool on = true);
    bool enabled(LogCategory category) const { return sink_ && ((mask_ >> static_cast<unsigned>(category)) & 1); }
    [[gnu::format(printf, 3, 4)]] void write(LogCategory category, const char* format, ...);

    static const char* name(LogCategory category);
    /// The category with that lower-case name; Count if there is none.
    static LogCategory find(std::string_view name);

private:
    Sink sink_;
    u32 mask_ = u32{1} << static_cast<unsigned>(LogCategory::Warning);
};

} // namespace r86
