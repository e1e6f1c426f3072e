#include "machine/checkpoints.h"
#include "core/error.h"
#include "cpu/mmu/mmu.h"
#include <algorithm>
#include <cstring>
#include <set>

namespace r86 {

Checkpoints::Checkpoints(Machine& machine)
    : machine_(machine), ram_pages_(machine.pc().memory.ram_size() >> kPageShift),
      pages_(ram_pages_ + machine.pc().vga.vram().size() / kPageSize), slots_(pages_) {
    PhysicalMemory& memory = machine_.pc().memory;
    const u8* ram = memory.ram().data();
    const u8* video = machine_.pc().vga.vram().data();
    memory.track_writes([this, ram, video](const u8* host) {
        const u64 in_ram = static_cast<u64>(host - ram) >> kPageShift;
        if (host >= ram && in_ram < ram_pages_)
            touch_page(in_ram);
        else if (host >= video && static_cast<u64>(host - video) >> kPageShift < pages_ - ram_pages_)
            touch_page(ram_pages_ + (static_cast<u64>(host - video) >> kPageShift));
        // else: the VGA's window while it is lent; it comes back through video memory
    });
    machine_.pc().vga.memory().on_first_touch([this](u32 page) { touch_page(ram_pages_ + page); });
    for (u64 key = 0; key < pages_; ++key) memory.mark_clean(page_bytes(key));
    machine_.pc().vga.memory().forget_touched();
    machine_.cpu().mmu().drop_all_writers();
    watch_media();
    auto root = std::make_unique<Checkpoint>();
    root->tick = machine_.now();
    root->work = machine_.retired();
    root->chips = store_.make();
    store_.keep(root->chips, machine_.save_chips());
    all_.push_back(std::move(root));
    base_ = all_.front().get();
}

Checkpoints::~Checkpoints() {
    machine_.pc().memory.track_writes({});
    machine_.pc().vga.memory().on_first_touch({});
    for (const auto& [number, image] : images_) image->on_before_write({});
}

u8* Checkpoints::page_bytes(u64 key) {
    if (key < ram_pages_) return machine_.pc().memory.ram().data() + (key << kPageShift);
    return machine_.pc().vga.vram().data() + ((key - ram_pages_) << kPageShift);
}

Checkpoints::Slot& Checkpoints::slot(u64 key) { return key & kClusterKey ? clusters_[key].slot : slots_[key]; }

BlockImage* Checkpoints::image(u64 key) {
    const u32 number = static_cast<u32>((key & ~kClusterKey) >> 40);
    for (const auto& [known, image] : images_)
        if (known == number) return image;
    return nullptr;
}

void Checkpoints::watch_media() {
    images_ = machine_.images();
    for (const auto& entry : images_) {
        const u32 number = entry.first;
        entry.second->on_before_write([this, number](u64 cluster) { touch_cluster(number, cluster); });
    }
}

/// Content and, in a last byte, whether the image counts the cluster as changed.
void Checkpoints::read_cluster(u64 key, std::vector<u8>& out) {
    const u64 cluster = key & ((u64{1} << 40) - 1);
    BlockImage* from = image(key);
    R86_ASSERT(from);
    if (!from->read_cluster(cluster, out)) std::fill(out.begin(), out.end(), u8{0}); // the host's trouble is reported
    out.push_back(from->changed_clusters().count(cluster) ? 1 : 0);
}

void Checkpoints::keep(u64 key, Slot& slot) {
    if (!slot.version) slot.version = store_.make();
    if (!slot.version->live()) return;
    if (key & kClusterKey) {
        read_cluster(key, buffer_);
        store_.keep(slot.version, buffer_);
    } else {
        store_.keep(slot.version, {page_bytes(key), kPageSize});
    }
}

void Checkpoints::touch_page(u64 key) {
    Slot& page = slots_[key];
    if (page.dirty) return;
    page.dirty = true;
    dirty_.push_back(key);
    keep(key, page);
}

void Checkpoints::touch_cluster(u32 image_number, u64 cluster) {
    const u64 key = cluster_key(image_number, cluster);
    Cluster& entry = clusters_[key];
    entry.hashed = false;
    if (entry.slot.dirty) return;
    entry.slot.dirty = true;
    dirty_.push_back(key);
    const bool first = !entry.slot.version;
    keep(key, entry.slot);
    if (first && first_change_) {
        const std::vector<u8> content = store_.read(*entry.slot.version);
        if (!content.back()) first_change_(image_number, cluster, std::span(content).first(content.size() - 1));
    }
}

void Checkpoints::mark_all_clean() {
    for (const u64 key : dirty_) {
        slot(key).dirty = false;
        if (!(key & kClusterKey)) machine_.pc().memory.mark_clean(page_bytes(key));
    }
    dirty_.clear();
    machine_.pc().vga.memory().forget_touched();
    machine_.cpu().mmu().drop_all_writers();
}

Checkpoint* Checkpoints::take(Checkpoint* next, usize inputs, bool temporary) {
    (void)machine_.pc().vga.vram(); // up to date, and with it what is dirty
    auto fresh = std::make_unique<Checkpoint>();
    fresh->tick = machine_.now();
    fresh->work = machine_.retired();
    fresh->inputs = inputs;
    fresh->temporary = temporary;
    fresh->age = ++age_clock_;
    fresh->chips = store_.make();
    store_.keep(fresh->chips, machine_.save_chips());
    std::sort(dirty_.begin(), dirty_.end());
    fresh->changes.reserve(dirty_.size());
    for (const u64 key : dirty_) {
        Slot& changed = slot(key);
        VersionRef now = store_.make();
        fresh->changes.push_back({key, now, std::exchange(changed.version, now)});
        if (!hashes_.empty()) rehash(key);
    }
    if (next) { // from now on its changes are those since the new one
        std::vector<Checkpoint::Change> joined;
        joined.reserve(next->changes.size() + fresh->changes.size());
        auto theirs = next->changes.begin();
        for (const Checkpoint::Change& ours : fresh->changes) {
            while (theirs != next->changes.end() && theirs->key < ours.key) joined.push_back(*theirs++);
            if (theirs != next->changes.end() && theirs->key == ours.key) {
                joined.push_back({ours.key, theirs->now, ours.now});
                ++theirs;
            } else { // only touched, so it reads at `next` as it did at the parent
                joined.push_back({ours.key, ours.before, ours.now});
            }
        }
        joined.insert(joined.end(), theirs, next->changes.end());
        changes_ += joined.size() - next->changes.size();
        next->changes = std::move(joined);
        auto& siblings = base_->children;
        *std::find(siblings.begin(), siblings.end(), next) = fresh.get();
        fresh->children.push_back(next);
        next->parent = fresh.get();
    } else {
        base_->children.push_back(fresh.get());
    }
    fresh->parent = base_;
    changes_ += fresh->changes.size();
    base_ = fresh.get();
    all_.push_back(std::move(fresh));
    mark_all_clean();
    return base_;
}

void Checkpoints::mark(u64 key, const VersionRef* target) {
    Slot& marked = slot(key);
    if (marked.mark != mark_clock_) {
        marked.mark = mark_clock_;
        marked_.push_back(key);
    }
    marked.target = target;
}

void Checkpoints::arrive(Checkpoint* next) {
    R86_ASSERT(next->parent == base_);
    (void)machine_.pc().vga.vram(); // up to date, and with it what is dirty
    ++mark_clock_;
    marked_.clear();
    for (const u64 key : dirty_) mark(key, &slot(key).version);
    for (const Checkpoint::Change& change : next->changes) mark(change.key, &change.now);
    for (const u64 key : marked_) {
        Slot& known = slot(key);
        if (known.version != *known.target) {
            if (!known.dirty) keep(key, known); // the same content under two names: the old one needs its own copy
            known.version = *known.target;
        }
        if (!hashes_.empty() && known.dirty) rehash(key);
    }
    base_ = next;
    mark_all_clean();
}

void Checkpoints::rewrite(u64 key, Slot& slot) {
    if (!slot.dirty) {
        if (slot.version == *slot.target) return;
        keep(key, slot);
    }
    const Version& wanted = **slot.target;
    buffer_.resize(wanted.size());
    store_.read(wanted, buffer_);
    if (key & kClusterKey) {
        const bool changed = buffer_.back() != 0;
        BlockImage* to = image(key);
        if (!to->restore_cluster(key & ((u64{1} << 40) - 1), std::span(buffer_).first(buffer_.size() - 1), changed))
            throw UserError("Image '" + to->name() + "' cannot be set to another time: the host refuses to write it.");
        clusters_[key].hashed = false;
    } else {
        u8* page = page_bytes(key);
        if (std::memcmp(page, buffer_.data(), kPageSize) != 0) machine_.pc().memory.restore_page(page, buffer_.data());
    }
    slot.version = *slot.target;
    if (!hashes_.empty()) rehash(key);
}

void Checkpoints::go_to(Checkpoint* target) {
    (void)machine_.pc().vga.vram(); // up to date, and with it what is dirty
    ++mark_clock_;
    marked_.clear();
    for (const u64 key : dirty_) mark(key, &slot(key).version);
    std::vector<Checkpoint*> down; // target and its ancestors
    for (Checkpoint* at = target; at; at = at->parent) down.push_back(at);
    Checkpoint* common = base_;
    for (; std::find(down.begin(), down.end(), common) == down.end(); common = common->parent)
        for (const Checkpoint::Change& change : common->changes) mark(change.key, &change.before);
    down.resize(static_cast<usize>(std::find(down.begin(), down.end(), common) - down.begin()));
    for (auto at = down.rbegin(); at != down.rend(); ++at)
        for (const Checkpoint::Change& change : (*at)->changes) mark(change.key, &change.now);

    const std::vector<u8> chips = store_.read(*target->chips);
    machine_.load_chips(chips);
    for (const u64 key : marked_) {
        Slot& one = slot(key);
        const bool clean = !one.dirty && one.version == *one.target;
        if (!clean) rewrite(key, one);
        one.dirty = false;
        if (!(key & kClusterKey)) machine_.pc().memory.mark_clean(page_bytes(key));
    }
    dirty_.clear();
    base_ = target;
    machine_.pc().vga.memory().forget_touched();
    machine_.cpu().mmu().drop_all_writers();
}

void Checkpoints::become(Machine& other) {
    (void)machine_.pc().vga.vram(); // up to date, and with it what is dirty
    const std::vector<u8> chips = other.save_chips();
    machine_.load_chips(chips);
    u64 key = 0;
    for (const Machine::StateMemory& memory : other.state_memories())
        for (usize at = 0; at < memory.bytes.size(); at += kPageSize, ++key) {
            if (std::memcmp(page_bytes(key), &memory.bytes[at], kPageSize) == 0) continue;
            touch_page(key);
            machine_.pc().memory.restore_page(page_bytes(key), &memory.bytes[at]);
        }
    R86_ASSERT(key == pages_);
    const auto theirs = other.images();
    for (const auto& [number, image] : images_)
        for (const auto& [their_number, wanted] : theirs)
            if (their_number == number) become(number, *image, *wanted);
}

void Checkpoints::become(u32 number, BlockImage& ours, BlockImage& wanted) {
    std::set<u64> clusters = ours.changed_clusters();
    clusters.insert(wanted.changed_clusters().begin(), wanted.changed_clusters().end());
    std::vector<u8> content;
    for (const u64 cluster : clusters) {
        touch_cluster(number, cluster);
        if (!wanted.read_cluster(cluster, content) ||
            !ours.restore_cluster(cluster, content, wanted.changed_clusters().count(cluster) != 0))
            throw UserError("Image '" + ours.name() + "' cannot be set to another time: the host refuses to write it.");
    }
}

void Checkpoints::remove(Checkpoint* gone) {
    R86_ASSERT(gone != base_ && gone->parent);
    for (Checkpoint* child : gone->children) {
        std::vector<Checkpoint::Change> joined;
        joined.reserve(child->changes.size() + gone->changes.size());
        auto theirs = child->changes.begin();
        for (const Checkpoint::Change& ours : gone->changes) {
            while (theirs != child->changes.end() && theirs->key < ours.key) joined.push_back(*theirs++);
            if (theirs != child->changes.end() && theirs->key == ours.key) {
                if (theirs->now != ours.before) joined.push_back({ours.key, theirs->now, ours.before});
                ++theirs;
            } else {
                joined.push_back(ours);
            }
        }
        joined.insert(joined.end(), theirs, child->changes.end());
        changes_ += joined.size();
        changes_ -= child->changes.size();
        child->changes = std::move(joined);
        child->parent = gone->parent;
        gone->parent->children.push_back(child);
    }
    auto& siblings = gone->parent->children;
    siblings.erase(std::find(siblings.begin(), siblings.end(), gone));
    changes_ -= gone->changes.size();
    const auto owner = std::find_if(all_.begin(), all_.end(), [&](const auto& one) { return one.get() == gone; });
    all_.erase(owner);
}

namespace {
bool any_in(const std::vector<Checkpoint::Change>& changes, u64 first, u64 last) {
    const auto at = std::lower_bound(changes.begin(), changes.end(), first,
                                     [](const Checkpoint::Change& change, u64 key) { return change.key < key; });
    return at != changes.end() && at->key <= last;
}
} // namespace

bool Checkpoints::may_have_changed(const Checkpoint& checkpoint, u64 physical, u64 length) const {
    if (physical + length > machine_.pc().memory.ram_size()) return true;
    return any_in(checkpoint.changes, physical >> kPageShift, (physical + length - 1) >> kPageShift);
}

bool Checkpoints::changed_now(u64 physical, u64 length) const {
    if (physical + length > machine_.pc().memory.ram_size()) return true;
    for (u64 page = physical >> kPageShift; page <= (physical + length - 1) >> kPageShift; ++page)
        if (slots_[page].dirty) return true;
    return false;
}

bool Checkpoints::video_changed(const Checkpoint& checkpoint) const {
    return any_in(checkpoint.changes, ram_pages_, pages_ - 1);
}

bool Checkpoints::video_changed_now() const {
    return std::any_of(dirty_.begin(), dirty_.end(), [this](u64 key) { return key >= ram_pages_ && key < pages_; });
}

std::vector<FirstContent> Checkpoints::first_contents() {
    // The content at the root is what the first change of a cluster replaced: going up from any checkpoint, the last
    // `before` that is met.
    std::map<u64, VersionRef> found;
    for (auto& [key, entry] : clusters_)
        if (entry.slot.dirty) found[key] = entry.slot.version;
    for (const auto& checkpoint : all_)
        for (const Checkpoint::Change& change : checkpoint->changes) {
            if (!(change.key & kClusterKey)) continue;
            bool earlier = false;
            for (const Checkpoint* up = checkpoint->parent; up && !earlier; up = up->parent)
                earlier = any_in(up->changes, change.key, change.key);
            if (!earlier) found[change.key] = change.before;
        }
    std::vector<FirstContent> all;
    for (const auto& [key, version] : found) {
        std::vector<u8> content = store_.read(*version);
        if (content.back()) continue; // it had changed before the root
        content.pop_back();
        all.push_back({static_cast<u32>((key & ~kClusterKey) >> 40), key & ((u64{1} << 40) - 1), std::move(content)});
    }
    return all;
}

// ---- digests
// -------------------------------------------------------------------------------------------------------------

RamHash Checkpoints::hash_now(u64 key) { return hash_page(page_number(key), {page_bytes(key), kPageSize}); }

void Checkpoints::rehash(u64 key) {
    if (key & kClusterKey) return;
    hash_sum_ -= hashes_[key];
    hashes_[key] = hash_now(key);
    hash_sum_ += hashes_[key];
}

void Checkpoints::start_hashing() {
    hashes_.resize(pages_);
    buffer_.resize(kPageSize);
    for (u64 key = 0; key < pages_; ++key) {
        if (slots_[key].dirty) {
            store_.read(*slots_[key].version, buffer_);
            hashes_[key] = hash_page(page_number(key), buffer_);
        } else {
            hashes_[key] = hash_now(key);
        }
        hash_sum_ += hashes_[key];
    }
}

RamHash Checkpoints::memory_hash() {
    (void)machine_.pc().vga.vram(); // up to date, and with it what is dirty
    if (hashes_.empty()) start_hashing();
    RamHash sum = hash_sum_;
    for (const u64 key : dirty_) {
        if (key & kClusterKey) continue;
        sum -= hashes_[key];
        sum += hash_now(key);
    }
    return sum;
}

RamHash Checkpoints::media_hash() {
    RamHash sum;
    std::vector<u8> content;
    for (const auto& [number, image] : images_)
        for (const u64 cluster : image->changed_clusters()) {
            Cluster& entry = clusters_[cluster_key(number, cluster)];
            if (!entry.hashed) {
                if (!image->read_cluster(cluster, content)) continue;
                entry.hash = hash_cluster(number, cluster, content);
                entry.hashed = true; // every write is announced and ends it
            }
            sum += entry.hash;
        }
    return sum;
}

} // namespace r86
