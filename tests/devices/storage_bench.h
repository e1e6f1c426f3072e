#pragma once
/// What the storage tests share: virtual time that runs when asked, and a state visitor that saves and loads.
#include "core/event_queue.h"
#include "core/log.h"
#include "core/state_visitor.h"
#include "devices/block_image.h"
#include "tests/devices/run_events.h"
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace r86 {

struct VirtualTime {
    VirtualClock clock{100};
    EventQueue queue{clock};
    Log log;

    /// Lets `ns` pass, one event after the other.
    void pass(u64 ns) { run_events(clock, queue, clock.tick_at(clock.now_ns() + ns)); }
    template <class Done>
    bool pass_until(Done&& done, u64 limit_ns) {
        for (u64 waited = 0; waited < limit_ns; waited += 1000) {
            if (done()) return true;
            pass(1000);
        }
        return done();
    }
};

/// Every visited value in order; names are kept so that a mismatch is noticed.
struct SavedState {
    std::vector<std::pair<std::string, std::vector<u8>>> items;
    usize next = 0;
};

class Saver final : public StateVisitor {
public:
    explicit Saver(SavedState& state) : state_(state) {}
    void begin(std::string_view name) override { state_.items.push_back({"{" + std::string(name), {}}); }
    void end() override { state_.items.push_back({"}", {}}); }
    void number(std::string_view name, u64& value, unsigned) override {
        std::vector<u8> bytes(8);
        std::memcpy(bytes.data(), &value, 8);
        state_.items.push_back({std::string(name), bytes});
    }
    void bytes(std::string_view name, std::span<u8> data) override {
        state_.items.push_back({std::string(name), {data.begin(), data.end()}});
    }
    void blob(std::string_view name, std::vector<u8>& data, usize) override {
        state_.items.push_back({std::string(name), data});
    }

private:
    SavedState& state_;
};

class Loader final : public StateVisitor {
public:
    explicit Loader(SavedState& state) : state_(state) { state_.next = 0; }
    bool loading() const override { return true; }
    void begin(std::string_view name) override { take("{" + std::string(name)); }
    void end() override { take("}"); }
    void number(std::string_view name, u64& value, unsigned) override { std::memcpy(&value, take(name).data(), 8); }
    void bytes(std::string_view name, std::span<u8> data) override {
        const std::vector<u8>& saved = take(name);
        std::copy(saved.begin(), saved.end(), data.begin());
    }
    void blob(std::string_view name, std::vector<u8>& data, usize) override { data = take(name); }

private:
    const std::vector<u8>& take(std::string_view name) {
        auto& item = state_.items.at(state_.next++);
        if (item.first != name) throw std::runtime_error("visit order differs at " + std::string(name));
        return item.second;
    }
    SavedState& state_;
};

template <class T>
SavedState save(T& thing) {
    SavedState state;
    Saver saver(state);
    thing.visit(saver);
    return state;
}
template <class T>
void load(T& thing, SavedState& state) {
    Loader loader(state);
    thing.visit(loader);
}

/// Sector contents that tell their own number.
inline std::vector<u8> numbered_content(u64 sectors, u32 sector_bytes = 512) {
    std::vector<u8> content(sectors * sector_bytes);
    for (u64 s = 0; s < sectors; ++s) {
        for (u32 i = 0; i < sector_bytes; ++i)
            content[s * sector_bytes + i] = static_cast<u8>(i < 4 ? s >> (8 * i) : s * 7 + i);
    }
    return content;
}

inline std::unique_ptr<BlockImage> numbered_image(u64 sectors, u32 sector_bytes = 512, bool read_only = false) {
    return make_memory_image(numbered_content(sectors, sector_bytes), read_only, "test");
}

} // namespace r86
