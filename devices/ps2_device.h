#pragma once
/// A device at the end of a PS/2 cable, as the 8042 sees it: a byte each way at a time.
/// The cable's clock belongs to the controller: it fetches a byte when it is ready for one.
#include "core/types.h"
#include <functional>
#include <utility>

namespace r86 {

class Ps2Device {
public:
    virtual ~Ps2Device() = default;
    /// The controller sends a byte.
    virtual void receive(u8 byte) = 0;
    /// True when the device has a byte to send.
    virtual bool pending() const = 0;
    /// Takes that byte; FFh (an idle cable) if there is none.
    virtual u8 send() = 0;
    /// Called when the device has something new to send.
    void on_pending(std::function<void()> hook) { hook_ = std::move(hook); }

protected:
    void announce() {
        if (hook_ && pending()) hook_();
    }

private:
    std::function<void()> hook_;
};

} // namespace r86
