#include "core/log.h"
#include <array>
#include <cstdarg>
#include <cstdio>

namespace r86 {

namespace {
constexpr std::array<const char*, static_cast<usize>(LogCategory::Count)> kNames = {
    "cpu", "interrupt", "port", "mmio", "disk", "video", "input", "pci", "firmware", "serial", "warning"};
}

void Log::enable(LogCategory category, bool on) {
    const u32 flag = u32{1} << static_cast<unsigned>(category);
    mask_ = on ? mask_ | flag : mask_ & ~flag;
}

void Log::write(LogCategory category, const char* format, ...) {
    if (!enabled(category)) return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    sink_(category, line);
}

const char* Log::name(LogCategory category) { return kNames[static_cast<usize>(category)]; }

LogCategory Log::find(std::string_view name) {
    for (usize i = 0; i < kNames.size(); ++i)
        if (name == kNames[i]) return static_cast<LogCategory>(i);
    return LogCategory::Count;
}

} // namespace r86
