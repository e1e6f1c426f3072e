#pragma once
/// The one door: everything that comes from outside while a machine runs is one of these, applied at a tick.
#include "core/types.h"
#include "devices/scancodes.h"
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace r86 {

class BlockImage;

namespace input {

struct Key {
    KeyCode key = KeyCode::None;
    bool down = false;
};
/// Relative motion in screen directions (y downwards). Buttons: 1 left, 2 right, 4 middle.
struct Mouse {
    i32 dx = 0;
    i32 dy = 0;
    i32 wheel = 0;
    u8 buttons = 0;
};
struct SerialReceive {
    u8 port = 0; ///< 0 is COM1
    std::vector<u8> bytes;
};
struct ParallelReceive {
    u8 data = 0xFF; ///< what the peripheral drives onto the data lines
};
/// `image` empty: the medium is taken out. Drives: "floppy0", "floppy1", "cdrom0".
struct Medium {
    std::string drive;
    std::shared_ptr<BlockImage> image;
};
struct PowerButton {};
struct Reset {};
/// A debugger or script writes physical memory, or one field by its name in `visit` (little endian): of the processor
/// ("rsi"), or of a chip ("pit.counter[0].ce").
struct Poke {
    std::string field; ///< empty: memory
    u64 address = 0;
    std::vector<u8> bytes;
};
/// Ticks per virtual microsecond from here on.
struct Ratio {
    u32 mips = 100;
};

} // namespace input

using HostInput = std::variant<input::Key, input::Mouse, input::SerialReceive, input::ParallelReceive, input::Medium,
                               input::PowerButton, input::Reset, input::Ratio, input::Poke>;

} // namespace r86
