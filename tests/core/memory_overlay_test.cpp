#include "core/memory.h"
#include "tests/catch.h"

using namespace r86;

namespace {
struct Registers : MmioHandler {
    u64 last = 0;
    u64 read(u64 offset, unsigned) override { return 0xA0 + offset; }
    void write(u64 offset, unsigned, u64 value) override { last = offset << 32 | value; }
};
} // namespace

TEST_CASE("an overlay hides what stands at its address and gives it back, as it has become meanwhile") {
    Log log;
    PhysicalMemory memory(u64{1} << 20, log);
    Registers registers, window;
    memory.write({0x20004}, 4, 0x11223344);
    memory.set_overlay({0x20000}, &registers);
    CHECK(memory.read({0x20004}, 4) == 0xA4);
    memory.write({0x20008}, 4, 5);
    CHECK(registers.last == (u64{8} << 32 | 5));
    CHECK(memory.read({0x21004}, 4) == 0);
    memory.set_overlay({0x30000}, &registers); // moved
    CHECK(memory.read({0x20004}, 4) == 0x11223344);
    CHECK(memory.read({0x30010}, 4) == 0xB0);
    memory.map({0x30000}, 0x1000, {PhysicalMemory::Target::Mmio, nullptr, &window, 0x100}); // underneath
    CHECK(memory.read({0x30010}, 4) == 0xB0);
    memory.set_overlay({}, nullptr);
    CHECK(memory.read({0x30010}, 4) == 0xA0 + 0x110);
}

TEST_CASE("a watch that was set while an overlay hid the page is still there afterwards") {
    Log log;
    PhysicalMemory memory(u64{1} << 20, log);
    Registers registers;
    memory.watch({0x20000}, kWatchCode);
    memory.set_overlay({0x20000}, &registers);
    memory.watch({0x20000}, kWatchTouch);
    memory.set_overlay({}, nullptr);
    CHECK(memory.page({0x20000}).watch == (kWatchCode | kWatchTouch));
}
