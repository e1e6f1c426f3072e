#pragma once
/// The two ends of an ISA DMA channel: what a device sees of the controller, and what the controller asks of a device.
///
/// A device that wants bytes moved calls the DmaLine that the board gave it, at the virtual time at which the real
/// device would raise DREQ, one call for each unit (a byte, or a word on channels 5 to 7). Nothing is polled. A device
/// that can wait for the guest to unmask its channel also raises `set_request` and gets `DmaClient::dma_ready` once.
#include "core/types.h"

namespace r86 {

class DmaClient {
public:
    virtual ~DmaClient() = default;
    /// The channel, which the device is requesting with `set_request(true)`, became able to transfer: it was unmasked,
    /// programmed, or the controller was enabled. Called from the guest's port write; a device should arm a timer.
    virtual void dma_ready() = 0;
};

/// One channel (DREQ/DACK/TC) of the 8237A pair. Directions are named from memory's side.
class DmaLine {
public:
    virtual ~DmaLine() = default;

    /// True when the controller would acknowledge a request now: enabled, unmasked, not cascaded or at its end.
    virtual bool ready() const = 0;
    /// The DREQ pin as the guest sees it in the status register, for devices that hold it over a longer time.
    /// The transfer functions do not need it.
    virtual void set_request(bool level) = 0;
    /// At most one client; wiring, not state.
    virtual void connect(DmaClient* client) = 0;

    /// Peripheral to memory (Mode.TT = 01; a verify transfer, TT = 00, takes the byte and stores nothing).
    /// False: not acknowledged (masked, disabled, or programmed for the other direction); nothing has changed.
    /// `terminal_count` is the TC pin during this very transfer.
    virtual bool write_to_memory(u8 byte, bool& terminal_count) = 0;
    /// Memory to peripheral (Mode.TT = 10). In a verify transfer the device reads the floating bus: FFh.
    virtual bool read_from_memory(u8& byte, bool& terminal_count) = 0;

    /// The same for channels 5 to 7, which move words.
    virtual bool write_to_memory16(u16 word, bool& terminal_count) = 0;
    virtual bool read_from_memory16(u16& word, bool& terminal_count) = 0;
};

} // namespace r86
