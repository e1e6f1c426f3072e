// A file of `loadstate` that somebody else made. The input changes a right file whose sections are stored unpacked,
// and its checksums are made right again, since a random change would never come past them; or, if it begins with FFh,
// it is the file. What is refused changes nothing; what is taken runs on.
//
//   step: what (1), section (1), then by what: 0, 1, 2 overwrite: place (2), length (1), bytes; 3 drop; 4 double;
//   5 rename: place (1), character (1); 6 version (4); 7 shorten by (2); 8 append: length (1), bytes; 9 change places
//   with section (1)
#include "core/error.h"
#include "machine/pack.h"
#include "machine/state_file.h"
#include "tests/fuzz/fuzz_board.h"
#include <cstring>

using namespace r86;

namespace {

constexpr usize kHeader = 19 + 24, kMostSections = 100;

struct Section {
    std::string name;
    u32 version = 1;
    std::vector<u8> content;
};

u32 number(const std::vector<u8>& file, usize at) {
    u32 value = 0;
    std::memcpy(&value, &file[at], 4);
    return value;
}

void put(std::vector<u8>& out, u64 value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<u8>(value >> (8 * i)));
}

const std::vector<Section>& right_sections() {
    static const std::vector<Section> sections = [] {
        Machine machine(fuzz_config());
        machine.stop_on_dead_halt(false);
        machine.run_until(10'000);
        const std::vector<u8> file = pack_state(machine);
        std::vector<Section> all;
        for (usize at = kHeader; at < file.size();) {
            const usize name = file[at], size = number(file, at + 1), stored = number(file, at + 5);
            const u8* content = &file[at + 17 + name];
            Section& one = all.emplace_back();
            one.name.assign(&file[at + 17], &file[at + 17] + name);
            one.content.resize(size);
            if (stored == size)
                one.content.assign(content, content + size);
            else if (!unpack({content, stored}, one.content))
                std::abort();
            at += 17 + name + stored;
        }
        return all;
    }();
    return sections;
}

std::vector<u8> file_of(const std::vector<Section>& sections) {
    std::vector<u8> body;
    for (const Section& section : sections) {
        put(body, section.name.size(), 1);
        put(body, section.content.size(), 4);
        put(body, section.content.size(), 4);
        std::vector<u8> summed;
        put(summed, section.version, 4);
        summed.insert(summed.end(), section.name.begin(), section.name.end());
        summed.insert(summed.end(), section.content.begin(), section.content.end());
        put(body, crc32_of(summed), 4);
        body.insert(body.end(), summed.begin(), summed.end());
    }
    constexpr std::string_view magic = "rewind86 savestate\n";
    std::vector<u8> file(magic.begin(), magic.end());
    put(file, kStateFileVersion, 8);
    put(file, sections.size(), 8);
    put(file, body.size(), 8);
    file.insert(file.end(), body.begin(), body.end());
    return file;
}

void change(std::vector<Section>& sections, FuzzInput& in) {
    const u32 what = in.number(1) % 10, which = in.number(1);
    if (sections.empty()) return;
    const usize index = which % sections.size();
    Section& one = sections[index];
    switch (what) {
    case 3: sections.erase(sections.begin() + static_cast<std::ptrdiff_t>(index)); break;
    case 4:
        if (sections.size() < kMostSections) sections.push_back(Section(one));
        break;
    case 5: {
        const u32 place = in.number(1);
        one.name.resize(std::max<usize>(one.name.size(), place % 16 + 1), 'x');
        one.name[place % one.name.size()] = static_cast<char>(in.number(1));
        break;
    }
    case 6: one.version = in.number(4); break;
    case 7: one.content.resize(one.content.size() - std::min<usize>(one.content.size(), in.number(2))); break;
    case 8:
        for (u32 left = in.number(1); left; --left) one.content.push_back(static_cast<u8>(in.number(1)));
        break;
    case 9: std::swap(one, sections[in.number(1) % sections.size()]); break;
    default: overwrite(one.content, in);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<u8> file;
    if (size && data[0] == 0xFF) {
        file.assign(data + 1, data + size);
    } else {
        std::vector<Section> sections = right_sections();
        FuzzInput in(data, size);
        while (!in.empty()) change(sections, in);
        file = file_of(sections);
    }
    Machine machine(fuzz_config());
    machine.stop_on_dead_halt(false);
    const std::vector<u8> before = machine.save_chips();
    try {
        unpack_state(machine, file, "state 'x' ");
    } catch (const UserError& error) {
        if (std::strchr(error.what(), '\n')) std::abort(); // one sentence
        if (machine.save_chips() != before) std::abort();
        return 0;
    }
    run_on(machine);
    static_cast<void>(pack_state(machine));
    return 0;
}
