#pragma once
/// Ports for people who write firmware and kernels: the debug consoles at 402h (SeaBIOS, Bochs) and E9h (Bochs), the
/// POST code port at 80h, and the exit port that test kernels use ("isa-debug-exit" at F4h).
/// Source: SeaBIOS, docs "Debugging"; Bochs User Manual, "port_e9_hack".
/// NOT IMPLEMENTED: nothing.
#include "core/bus.h"
#include "core/device.h"
#include "core/host_endpoints.h"
#include <functional>

namespace r86 {

/// Whatever is written goes to the sink; reading tells that the port is there.
class DebugConsole final : public PortHandler {
public:
    static constexpr u8 kPresent = 0xE9;
    void connect(ByteSink* sink) { sink_ = sink; }
    u8 read8(u16) override { return kPresent; }
    void write8(u16, u8 value) override {
        if (sink_) sink_->put(value);
    }

private:
    ByteSink* sink_ = nullptr;
};

/// Port 80h. Reads back what was written, as the 74LS612's unused page register behind it does; many programs write it
/// only to let a microsecond pass.
class PostPort final : public Device, public PortHandler {
public:
    void reset(ResetKind) override { code_ = 0; }
    void visit(StateVisitor& v) override { v.field("code", code_); }
    u8 read8(u16) override { return code_; }
    void write8(u16, u8 value) override {
        code_ = value;
        if (hook_) hook_(value);
    }
    u8 code() const { return code_; }
    void on_code(std::function<void(u8)> hook) { hook_ = std::move(hook); }

private:
    u8 code_ = 0;
    std::function<void(u8)> hook_;
};

/// A write of `v` ends the program with exit code (v << 1) | 1.
class DebugExit final : public PortHandler {
public:
    explicit DebugExit(std::function<void(int exit_code)> hook) : hook_(std::move(hook)) {}
    u8 read8(u16) override { return 0xFF; }
    void write8(u16 offset, u8 value) override { exit(offset, value); }
    // Kernels write it as a byte, a word or a doubleword; the low byte of the process's exit code is what is left.
    void write16(u16 offset, u16 value) override { exit(offset, value); }
    void write32(u16 offset, u32 value) override { exit(offset, value); }

private:
    void exit(u16 offset, u32 value) {
        if (offset == 0 && hook_) hook_(static_cast<int>((value << 1 | 1) & 0xFF));
    }
    std::function<void(int)> hook_;
};

/// Ports that each drive an interrupt line: any value but 0 raises it. At 2000h-2017h of a machine for kernel tests,
/// for the inputs of the I/O APIC, where QEMU's pc-testdev has them and kvm-unit-tests look for them.
class IrqTestPorts final : public PortHandler {
public:
    static constexpr unsigned kLines = 24;
    explicit IrqTestPorts(std::function<void(unsigned line, bool level)> hook) : hook_(std::move(hook)) {}
    u8 read8(u16) override { return 0; }
    void write8(u16 offset, u8 value) override { hook_(offset, value != 0); }

private:
    std::function<void(unsigned, bool)> hook_;
};

} // namespace r86
