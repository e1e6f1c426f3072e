#pragma once
/// Intel 8237A Programmable DMA Controller, the PC's pair of them and their page registers.
/// Data sheets: "8237A High Performance Programmable DMA Controller", Intel order 231466; IBM PC AT Technical
/// Reference, "DMA Controllers" (page registers, word channels).
/// In a PC: channels 0-3 at ports 00h-0Fh (bytes), channels 4-7 at C0h-DFh, every second port (words; channel 4 takes
/// the first chip's HRQ), pages at 81h-8Fh. Refresh is no DMA channel here.
/// A transfer is pulled by the device, a unit at a time, at the device's own virtual time (see dma.h).
/// NOT IMPLEMENTED: what cannot be seen without bus timing: compressed timing, extended write, the order among requests
/// of one moment; inverted DREQ/DACK senses (no PC works with them); memory-to-memory on the second chip, whose
/// channel 0 is the cascade input.
#include "core/bus.h"
#include "core/device.h"
#include "core/memory.h"
#include "devices/dma.h"

namespace r86 {

class I8237aPair;

/// One controller with its four channels. `shift` is 1 where addresses and counts are in words.
class I8237A final : public PortHandler {
public:
    I8237A(I8237aPair& pair, unsigned shift) : pair_(pair), shift_(shift) {}

    void reset();
    void visit(StateVisitor& visitor);
    u8 read8(u16 offset) override; ///< offsets 0 to 15: A3-A0
    void write8(u16 offset, u8 value) override;

    struct Channel {
        u16 base_address = 0, base_count = 0;
        u16 address = 0, count = 0; ///< Current Address and Current Word Count
        u8 mode = 0;
        void visit(StateVisitor& v);
    };

private:
    friend class I8237aPair;
    struct State {
        std::array<Channel, 4> channels{};
        u8 command = 0;
        u8 mask = 0x0F;
        u8 request = 0;  ///< software requests
        u8 dreq = 0;     ///< pins
        u8 terminal = 0; ///< status bits 3-0
        u8 temporary = 0;
        bool flip_flop = false; ///< First/Last flip-flop: the next byte is the most significant
    };

    bool enabled() const { return !(state_.command & 0x04); }
    bool ready(unsigned n) const;
    /// Moves one unit's address and count; true at terminal count.
    bool step(unsigned n);
    void write_mask(u8 mask);
    void run_software_requests();
    void memory_to_memory();

    I8237aPair& pair_;
    const unsigned shift_;
    State state_;
};

class I8237aPair final : public Device {
public:
    explicit I8237aPair(PhysicalMemory& memory);

    /// Channels 0 to 3 and 5 to 7. Channel 4 never becomes ready: it is the cascade.
    DmaLine& channel(unsigned n) { return lines_[n & 7]; }
    PortHandler& byte_controller() { return chips_[0]; }   ///< 00h-0Fh
    PortHandler& word_controller() { return word_ports_; } ///< C0h-DFh, offset 0 to 31
    PortHandler& pages() { return page_ports_; }           ///< 80h-8Fh; where 80h is the POST port, map from offset 1

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

private:
    friend class I8237A;
    class LineOf final : public DmaLine {
    public:
        I8237aPair* pair = nullptr;
        unsigned n = 0;
        DmaClient* client = nullptr;
        bool was_ready = false;
        bool ready() const override { return pair->ready(n); }
        void set_request(bool level) override { pair->set_request(n, level); }
        void connect(DmaClient* peer) override { client = peer; }
        bool write_to_memory(u8 byte, bool& tc) override { return pair->transfer(n, 1, true, &byte, tc); }
        bool read_from_memory(u8& byte, bool& tc) override { return pair->transfer(n, 1, false, &byte, tc); }
        bool write_to_memory16(u16 word, bool& tc) override {
            u8 bytes[2] = {static_cast<u8>(word), static_cast<u8>(word >> 8)};
            return pair->transfer(n, 2, true, bytes, tc);
        }
        bool read_from_memory16(u16& word, bool& tc) override {
            u8 bytes[2] = {0xFF, 0xFF};
            const bool done = pair->transfer(n, 2, false, bytes, tc);
            if (done) word = static_cast<u16>(bytes[0] | bytes[1] << 8);
            return done;
        }
    };
    /// The second chip's A3-A0 are the bus's A4-A1.
    class WordPorts final : public PortHandler {
    public:
        explicit WordPorts(I8237A& chip) : chip_(chip) {}
        u8 read8(u16 offset) override { return chip_.read8(offset >> 1); }
        void write8(u16 offset, u8 value) override { chip_.write8(offset >> 1, value); }

    private:
        I8237A& chip_;
    };
    class PagePorts final : public PortHandler {
    public:
        explicit PagePorts(std::array<u8, 16>& pages) : pages_(pages) {}
        u8 read8(u16 offset) override { return pages_[offset & 15]; }
        void write8(u16 offset, u8 value) override { pages_[offset & 15] = value; }

    private:
        std::array<u8, 16>& pages_;
    };

    bool ready(unsigned n) const;
    void set_request(unsigned n, bool level);
    bool transfer(unsigned n, unsigned size, bool to_memory, u8* data, bool& terminal_count);
    PhysAddr address(unsigned n) const;
    /// Tells clients whose channel became able to serve them.
    void settle();

    PhysicalMemory& memory_;
    std::array<I8237A, 2> chips_;
    std::array<u8, 16> page_registers_{};
    WordPorts word_ports_{chips_[1]};
    PagePorts page_ports_{page_registers_};
    std::array<LineOf, 8> lines_;
};

} // namespace r86
