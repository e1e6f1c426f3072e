#include "machine/state_file.h"
#include "core/error.h"
#include "machine/fresh_machine.h"
#include "machine/pack.h"
#include "machine/share_out.h"
#include "machine/visitors.h"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <string_view>

namespace r86 {

namespace {

constexpr std::string_view kMagic = "rewind86 savestate\n";
constexpr u32 kSectionVersion = 1; ///< of every part so far
constexpr usize kHeader = kMagic.size() + 8 + 8 + 8;
constexpr usize kSectionHead = 1 + 4 + 4 + 4;
constexpr usize kSectionFixed = kSectionHead + 4; ///< and its name and content
constexpr usize kPageRecord = 4 + kPageSize;
constexpr usize kPagesOfPiece = 256;
constexpr usize kPiece = kPagesOfPiece * kPageRecord; ///< a section's content before packing at most

void put(std::vector<u8>& out, u64 value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<u8>(value >> (8 * i)));
}

u64 get(const u8* in, unsigned bytes) {
    u64 value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= u64{in[i]} << (8 * i);
    return value;
}

bool is_zero(std::span<const u8> page) {
    return page[0] == 0 && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

// Saving -------------------------------------------------------------------------------------------------------------

/// A section to be made: bytes of a part, or the pages of a memory from `first_page` on.
struct Piece {
    std::string_view name;
    std::span<const u8> bytes;
    bool paged = false;
    usize first_page = 0;
};

/// Without those that are zero; empty if all are.
std::vector<u8> pages_of(const Piece& piece) {
    std::vector<u8> out;
    out.reserve(kPiece);
    for (usize at = 0; at < piece.bytes.size(); at += kPageSize) {
        const auto page = piece.bytes.subspan(at, kPageSize);
        if (is_zero(page)) continue;
        put(out, piece.first_page + at / kPageSize, 4);
        out.insert(out.end(), page.begin(), page.end());
    }
    return out;
}

std::vector<u8> section_of(const Piece& piece, Packer& packer) {
    std::vector<u8> pages;
    std::span<const u8> content = piece.bytes;
    if (piece.paged) {
        pages = pages_of(piece);
        if (pages.empty()) return {};
        content = pages;
    }
    std::vector<u8> packed;
    const usize size = content.size();
    if (packer.pack(content, packed)) content = packed;
    std::vector<u8> out;
    out.reserve(kSectionFixed + piece.name.size() + content.size());
    put(out, piece.name.size(), 1);
    put(out, size, 4);
    put(out, content.size(), 4);
    put(out, 0, 4);
    put(out, kSectionVersion, 4);
    out.insert(out.end(), piece.name.begin(), piece.name.end());
    out.insert(out.end(), content.begin(), content.end());
    const u32 sum = crc32_of(std::span(out).subspan(kSectionHead));
    for (unsigned i = 0; i < 4; ++i) out[kSectionHead - 4 + i] = static_cast<u8>(sum >> (8 * i));
    return out;
}

std::vector<u8> save_part(const StatePart& part) {
    SaveVisitor visitor(true);
    part.visit(visitor);
    return visitor.take();
}

// Loading ------------------------------------------------------------------------------------------------------------

struct Section {
    std::string name;
    u32 version = 0;
    u32 size = 0;
    u32 sum = 0;
    std::span<const u8> summed; ///< version, name, content
    std::span<const u8> stored;
    std::vector<u8> content;
};

/// The sections that a file lists; throws if that is not exactly what it holds.
std::vector<Section> sections_of(std::span<const u8> file, const std::string& subject) {
    const UserError damaged(subject + "is damaged");
    const u64 count = get(file.data() + kMagic.size() + 8, 8), bytes = get(file.data() + kMagic.size() + 16, 8);
    file = file.subspan(kHeader);
    if (bytes != file.size() || count > file.size() / kSectionFixed) throw damaged;
    std::vector<Section> sections(static_cast<usize>(count));
    for (Section& section : sections) {
        if (file.size() < kSectionFixed) throw damaged;
        const usize name_size = file[0];
        section.size = static_cast<u32>(get(&file[1], 4));
        const u64 stored = get(&file[5], 4);
        section.sum = static_cast<u32>(get(&file[9], 4));
        const u64 all = kSectionFixed + name_size + stored;
        if (section.size > kPiece || stored > section.size || all > file.size()) throw damaged;
        section.summed = file.subspan(kSectionHead, static_cast<usize>(all) - kSectionHead);
        section.version = static_cast<u32>(get(section.summed.data(), 4));
        section.name.assign(section.summed.begin() + 4,
                            section.summed.begin() + 4 + static_cast<std::ptrdiff_t>(name_size));
        section.stored = section.summed.subspan(4 + name_size);
        file = file.subspan(static_cast<usize>(all));
    }
    if (!file.empty()) throw damaged;
    const auto strange = [](char c) { return c <= ' ' || c > '~'; }; // names stand in messages
    for (const Section& section : sections)
        if (std::any_of(section.name.begin(), section.name.end(), strange)) throw damaged;
    std::atomic<bool> whole = true;
    share_out(sections.size(), [&](usize i) {
        if (crc32_of(sections[i].summed) != sections[i].sum) whole = false;
    });
    if (!whole) throw damaged;
    return sections;
}

/// Puts what a file holds into a fresh machine.
class Loader {
public:
    Loader(Machine& fresh, std::vector<Section> sections, std::string subject)
        : subject_(std::move(subject)), sections_(std::move(sections)), parts_(fresh.state_parts()),
          memories_(fresh.state_memories()) {
        check_names();
        unpack_all();
        for (const Section& section : sections_)
            if (memory(section.name)) check_pages(section);
    }

    void load() {
        try {
            for (const StatePart& part : parts_) {
                LoadVisitor visitor(content_of(part.name), true);
                part.visit(visitor);
                if (!visitor.finished()) throw UserError("It says more about '" + part.name + "' than this one knows.");
            }
        } catch (const UserError& error) {
            other_machine(error.what());
        }
        for (const Machine::StateMemory& memory : memories_) load_memory(memory);
    }

private:
    [[noreturn]] void damaged() const { throw UserError(subject_ + "is damaged"); }
    [[noreturn]] void other_machine(const std::string& why) const {
        throw UserError(subject_ + "belongs to another machine; start with the options it was made with. " + why);
    }

    const Machine::StateMemory* memory(std::string_view name) const {
        const auto found =
            std::find_if(memories_.begin(), memories_.end(), [&](const auto& m) { return m.name == name; });
        return found == memories_.end() ? nullptr : &*found;
    }

    void check_names() const {
        std::map<std::string_view, u64> room; // in bytes
        std::map<std::string_view, u64> there;
        for (const StatePart& part : parts_) room[part.name] = part.most_bytes;
        for (const auto& [name, bytes] : memories_) room[name] = bytes.size() / kPageSize * kPageRecord;
        for (const Section& section : sections_) {
            const auto found = room.find(section.name);
            if (found == room.end() && section.name.starts_with("medium"))
                throw UserError(subject_ +
                                "was saved after a floppy or CD had been put in; put the same ones in, in the "
                                "same order (insert DRIVE FILE), and load it then");
            if (found == room.end()) other_machine("This one has no '" + section.name + "'.");
            if (section.version != kSectionVersion)
                throw UserError(subject_ + "has version " + std::to_string(section.version) + " of '" + section.name +
                                "'; this program reads version " + std::to_string(kSectionVersion));
            there[section.name] += section.size;
        }
        for (const StatePart& part : parts_)
            if (!there.count(part.name)) other_machine("It has no '" + part.name + "'.");
        for (const auto& [name, size] : there)
            if (size > room[name]) other_machine("Its '" + std::string(name) + "' is longer than this one's.");
    }

    void unpack_all() {
        std::atomic<bool> whole = true;
        share_out(sections_.size(), [&](usize i) {
            Section& section = sections_[i];
            if (section.stored.size() == section.size) {
                section.content.assign(section.stored.begin(), section.stored.end());
                return;
            }
            section.content.resize(section.size);
            if (!unpack(section.stored, section.content)) whole = false;
        });
        if (!whole) damaged();
    }

    /// Numbers ascend and are the memory's.
    void check_pages(const Section& section) {
        u64& next = next_page_[section.name];
        if (section.content.size() % kPageRecord) damaged();
        for (usize at = 0; at < section.content.size(); at += kPageRecord) {
            const u64 page = get(&section.content[at], 4);
            if (page < next) damaged();
            if (page >= memory(section.name)->bytes.size() / kPageSize)
                other_machine("Its '" + section.name + "' is larger than this one's.");
            next = page + 1;
        }
    }

    std::span<const u8> content_of(const std::string& name) {
        joined_.clear();
        for (const Section& section : sections_)
            if (section.name == name) joined_.insert(joined_.end(), section.content.begin(), section.content.end());
        return joined_;
    }

    /// Into a memory that holds zeros.
    void load_memory(const Machine::StateMemory& memory) const {
        for (const Section& section : sections_) {
            if (section.name != memory.name) continue;
            for (usize at = 0; at < section.content.size(); at += kPageRecord)
                std::memcpy(&memory.bytes[get(&section.content[at], 4) * kPageSize], &section.content[at + 4],
                            kPageSize);
        }
    }

    std::string subject_;
    std::vector<Section> sections_;
    std::vector<StatePart> parts_;
    std::vector<Machine::StateMemory> memories_;
    std::map<std::string, u64> next_page_;
    std::vector<u8> joined_;
};

} // namespace

std::vector<u8> pack_state(Machine& machine) {
    const std::vector<StatePart> parts = machine.state_parts();
    const std::vector<Machine::StateMemory> memories = machine.state_memories();
    std::vector<std::vector<u8>> contents;
    for (const StatePart& part : parts) contents.push_back(save_part(part)); // first: chips settle their memory
    std::vector<Piece> pieces;
    for (usize n = 0; n < parts.size(); ++n)
        for (usize at = 0; at < contents[n].size(); at += kPiece)
            pieces.push_back(
                {parts[n].name, std::span(contents[n]).subspan(at, std::min(kPiece, contents[n].size() - at))});
    for (const auto& [name, bytes] : memories)
        for (usize at = 0; at < bytes.size(); at += kPagesOfPiece * kPageSize)
            pieces.push_back({name, bytes.subspan(at, std::min(kPagesOfPiece * kPageSize, bytes.size() - at)), true,
                              at / kPageSize});
    std::vector<std::vector<u8>> sections(pieces.size());
    share_out(pieces.size(), [&](usize i) {
        thread_local Packer packer;
        sections[i] = section_of(pieces[i], packer);
    });
    u64 count = 0, bytes = 0;
    for (const auto& section : sections) {
        count += !section.empty();
        bytes += section.size();
    }
    std::vector<u8> file;
    file.reserve(kHeader + static_cast<usize>(bytes));
    file.assign(kMagic.begin(), kMagic.end());
    for (const u64 number : {kStateFileVersion, count, bytes}) put(file, number, 8);
    for (const auto& section : sections) file.insert(file.end(), section.begin(), section.end());
    return file;
}

std::unique_ptr<FreshMachine> unpack_beside(Machine& machine, std::span<const u8> file, const std::string& subject) {
    if (file.size() < kHeader || !std::equal(kMagic.begin(), kMagic.end(), file.begin()))
        throw UserError(subject + "is no saved state of this program");
    if (get(file.data() + kMagic.size(), 8) != kStateFileVersion)
        throw UserError(subject + "was made by another version of this program");
    std::vector<Section> sections = sections_of(file, subject); // a damaged file costs no machine
    auto fresh = std::make_unique<FreshMachine>(machine);
    Loader(fresh->machine(), std::move(sections), subject).load();
    return fresh;
}

void unpack_state(Machine& machine, std::span<const u8> file, const std::string& subject, ImageCheck check) {
    unpack_beside(machine, file, subject)->swap_in(check);
}

} // namespace r86
