// A recording that somebody else made: parsed, a machine made of it, its inputs replayed, its ticks sought. Sections
// are stored unpacked with right checksums first: a random change would never come past them.
#include "core/error.h"
#include "machine/recorder.h"
#include "machine/state_file.h"
#include "tests/fuzz/fuzz_board.h"
#include <algorithm>
#include <cstring>
#include <string_view>

using namespace r86;

namespace {

constexpr Tick kMostTicks = 200'000;
constexpr usize kFileHead = 19 + 4, kSectionHead = 4 + 4 + 4 + 8;

/// Sizes, checksums and the semantics revision as this program wants them.
void correct(std::vector<u8>& file) {
    static_assert(kSemanticsRevision < 10); // the seeds have room for a digit
    constexpr std::string_view name("semantics\1\0\0\0", 13);
    const auto revision = std::search(file.begin(), file.end(), name.begin(), name.end());
    if (file.end() - revision > static_cast<std::ptrdiff_t>(name.size()))
        revision[name.size()] = static_cast<u8>('0' + kSemanticsRevision);
    for (usize at = kFileHead; at + kSectionHead <= file.size();) {
        u32 size = 0;
        std::memcpy(&size, &file[at + 4], 4);
        size = static_cast<u32>(std::min<usize>(size, file.size() - at - kSectionHead));
        std::memcpy(&file[at + 4], &size, 4);
        std::memcpy(&file[at + 8], &size, 4);
        const std::string tag(file.begin() + static_cast<std::ptrdiff_t>(at),
                              file.begin() + static_cast<std::ptrdiff_t>(at) + 4);
        const u64 sum = recording_checksum(tag, std::span(file).subspan(at + kSectionHead, size));
        std::memcpy(&file[at + 12], &sum, 8);
        at += kSectionHead + size;
    }
}

void replay(Recording recording) {
    if (recording.configuration["memory"].size() > 8) return; // what the program refuses later costs nothing but time
    MachineConfig config = recorded_machine(recording);
    if (config.memory_bytes > (8 << 20)) return;
    config.disks.push_back(numbered_image(4096));
    Machine machine(std::move(config));
    if (recording.begins) unpack_state(machine, recording.begins->file, "the first state ", ImageCheck::None);
    const Tick first = machine.now();
    TimelineSettings settings;
    settings.spacing = 20'000;
    Timeline timeline(machine, settings);
    std::vector<Timeline::LoggedInput> inputs;
    for (const Recording::Input& input : recording.inputs) inputs.push_back({input.tick, input.input});
    timeline.load_history(std::move(inputs), recording.end, recording.checkpoints);
    for (const KeptState& kept : recording.checkpoints) { // a seek fetches them where that saves a long way
        try {
            static_cast<void>(unpack_beside(machine, kept.file, "a checkpoint "));
        } catch (const UserError&) {
        }
    }
    for (const RecordedDigest& digest : recording.digests) {
        if (digest.tick > first && digest.tick - first > kMostTicks) break;
        timeline.seek_with_inputs(digest.tick, static_cast<usize>(digest.inputs));
        timeline.keep_checkpoint();
    }
    timeline.seek(recording.end > first ? first + std::min(recording.end - first, kMostTicks) : first);
    timeline.reverse_step(1000);
    static_cast<void>(machine.picture());
    static_cast<void>(machine.digest());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 1 << 18) return 0;
    std::vector<u8> file(data, data + size);
    for (const bool corrected : {false, true}) {
        if (corrected) correct(file);
        try {
            replay(parse_recording(file, "fuzz"));
        } catch (const UserError& error) {
            if (std::strchr(error.what(), '\n')) std::abort(); // one sentence
        }
    }
    return 0;
}
