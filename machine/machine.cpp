#include "machine/machine.h"
#include "bios/firmware.h"
#include "core/error.h"
#include "machine/ram_hash.h"
#include "machine/visitors.h"
#include <algorithm>

namespace r86 {

namespace {
constexpr u64 kVideoWindow = 0xA0000;
constexpr u64 kLeastMemory = u64{1} << 20;
constexpr char kMagic[] = "rewind86 state 1";
constexpr u32 kFirstRemovable = 16; // numbers of images: disks below
} // namespace

void check_config(const MachineConfig& config) {
    if (config.memory_bytes < kLeastMemory || config.memory_bytes > PhysicalMemory::kMaxRam)
        throw UserError("The machine's memory must be between 1 MiB and 3584 MiB.");
    if (config.memory_bytes % (u64{64} << 10)) throw UserError("The machine's memory must be a multiple of 64 KiB.");
    if (config.mips < 1 || config.mips > 1000) throw UserError("The speed must be between 1 and 1000 MIPS.");
    if (config.boot_order.find_first_not_of("acd") != std::string::npos)
        throw UserError("The boot order takes the letters a (floppy), c (disk) and d (CD) only.");
    if (config.disks.size() > 3) throw UserError("The machine has room for three disks beside the CD drive.");
    if (!config.bios.empty()) check_firmware_size(config.bios.size());
    if (!config.vgabios.empty()) check_option_rom(config.vgabios);
}

Machine::Machine(MachineConfig config)
    : config_((check_config(config), std::move(config))), outputs_(config_), pc_(config_, log_) {
    media_.emplace_back(); // number 0
    const auto keep = [this](BlockImage* image) -> u32 {
        if (!image) return 0;
        media_.emplace_back(std::shared_ptr<BlockImage>{}, image); // owned by the configuration
        return static_cast<u32>(media_.size() - 1);
    };
    in_drives_.cdrom0 = keep(config_.cdrom.get());
    for (usize i = 0; i < 2; ++i) in_drives_.floppy[i] = keep(config_.floppies[i].get());
}

u64 Machine::retired() const { return pc_.cpu.s.retired(); }

bool Machine::handle_requests(Stop& stop) {
    BoardRequests& requests = pc_.requests;
    if (!requests.any()) return false;
    const BoardRequests asked = std::exchange(requests, {});
    if (asked.power_off)
        end_ = {StopReason::PoweredOff, 0};
    else if (asked.guest_exit)
        end_ = {StopReason::GuestExit, asked.guest_exit_code};
    else if (config_.no_reboot)
        end_ = {StopReason::ResetEnded, 0};
    else {
        if (asked.reset)
            pc_.reset(ResetKind::Hard);
        else
            pc_.init_processor();
        return false;
    }
    ended_ = true;
    stop = end_;
    return true;
}

/// HLT with interrupts disabled, or with nothing unmasked: no chip of this board can wake the processor then.
bool Machine::halt_is_dead() const { return pc_.cpu.s.halted && !pc_.halt_may_end(); }

/// A halt's ticks pass without work.
void Machine::skip_to(Tick tick) {
    CpuState& s = pc_.cpu.s;
    if (tick <= s.tick) return;
    s.unretired += tick - s.tick;
    s.tick = tick;
}

Stop Machine::run_until(Tick target) {
    if (ended_) return end_;
    Cpu& cpu = pc_.cpu;
    Stop stop;
    for (;;) {
        pc_.clock.set_now(cpu.s.tick);
        pc_.events.run_due();
        if (handle_requests(stop)) return stop;
        if (std::exchange(interrupted_, false) && !(cpu.watcher() && cpu.watcher()->goes_on()))
            return {StopReason::Interrupted, 0};
        if (cpu.s.tick >= target) return {};
        if (history_ && cpu.s.tick >= history_->next()) {
            history_->boundary();
            continue;
        }
        const Tick limit = std::min({target, pc_.events.next(), history_ ? history_->next() : kNever});
        switch (cpu.run(limit)) {
        case RunStop::Target:
        case RunStop::Request: break;
        case RunStop::Halted:
            if (stop_on_dead_halt_ && halt_is_dead()) return {StopReason::DeadHalt, 0};
            skip_to(limit);
            break;
        case RunStop::Breakpoint:
            interrupted_ = false; // it has stopped
            return {StopReason::Breakpoint, 0};
        case RunStop::Shutdown:
            pc_.clock.set_now(cpu.s.tick);
            log_.write(LogCategory::Warning, "triple fault at tick %llu", static_cast<unsigned long long>(cpu.s.tick));
            if (config_.no_reboot) {
                ended_ = true;
                end_ = {StopReason::TripleFault, 0};
                return end_;
            }
            pc_.init_processor(); // the chip set answers the shutdown cycle with INIT#
            break;
        }
    }
}

void Machine::interrupt() {
    interrupted_ = true;
    pc_.cpu.request_exit();
}

BlockImage* Machine::medium(u32 number) { return number < media_.size() ? media_[number].get() : nullptr; }

bool Machine::change_medium(const input::Medium& medium) {
    u32 number = 0;
    if (medium.image) {
        const auto known = std::find(media_.begin(), media_.end(), medium.image);
        number = static_cast<u32>(known - media_.begin());
        if (known == media_.end()) media_.push_back(medium.image);
    }
    if (medium.drive == "cdrom0") {
        if (medium.image)
            pc_.cdrom->insert(*medium.image);
        else if (!pc_.cdrom->eject())
            return false;
        in_drives_.cdrom0 = number;
        return true;
    }
    for (unsigned n = 0; n < in_drives_.floppy.size(); ++n) {
        if (medium.drive != "floppy" + std::to_string(n)) continue;
        if (medium.image)
            pc_.floppy.insert(n, *medium.image);
        else
            pc_.floppy.eject(n);
        in_drives_.floppy[n] = number;
        return true;
    }
    return false;
}

/// After a load: the drives refer to the media that were in them.
void Machine::attach_media() {
    pc_.cdrom->attach_silently(medium(in_drives_.cdrom0));
    for (unsigned n = 0; n < in_drives_.floppy.size(); ++n) pc_.floppy.attach_silently(n, medium(in_drives_.floppy[n]));
}

bool Machine::apply(const HostInput& input) {
    pc_.clock.set_now(now());
    pc_.events.run_due();
    if (input_hook_) input_hook_(now(), input);
    if (history_) history_->input(input);
    struct Door {
        Machine& m;
        bool operator()(const input::Key& key) {
            m.pc_.keyboard.key(key.key, key.down);
            return true;
        }
        bool operator()(const input::Mouse& mouse) {
            m.pc_.mouse.move(mouse.dx, -mouse.dy, mouse.wheel, mouse.buttons);
            return true;
        }
        bool operator()(const input::SerialReceive& serial) {
            if (serial.port >= m.pc_.serial.size()) return false;
            bool taken = true;
            for (const u8 byte : serial.bytes) taken &= m.pc_.serial[serial.port].receive(byte);
            return taken;
        }
        bool operator()(const input::ParallelReceive& parallel) {
            m.pc_.parallel.set_input(parallel.data);
            return true;
        }
        bool operator()(const input::Medium& medium) {
            const bool changed = m.change_medium(medium);
            if (m.history_) m.history_->media_changed();
            return changed;
        }
        bool operator()(const input::PowerButton&) {
            m.pc_.pm.press_power_button();
            return true;
        }
        bool operator()(const input::Reset&) {
            m.ended_ = false;
            m.pc_.reset(ResetKind::Hard);
            return true;
        }
        bool operator()(const input::Ratio& ratio) {
            m.pc_.clock.set_ratio_mips(std::clamp<u32>(ratio.mips, 1, 1000));
            m.pc_.events.rebase();
            return true;
        }
        bool operator()(const input::Poke& poke) {
            if (poke.field.empty()) {
                m.pc_.memory.write({poke.address}, poke.bytes);
                return true;
            }
            PatchVisitor patch(poke.field, poke.bytes);
            m.pc_.cpu.visit(patch);
            return patch.found() || m.poke_chip(poke);
        }
    };
    return std::visit(Door{*this}, input);
}

bool Machine::poke_chip(const input::Poke& poke) {
    SaveVisitor looked_at(true); // chips bring up to date what they do lazily
    pc_.visit(looked_at);
    PatchVisitor patch(poke.field, poke.bytes);
    pc_.visit(patch);
    if (patch.found()) pc_.restored();
    return patch.found();
}

void Machine::visit(StateVisitor& visitor) {
    visitor.begin("machine");
    pc_.visit(visitor);
    visit_board(visitor);
    visitor.end();
}

void Machine::visit_board(StateVisitor& visitor) {
    auto& [cdrom0, floppy] = in_drives_;
    visitor.field("medium_cdrom0", cdrom0);
    visitor.field("medium_floppy", floppy);
    for (const u32 number : {cdrom0, floppy[0], floppy[1]})
        if (number >= media_.size())
            throw UserError("The saved state does not fit this machine: medium " + std::to_string(number) +
                            " is in a drive and was never here ('machine.medium').");
    visitor.field("ended", ended_);
    visitor.field("end_reason", end_.reason);
    visitor.field("end_code", end_.code);
}

/// What a state cannot bring along: it must be the same where it is loaded.
void Machine::visit_identity(StateVisitor& visitor) {
    Sha256 hash;
    hash.update(pc_.bios);
    hash.update(config_.vgabios);
    hash.update_u64(config_.no_vgabios);
    const std::string firmware = Sha256::hex(hash.finish());
    const std::pair<const char*, const std::string*> all[] = {{"cpu_model", &config_.cpu}, {"firmware", &firmware}};
    for (const auto& [name, ours] : all) {
        constexpr usize kLongest = 4096;
        std::vector<u8> theirs(ours->begin(), ours->end());
        visitor.blob(name, theirs, kLongest);
        if (!std::equal(theirs.begin(), theirs.end(), ours->begin(), ours->end()))
            throw UserError("The saved state does not fit this machine: it differs at 'machine." + std::string(name) +
                            "'.");
    }
}

std::vector<StatePart> Machine::state_parts() {
    constexpr u64 kMostBoard = u64{1} << 20, kMostOfCluster = 64; // beside its content
    std::vector<StatePart> parts = pc_.parts();
    const auto add = [&parts](std::string name, u64 most, auto visit) {
        parts.push_back({name, most, [name, visit](StateVisitor& visitor) {
                             visitor.begin(name);
                             visit(visitor);
                             visitor.end();
                         }});
    };
    add("machine", kMostBoard, [this](StateVisitor& visitor) {
        for (const StateMemory& memory : state_memories()) {
            u64 bytes = memory.bytes.size();
            const std::string field = memory.name + "_bytes";
            visitor.field(field, bytes);
            if (bytes != memory.bytes.size())
                throw UserError("The saved state does not fit this machine: it differs at 'machine." + field + "'.");
        }
        visit_identity(visitor);
        visit_board(visitor);
    });
    for (const auto& [number, image] : images()) {
        const bool disk = number < kFirstRemovable;
        add((disk ? "disk" : "medium") + std::to_string(disk ? number : number - kFirstRemovable),
            kMostBoard + image->size() + image->size() / BlockImage::kClusterBytes * kMostOfCluster,
            [this, number = number, image = image](StateVisitor& visitor) {
                u64 bytes = image->size();
                visitor.field("bytes", bytes);
                if (bytes != image->size())
                    throw UserError("The state was made with an image of " + std::to_string(bytes) + " bytes where '" +
                                    image->name() + "' is now.");
                ImageSamples samples;
                if (!visitor.loading()) samples = take_samples(*image);
                visit_samples(visitor, samples);
                if (visitor.loading()) loaded_samples_[number] = std::move(samples);
                image->visit(visitor);
            });
    }
    return parts;
}

std::vector<Machine::StateMemory> Machine::state_memories() {
    return {{"ram", pc_.memory.ram()}, {"video_memory", pc_.vga.vram()}};
}

void Machine::state_ends() {
    if (history_) history_->state_ends();
}

void Machine::state_replaced() {
    attach_media();
    pc_.loaded();
    if (history_) history_->state_replaced();
}

Machine::FirstContents& Machine::first_contents() {
    if (!history_) return first_contents_;
    const auto all = images();
    for (FirstContent& one : history_->first_contents()) {
        const auto image =
            std::find_if(all.begin(), all.end(), [&](const auto& each) { return each.first == one.image; });
        // What is known from before this history began is older.
        if (image != all.end() && !image->second->remembers_start())
            first_contents_.try_emplace({one.image, one.cluster}, std::move(one.content));
    }
    return first_contents_;
}

std::vector<std::pair<u32, BlockImage*>> Machine::images() {
    std::vector<std::pair<u32, BlockImage*>> all;
    for (u32 n = 0; n < config_.disks.size(); ++n)
        if (config_.disks[n]) all.emplace_back(n, config_.disks[n].get());
    for (u32 n = 0; n < media_.size(); ++n)
        if (media_[n]) all.emplace_back(kFirstRemovable + n, media_[n].get());
    return all;
}

RamHash Machine::memory_hash() {
    if (history_) return history_->memory_hash();
    RamHash sum = hash_ram(pc_.memory.ram());
    const auto vram = pc_.vga.vram();
    for (u64 page = 0; page < vram.size() / kPageSize; ++page)
        sum += hash_page(kVideoPages + page, vram.subspan(page * kPageSize, kPageSize));
    return sum;
}

RamHash Machine::media_hash() {
    if (history_) return history_->media_hash();
    RamHash sum;
    std::vector<u8> content;
    for (const auto& [number, image] : images())
        for (const u64 cluster : image->changed_clusters())
            if (image->read_cluster(cluster, content)) sum += hash_cluster(number, cluster, content);
    return sum;
}

std::string Machine::digest() {
    Sha256 hash;
    HashVisitor visitor(hash, true);
    visit(visitor);
    for (const RamHash& sum : {memory_hash(), media_hash()}) {
        hash.update_u64(sum.low);
        hash.update_u64(sum.high);
    }
    return Sha256::hex(hash.finish());
}

std::vector<u8> Machine::save_chips() {
    SaveVisitor visitor(true);
    visit(visitor);
    return visitor.take();
}

void Machine::load_chips(std::span<const u8> saved) {
    LoadVisitor visitor(saved, true);
    visit(visitor);
    attach_media();
    pc_.restored();
}

std::vector<u8> Machine::save() {
    SaveVisitor visitor;
    visitor.begin(kMagic);
    visit(visitor);
    visitor.bytes("ram", pc_.memory.ram());
    for (const auto& disk : config_.disks)
        if (disk) visitor.field("disk", *disk);
    for (const auto& image : media_)
        if (image) visitor.field("medium", *image);
    visitor.end();
    return visitor.take();
}

void Machine::load(std::span<const u8> saved) {
    LoadVisitor visitor(saved);
    visitor.begin(kMagic);
    visit(visitor);
    visitor.bytes("ram", pc_.memory.ram());
    for (const auto& disk : config_.disks)
        if (disk) visitor.field("disk", *disk);
    for (const auto& image : media_)
        if (image) visitor.field("medium", *image);
    visitor.end();
    state_replaced();
}

std::vector<u8> Machine::read_physical(u64 address, usize length) {
    std::vector<u8> out(length, 0xFF);
    for (usize i = 0; i < length; ++i) {
        const PhysAddr at{address + i};
        if (!pc_.memory.exists(at)) continue;
        const Page& page = pc_.memory.page(at);
        if (page.read)
            out[i] = page.read[at.value & kPageMask];
        else if (at.value >= kVideoWindow && at.value < kVideoWindow + VgaDirect::kWindowBytes)
            out[i] = pc_.vga.memory().peek(at.value - kVideoWindow);
    }
    return out;
}

bool Machine::read_linear(u64 address, usize length, std::vector<u8>& out) {
    out.clear();
    while (out.size() < length) {
        const u64 at = (address + out.size()) & 0xFFFFFFFF;
        PhysAddr physical;
        if (!pc_.cpu.translate_for_debugger({at}, physical)) return false;
        const usize chunk = std::min<usize>(length - out.size(), kPageSize - (at & kPageMask));
        const auto bytes = read_physical(physical.value, chunk);
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return true;
}

} // namespace r86
