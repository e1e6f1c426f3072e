#pragma once
/// A whole PC that can be run, looked into, fed with input, saved and compared. Front ends and recorders see only this.
///
/// Order at a boundary: due events, inputs, delivery of interrupts, the instruction. `run_until` runs the events of
/// the tick at which it stops, so an input applied after it comes after them.
#include "core/sha256.h"
#include "machine/history.h"
#include "machine/image_samples.h"
#include "machine/input.h"
#include "machine/output_gate.h"
#include "machine/pc.h"
#include <functional>
#include <map>
#include <string>

namespace r86 {

enum class StopReason : u8 {
    Reached,     ///< exactly at the tick that was asked for
    PoweredOff,  ///< the guest switched the machine off
    GuestExit,   ///< isa-debug-exit
    ResetEnded,  ///< the guest asked for a reset and `no_reboot` is set
    TripleFault, ///< with `no_reboot`
    DeadHalt,    ///< halted, and nothing but an input can end it
    Breakpoint,  ///< the processor's watcher stopped it there
    Interrupted, ///< Machine::interrupt()
};

struct Stop {
    StopReason reason = StopReason::Reached;
    u8 code = 0; ///< GuestExit: the program's exit status, (value << 1) | 1
    bool operator==(const Stop&) const = default;
};

class Machine {
public:
    /// Throws UserError if the configuration cannot work.
    explicit Machine(MachineConfig config);
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // ---- running ------------------------------------------------------------------------------------------------
    /// Runs to `target` at the latest. After PoweredOff, GuestExit, ResetEnded or TripleFault the machine stands: each
    /// further call returns the same at once, until an input::Reset.
    Stop run_until(Tick target);
    /// Whether a halt that only an input can end stops the run (DeadHalt) or lets virtual time pass.
    void stop_on_dead_halt(bool stop) { stop_on_dead_halt_ = stop; }
    /// From a watcher: stop at the next instruction boundary, unless it goes on from there.
    void interrupt();
    bool stops_on_dead_halt() const { return stop_on_dead_halt_; }
    /// Powered off, exited or the like: only a reset makes it run on.
    bool ended() const { return ended_; }
    Tick now() const { return pc_.cpu.s.tick; }
    u64 now_ns() const { return pc_.clock.ns_at(now()); }
    /// The first tick at which `ns` more nanoseconds have passed.
    Tick tick_after(u64 ns) const { return pc_.clock.tick_at(now_ns() + ns); }
    u64 retired() const;
    u32 mips() const { return pc_.clock.mips(); }

    // ---- the input door -----------------------------------------------------------------------------------------
    /// Applies one input now, between two calls of run_until. False: refused (a locked CD door, no such drive).
    bool apply(const HostInput& input);
    /// Called with every input just before it acts: where a recorder listens.
    void on_input(std::function<void(Tick, const HostInput&)> hook) { input_hook_ = std::move(hook); }

    /// Who keeps the history; nullptr: nobody.
    void set_history(History* history) { history_ = history; }
    /// Bytes that chips send go nowhere: what is replayed was sent already.
    void mute_outputs(bool muted) { outputs_.close(muted); }

    // ---- state --------------------------------------------------------------------------------------------------
    /// 64 hexadecimal digits over processor, chips, RAM and changes of media; caches do not count.
    std::string digest();
    void visit(StateVisitor& visitor);
    /// Everything, RAM and changed clusters of media included.
    std::vector<u8> save();
    /// Into a machine of the same configuration. Throws UserError if it does not fit.
    void load(std::span<const u8> saved);
    /// Processor and chips alone, without RAM, video memory and media: what a checkpoint keeps beside its pages.
    std::vector<u8> save_chips();
    /// The other way; decoded blocks stay, so the pages must be restored through PhysicalMemory.
    void load_chips(std::span<const u8> saved);
    /// The whole state but the memories, part by part: processor, chips, drives, the changes of each image. All parts
    /// leave bulk out (StateVisitor::skips_bulk).
    std::vector<StatePart> state_parts();
    struct StateMemory {
        std::string name;
        std::span<u8> bytes;
    };
    /// RAM and video memory.
    std::vector<StateMemory> state_memories();
    /// Before all of that is replaced from outside, and after it.
    void state_ends();
    void state_replaced();
    /// A medium that is in no drive, but that a state may refer to.
    void add_medium(std::shared_ptr<BlockImage> image) { media_.push_back(std::move(image)); }
    /// What images held when the machine was made, by number and cluster: of those clusters that have changed since and
    /// whose image does not know it by itself, as far as a history or an earlier load has kept it.
    using FirstContents = std::map<std::pair<u32, u64>, std::vector<u8>>;
    FirstContents& first_contents();
    /// Of the images with which the state was made that was loaded last, by number.
    const ImageSamples& loaded_samples(u32 image) { return loaded_samples_[image]; }
    /// Every image that the machine knows, with a number that stays: disks by their place, then removable media.
    std::vector<std::pair<u32, BlockImage*>> images();
    RamHash memory_hash();
    RamHash media_hash();

    // ---- looking ------------------------------------------------------------------------------------------------
    TextScreen text_screen() const { return pc_.vga.text(); }
    Picture picture() const { return pc_.vga.render(); }
    Cpu& cpu() { return pc_.cpu; }
    const Cpu& cpu() const { return pc_.cpu; }
    Pc& pc() { return pc_; }
    const MachineConfig& config() const { return config_; }
    Log& log() { return log_; }
    /// RAM, ROM and the VGA's window without side effects; what nobody or another chip answers reads as FFh.
    std::vector<u8> read_physical(u64 address, usize length);
    /// Through the page tables as they are; false as soon as a page is not mapped.
    bool read_linear(u64 address, usize length, std::vector<u8>& out);

private:
    /// Carries out what chips asked for; a stop if the run ends with it.
    bool handle_requests(Stop& stop);
    bool halt_is_dead() const;
    void skip_to(Tick tick);
    bool poke_chip(const input::Poke& poke);
    bool change_medium(const input::Medium& medium);
    void visit_board(StateVisitor& visitor);
    void visit_identity(StateVisitor& visitor);
    void attach_media();
    BlockImage* medium(u32 number);

    Log log_;
    MachineConfig config_;
    OutputGate outputs_;
    Pc pc_;
    bool stop_on_dead_halt_ = true;
    bool ended_ = false;
    Stop end_;
    std::function<void(Tick, const HostInput&)> input_hook_;
    History* history_ = nullptr;
    bool interrupted_ = false;
    // Every removable medium that was ever in a drive, kept because a state may come back that refers to it. Number 0
    // is "none"; the configuration's media come first.
    std::vector<std::shared_ptr<BlockImage>> media_;
    struct InDrives {
        u32 cdrom0 = 0;
        std::array<u32, 2> floppy{};
    };
    InDrives in_drives_;
    FirstContents first_contents_;
    std::map<u32, ImageSamples> loaded_samples_;
};

} // namespace r86
