#include "machine/timeline.h"
#include "core/error.h"
#include "machine/state_file.h"
#include "machine/visitors.h"
#include <algorithm>
#include <cstdio>

namespace r86 {

namespace {

constexpr usize kMostCheckpoints = 600;
constexpr usize kMostTemporary = 12;
constexpr Tick kProgressStep = Tick{1} << 24;
constexpr Tick kWorthFetching = Tick{1} << 25; ///< unpacking a state takes longer than replaying less than that
/// Distances before the target of a seek at which a close checkpoint is laid, so that the next step back is short.
constexpr Tick kCloseDistances[] = {Tick{1} << 26, Tick{1} << 24, Tick{1} << 22, Tick{1} << 19, Tick{1} << 16};

} // namespace

Timeline::Timeline(Machine& machine, TimelineSettings settings) : machine_(machine), settings_(settings) {
    begin_anew();
    machine_.set_history(this);
}

void Timeline::begin_anew() {
    checkpoints_.reset(); // lets go of the memory before another one takes hold
    checkpoints_.emplace(machine_);
    branches_.clear();
    kept_.clear();
    current_ = 0;
    cursor_ = 0;
    live_ = true;
    new_inputs_ = false;
    Branch first;
    first.begins = first.end = machine_.now();
    first.tip = checkpoints_->root();
    branches_.push_back(std::move(first));
    due_ = machine_.now() + settings_.spacing;
    find_next();
}

Timeline::~Timeline() {
    machine_.set_history(nullptr);
    machine_.mute_outputs(false);
}

std::string Timeline::position() const {
    const CpuState& s = machine_.cpu().s;
    char text[64];
    std::snprintf(text, sizeof text, "%llu %04x:%08x", static_cast<unsigned long long>(machine_.now()),
                  s.seg[CS].selector, static_cast<u32>(s.rip));
    return text;
}

std::vector<std::string> Timeline::describe() const {
    std::vector<std::string> lines;
    const auto line = [&lines](auto... parts) {
        char text[160];
        std::snprintf(text, sizeof text, parts...);
        lines.emplace_back(text);
    };
    const auto wide = [](u64 value) { return static_cast<unsigned long long>(value); };
    for (usize i = 0; i < branches_.size(); ++i) {
        const Branch& one = branches_[i];
        line("branch %zu%s: ticks %llu to %llu, from branch %u, %zu inputs", i, i == current_ ? " (current)" : "",
             wide(one.begins), wide(i == current_ ? head() : one.end), one.parent, one.inputs.size());
    }
    usize temporary = 0;
    for (const auto& one : checkpoints_->all()) temporary += one->temporary;
    line("%zu checkpoints (%zu of them close to where was looked), %llu MiB of %llu MiB", checkpoints_->count(),
         temporary, wide(checkpoints_->bytes() >> 20), wide(settings_.budget >> 20));
    line("at %llu of %llu to %llu%s", wide(now()), wide(begin()), wide(head()), live_ ? ", live" : "");
    return lines;
}

// ---- History: while the machine runs
// ------------------------------------------------------------------------------------

Checkpoint* Timeline::following() const {
    Checkpoint* base = checkpoints_->base();
    for (Checkpoint* at = branch().tip; at && at != base; at = at->parent)
        if (at->parent == base) return at;
    return nullptr;
}

void Timeline::find_next() {
    machine_.mute_outputs(!live_);
    if (live_) {
        next_ = due_;
        return;
    }
    next_ = branch().end;
    if (cursor_ < branch().inputs.size()) next_ = std::min(next_, branch().inputs[cursor_].tick);
    if (const Checkpoint* ahead = following()) next_ = std::min(next_, ahead->tick);
}

void Timeline::apply_logged() {
    const Branch& here = branch();
    while (cursor_ < here.inputs.size() && here.inputs[cursor_].tick <= machine_.now()) {
        replaying_input_ = true;
        machine_.apply(here.inputs[cursor_].input);
        replaying_input_ = false;
        ++cursor_;
    }
}

void Timeline::boundary() {
    const Tick now = machine_.now();
    if (live_) {
        const u64 done = machine_.retired() - checkpoints_->base()->work;
        if (done + settings_.spacing / 8 < settings_.spacing)
            due_ = now + (settings_.spacing - done);
        else {
            take(false);
            if (listener_.checkpoint) listener_.checkpoint();
        }
        find_next();
        return;
    }
    Checkpoint* ahead = following();
    const auto arrives = [&] { return ahead && ahead->tick <= now && ahead->inputs <= cursor_; };
    if (arrives()) {
        checkpoints_->arrive(ahead);
        if (settings_.verify) verify_arrival();
        ahead = following();
    }
    apply_logged();
    if (arrives()) checkpoints_->arrive(ahead); // one that was taken after the inputs of its tick
    if (now >= branch().end && cursor_ == branch().inputs.size()) {
        live_ = true;
        due_ = std::max(now + 1, checkpoints_->base()->tick + settings_.spacing);
    }
    find_next();
}

void Timeline::input(const HostInput& input) {
    if (replaying_input_) return;
    if (!live_) branch_here();
    branches_[current_].inputs.push_back({machine_.now(), input});
    cursor_ = branch().inputs.size();
    new_inputs_ = true;
    if (listener_.input) listener_.input(machine_.now(), input);
}

// ---- checkpoints
// ------------------------------------------------------------------------------------------------------------

void Timeline::take(bool temporary) {
    Checkpoint* next = live_ ? nullptr : following();
    Checkpoint* fresh = checkpoints_->take(next, cursor_, temporary);
    if (!next) branches_[current_].tip = fresh;
    if (live_) {
        new_inputs_ = false;
        due_ = machine_.now() + settings_.spacing;
    }
    thin();
}

void Timeline::checkpoint_now() {
    take(false);
    find_next();
}

void Timeline::remove(Checkpoint* checkpoint) {
    for (Branch& one : branches_)
        if (one.tip == checkpoint) one.tip = checkpoint->parent;
    checkpoints_->remove(checkpoint);
}

/// Drops checkpoints while there are too many: first close ones of old searches, then the one whose loss makes the
/// smallest gap in proportion to its age, so that the spacing grows with age.
void Timeline::thin() {
    const auto removable = [this](const Checkpoint& one) { return one.parent && &one != checkpoints_->base(); };
    for (;;) {
        Checkpoint* oldest = nullptr;
        usize temporary = 0;
        for (const auto& one : checkpoints_->all()) {
            if (!one->temporary) continue;
            ++temporary;
            if (removable(*one) && (!oldest || one->age < oldest->age)) oldest = one.get();
        }
        if (temporary <= kMostTemporary || !oldest) break;
        remove(oldest);
    }
    const u64 head = machine_.retired();
    while (checkpoints_->bytes() > settings_.budget || checkpoints_->count() > kMostCheckpoints) {
        Checkpoint* best = nullptr;
        double best_score = 0;
        for (const auto& one : checkpoints_->all()) {
            if (!removable(*one)) continue;
            u64 after = one->work;
            for (const Checkpoint* child : one->children) after = std::max(after, child->work);
            const u64 age = one->work > head ? one->work - head : head - one->work;
            const double score =
                static_cast<double>(after - one->parent->work) / static_cast<double>(age + settings_.spacing);
            if (!best || score < best_score) {
                best = one.get();
                best_score = score;
            }
        }
        if (!best) break;
        remove(best);
    }
    checkpoints_->store().pack_down_to(settings_.budget / 4);
}

void Timeline::verify_arrival() {
    const auto recorded = fields_of(checkpoints_->store().read(*checkpoints_->base()->chips));
    const auto replayed = fields_of(machine_.save_chips());
    for (const std::string& difference : differences(recorded, replayed))
        divergences_.push_back(std::to_string(machine_.now()) + " " + difference);
}

// ---- going
// ------------------------------------------------------------------------------------------------------------------

Checkpoint* Timeline::nearest(Tick tick) const {
    const auto& inputs = branch().inputs;
    const auto later = std::lower_bound(inputs.begin(), inputs.end(), tick,
                                        [](const LoggedInput& one, Tick at) { return one.tick < at; });
    const auto before = static_cast<usize>(later - inputs.begin());
    for (Checkpoint* at = branch().tip; at; at = at->parent)
        if (at->tick <= tick && (at->inputs <= before || tick >= branch().end)) return at;
    return checkpoints_->root();
}

void Timeline::leave_head() {
    if (!live_) return;
    Branch& here = branches_[current_];
    here.end = machine_.now();
    if (checkpoints_->base()->tick != machine_.now() || new_inputs_ || checkpoints_->dirty_pages()) take(false);
    live_ = false;
    find_next();
}

void Timeline::restore(Checkpoint* checkpoint) {
    checkpoints_->go_to(checkpoint);
    cursor_ = checkpoint->inputs;
    live_ = false;
    find_next();
}

/// Makes a checkpoint of the last kept state before a tick, if it saves much replaying.
void Timeline::fetch_kept(Tick tick) {
    if (live_ || current_ != 0) return;
    const auto& inputs = branch().inputs;
    const auto later =
        std::upper_bound(kept_.begin(), kept_.end(), tick, [](Tick at, const KeptState& one) { return at < one.tick; });
    if (later == kept_.begin()) return;
    const auto best = std::prev(later);
    Tick here = nearest(tick)->tick;
    if (machine_.now() <= tick) here = std::max(here, machine_.now());
    if (best->tick < here + kWorthFetching) return;
    const KeptState state = std::move(*best);
    kept_.erase(best);
    restore(nearest(state.tick));
    try {
        const auto fresh = unpack_beside(machine_, state.file, "a state inside the recording ");
        const auto acted = [&](usize input) { return inputs[input].tick <= state.tick; };
        const bool fits = fresh->machine().now() == state.tick && state.inputs <= inputs.size() &&
                          (state.inputs == 0 || acted(state.inputs - 1)) &&
                          (state.inputs == inputs.size() || inputs[state.inputs].tick >= state.tick);
        if (!fits) return;
        checkpoints_->become(fresh->machine());
    } catch (const UserError&) { // the way is longer without it
        return restore(nearest(tick));
    }
    cursor_ = state.inputs;
    take(false);
    find_next();
}

/// One piece of a replay; false if the machine ended.
bool Timeline::run_towards(Tick tick) {
    const bool stops = machine_.stops_on_dead_halt();
    machine_.stop_on_dead_halt(false);
    bool going = true;
    while (going && machine_.now() < tick) {
        machine_.run_until(tick);
        if (machine_.now() >= tick) break;
        // Before its time: the machine has ended, or a watcher stopped it. Only a logged reset makes an ended one go
        // on.
        const auto& inputs = branch().inputs;
        going = machine_.ended() && !live_ && cursor_ < inputs.size() && inputs[cursor_].tick <= machine_.now();
        if (going) boundary();
    }
    machine_.stop_on_dead_halt(stops);
    return machine_.now() >= tick;
}

bool Timeline::replay(Tick tick, bool close_checkpoints) {
    const Tick from = machine_.now();
    Tick asked = from;
    while (machine_.now() < tick) {
        Tick stop = std::min(tick, machine_.now() + kProgressStep);
        if (close_checkpoints) {
            for (const Tick distance : kCloseDistances) {
                if (tick < machine_.now() + distance) continue;
                const Tick place = tick - distance;
                if (place > machine_.now()) {
                    stop = std::min(stop, place);
                    break;
                }
                if (place == machine_.now() && checkpoints_->base()->tick + distance / 2 < place && !live_) take(true);
            }
            find_next();
        }
        if (!run_towards(stop)) return false;
        if (progress_ && machine_.now() - asked >= kProgressStep) {
            asked = machine_.now();
            if (!progress_(static_cast<double>(asked - from) / static_cast<double>(tick - from))) return false;
        }
    }
    return true;
}

bool Timeline::seek(Tick tick) {
    if (live_) {
        if (tick == machine_.now()) return true;
        if (tick > machine_.now()) return run_towards(tick);
        leave_head();
    }
    const Tick within = std::clamp(tick, begin(), branch().end);
    fetch_kept(within);
    Checkpoint* start = nearest(within);
    // Running on from here is right if no checkpoint is nearer, and nothing stamped with the tick has acted yet.
    const bool already = cursor_ > 0 && within < branch().end && branch().inputs[cursor_ - 1].tick >= within;
    const bool on_the_way = machine_.now() <= within && !already && machine_.now() >= start->tick;
    if (!on_the_way) restore(start);
    // Who comes from far away looks around there, forwards as well as backwards.
    if (!replay(within, true)) return false;
    if (within == branch().end) boundary(); // the head stands after its inputs
    if (tick > within) return run_towards(tick);
    return machine_.now() == tick;
}

bool Timeline::play_to(Tick tick) {
    if (!live_) {
        const Tick within = std::min(tick, branch().end);
        if (!replay(within, false)) return false;
        if (within == branch().end) boundary();
    }
    return run_towards(tick);
}

bool Timeline::reverse_step(u64 ticks) {
    const Tick target = ticks > now() - begin() ? begin() : now() - ticks;
    const bool enough = ticks <= now() - begin();
    return seek(target) && enough;
}

bool Timeline::reverse_step_instruction() {
    if (now() == begin()) return false;
    const CpuState& s = machine_.cpu().s;
    const auto waits_at = [&](Tick tick) { return seek(tick) && s.waiting(); };
    const Tick start = now();
    if (!waits_at(start - 1)) return true;
    const bool whole_pause = s.pause_end == start; // which is one step with its instruction
    // The first tick of the wait: as many instructions have retired then as here.
    const u64 retired = machine_.retired();
    const auto same = [&](Tick tick) { return waits_at(tick) && machine_.retired() == retired; };
    Tick high = now();
    Tick distance = 1;
    while (high > begin() && distance < high - begin() && same(high - distance)) {
        high -= distance;
        distance *= 8;
    }
    Tick low = distance < high - begin() ? high - distance : begin();
    while (low + 1 < high) {
        const Tick middle = low + (high - low) / 2;
        (same(middle) ? high : low) = middle;
    }
    seek(whole_pause && high > begin() ? high - 1 : high);
    return true;
}

void Timeline::branch_here() {
    if (live_) return;
    Branch fresh;
    fresh.parent = current_;
    fresh.begins = fresh.end = machine_.now();
    fresh.inputs.assign(branch().inputs.begin(), branch().inputs.begin() + static_cast<std::ptrdiff_t>(cursor_));
    fresh.tip = checkpoints_->base();
    current_ = static_cast<u32>(branches_.size());
    branches_.push_back(std::move(fresh));
    live_ = true;
    new_inputs_ = true;
    due_ = std::max(machine_.now() + 1, checkpoints_->base()->tick + settings_.spacing);
    find_next();
    if (listener_.cut) listener_.cut(machine_.now());
}

bool Timeline::switch_branch(u32 number) {
    if (number >= branches_.size()) return false;
    if (number == current_) return seek(head());
    leave_head();
    current_ = number;
    restore(nearest(branch().end));
    if (!replay(branch().end, false)) return false;
    boundary();
    if (listener_.switched) listener_.switched();
    return true;
}

bool Timeline::seek_with_inputs(Tick tick, usize inputs) {
    if (!seek(tick)) return false;
    if (!live_ && cursor_ < inputs) apply_logged();
    find_next();
    return true;
}

void Timeline::keep_checkpoint() {
    if (live_ || checkpoints_->base()->tick == now()) return;
    take(false);
    find_next();
}

void Timeline::keep_due_checkpoint() {
    if (machine_.retired() - checkpoints_->base()->work >= settings_.spacing) keep_checkpoint();
}

void Timeline::load_history(std::vector<LoggedInput> inputs, Tick end, std::vector<KeptState> kept) {
    branches_[current_].inputs = std::move(inputs);
    branches_[current_].end = std::max(end, begin());
    kept_ = std::move(kept);
    cursor_ = 0;
    live_ = false;
    find_next();
}

} // namespace r86
