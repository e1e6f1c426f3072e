// A saved state that somebody else made, loaded into a machine that then runs on. The input changes a right state:
// pairs of a place and new bytes; or, if it begins with FFh, it is the state.
#include "core/error.h"
#include "tests/fuzz/fuzz_board.h"
#include <cstring>

using namespace r86;

namespace {

/// Without the zeros of RAM, so that places are worth changing: the state of processor and chips comes first.
const std::vector<u8>& right_state() {
    static const std::vector<u8> state = [] {
        Machine machine(fuzz_config());
        machine.stop_on_dead_halt(false);
        machine.run_until(10'000);
        return machine.save();
    }();
    return state;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<u8> state;
    if (size && data[0] == 0xFF) {
        state.assign(data + 1, data + size);
    } else {
        state = right_state();
        FuzzInput in(data, size);
        constexpr usize kChips = 1 << 16;
        while (!in.empty()) overwrite(std::span(state).first(std::min(kChips, state.size())), in);
    }
    Machine machine(fuzz_config());
    machine.stop_on_dead_halt(false);
    try {
        machine.load(state);
    } catch (const UserError& error) {
        if (std::strchr(error.what(), '\n')) std::abort(); // one sentence
        return 0;
    }
    run_on(machine);
    static_cast<void>(machine.digest());
    return 0;
}
