#include "machine/fresh_machine.h"
#include "core/error.h"
#include "machine/visitors.h"
#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace r86 {

namespace {

/// As large as another image, and holds the clusters of a state only.
class StandIn final : public BlockImage {
public:
    explicit StandIn(const BlockImage& of) : size_(of.size()), read_only_(of.read_only()), name_(of.name()) {}
    u64 size() const override { return size_; }
    bool read_only() const override { return read_only_; }
    const std::string& name() const override { return name_; }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        return for_pieces(offset, out.size(), [&](u64 cluster, usize inside, usize done, usize length) {
            const auto known = clusters_.find(cluster);
            if (known == clusters_.end())
                std::memset(out.data() + done, 0, length);
            else
                std::memcpy(out.data() + done, known->second.data() + inside, length);
        });
    }
    bool do_write(u64 offset, std::span<const u8> in) override {
        if (read_only_) return false;
        return for_pieces(offset, in.size(), [&](u64 cluster, usize inside, usize done, usize length) {
            std::vector<u8>& own = clusters_[cluster];
            own.resize(kClusterBytes);
            std::memcpy(own.data() + inside, in.data() + done, length);
        });
    }
    bool do_flush() override { return true; }
    bool do_revert(u64 cluster) override {
        clusters_.erase(cluster);
        return true;
    }

private:
    template <class F>
    static bool for_pieces(u64 offset, usize bytes, F&& piece) {
        for (usize done = 0; done < bytes;) {
            const u64 at = offset + done;
            const usize inside = at % kClusterBytes;
            const usize length = std::min<usize>(bytes - done, kClusterBytes - inside);
            piece(at / kClusterBytes, inside, done, length);
            done += length;
        }
        return true;
    }
    u64 size_;
    bool read_only_;
    std::string name_;
    std::map<u64, std::vector<u8>> clusters_;
};

std::unique_ptr<BlockImage> stand_in(const std::unique_ptr<BlockImage>& image) {
    return image ? std::make_unique<StandIn>(*image) : nullptr;
}

MachineConfig same_machine(const MachineConfig& of) {
    // Bound by name, so that a member that comes later is not forgotten here: it would not compile.
    const auto& [memory_bytes, cpu, mips, rtc, boot_order, boot_menu, floppies, floppy_drive_b, disks, cdrom, kernel,
                 bios, vgabios, no_vgabios, isa_debug_exit, post_port, no_reboot, hpet, serial, parallel, debug_console,
                 post] = of;
    MachineConfig made;
    made.memory_bytes = memory_bytes;
    made.cpu = cpu;
    made.mips = mips;
    made.rtc = rtc;
    made.boot_order = boot_order;
    made.boot_menu = boot_menu;
    for (usize n = 0; n < floppies.size(); ++n) made.floppies[n] = stand_in(floppies[n]);
    made.floppy_drive_b = floppy_drive_b;
    for (const auto& disk : disks) made.disks.push_back(stand_in(disk));
    made.cdrom = stand_in(cdrom);
    made.kernel = kernel;
    made.bios = bios;
    made.vgabios = vgabios;
    made.no_vgabios = no_vgabios;
    made.isa_debug_exit = isa_debug_exit;
    made.post_port = post_port;
    made.no_reboot = no_reboot;
    made.hpet = hpet;
    static_cast<void>(serial); // nothing leaves this machine
    static_cast<void>(parallel);
    static_cast<void>(debug_console);
    static_cast<void>(post);
    return made;
}

} // namespace

FreshMachine::FreshMachine(Machine& live)
    : live_(live), machine_(std::make_unique<Machine>(same_machine(live.config()))) {
    const auto images = live_.images();
    for (usize n = machine_->images().size(); n < images.size(); ++n)
        machine_->add_medium(std::make_shared<StandIn>(*images[n].second));
}

void FreshMachine::set_image(u32 number, BlockImage& image, BlockImage& wanted, std::vector<Replaced>& replaced) {
    std::set<u64> clusters = image.changed_clusters();
    clusters.insert(wanted.changed_clusters().begin(), wanted.changed_clusters().end());
    Machine::FirstContents& first = live_.first_contents();
    std::vector<u8> content;
    for (const u64 cluster : clusters) {
        Replaced before{&image, cluster, image.changed_clusters().count(cluster) != 0, {}};
        if (!image.read_cluster(cluster, before.content))
            throw UserError("Image '" + image.name() + "' cannot be read.");
        const bool changed = wanted.changed_clusters().count(cluster) != 0;
        const auto known = first.find({number, cluster});
        if (changed)
            static_cast<void>(wanted.read_cluster(cluster, content)); // a stand-in: from memory
        else if (known != first.end())
            content = known->second;
        else if (image.remembers_start())
            content.assign(image.cluster_bytes(cluster), 0);
        else
            throw UserError("What image '" + image.name() +
                            "' held when this session began is not known any more; start anew with the image that "
                            "belongs to the state.");
        if (!before.changed && !image.remembers_start()) first.try_emplace({number, cluster}, before.content);
        if (changed && before.changed && content == before.content) continue;
        if (!image.restore_cluster(cluster, content, changed))
            throw UserError("Image '" + image.name() +
                            "' cannot be set to another time: the host refuses to write it.");
        replaced.push_back(std::move(before));
    }
}

void FreshMachine::swap_images(ImageCheck check) {
    const auto images = live_.images(), wanted = machine_->images();
    R86_ASSERT(images.size() == wanted.size());
    for (usize n = 0; n < images.size(); ++n)
        if (check == ImageCheck::Samples && !fits_samples(*images[n].second, machine_->loaded_samples(images[n].first)))
            throw UserError("Image '" + images[n].second->name() +
                            "' holds something else than when the state was made; start with that image as it was.");
    std::vector<Replaced> replaced;
    try {
        for (usize n = 0; n < images.size(); ++n)
            set_image(images[n].first, *images[n].second, *wanted[n].second, replaced);
    } catch (const UserError&) {
        for (auto one = replaced.rbegin(); one != replaced.rend(); ++one)
            static_cast<void>(one->image->restore_cluster(one->cluster, one->content, one->changed));
        throw;
    }
}

void FreshMachine::swap_in(ImageCheck check) {
    swap_images(check); // only the host could refuse, and it did not
    live_.state_ends();
    SaveVisitor save(true);
    machine_->visit(save);
    const std::vector<u8> chips = save.take();
    LoadVisitor load(chips, true);
    live_.visit(load);
    const auto to = live_.state_memories(), from = machine_->state_memories();
    for (usize n = 0; n < to.size(); ++n)
        for (usize at = 0; at < to[n].bytes.size(); at += kPageSize) {
            const usize length = std::min<usize>(kPageSize, to[n].bytes.size() - at);
            if (std::memcmp(&to[n].bytes[at], &from[n].bytes[at], length) != 0)
                std::memcpy(&to[n].bytes[at], &from[n].bytes[at], length);
        }
    live_.state_replaced();
}

} // namespace r86
