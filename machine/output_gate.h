#pragma once
/// What leaves the machine leaves it once: while history is replayed nothing goes out again.
#include "machine/config.h"
#include <array>

namespace r86 {

class OutputGate {
public:
    /// Puts itself between the configuration's sinks and the chips.
    explicit OutputGate(MachineConfig& config) {
        usize next = 0;
        for (ByteSink** end :
             {&config.serial[0], &config.serial[1], &config.parallel, &config.debug_console, &config.post}) {
            Sink& sink = sinks_[next++];
            sink.gate = this;
            sink.to = *end;
            if (*end) *end = &sink;
        }
    }
    OutputGate(const OutputGate&) = delete;
    OutputGate& operator=(const OutputGate&) = delete;

    void close(bool closed) { closed_ = closed; }

private:
    struct Sink final : ByteSink {
        void put(u8 byte) override {
            if (!gate->closed_) to->put(byte);
        }
        OutputGate* gate = nullptr;
        ByteSink* to = nullptr;
    };
    std::array<Sink, 5> sinks_;
    bool closed_ = false;
};

} // namespace r86
