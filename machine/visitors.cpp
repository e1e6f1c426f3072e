#include "machine/visitors.h"
#include "core/error.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

namespace r86 {

namespace {

constexpr usize kShownBytes = 64; // longer fields are shown by their hash

std::string hex_number(u64 value, unsigned bytes) {
    char text[20];
    std::snprintf(text, sizeof text, "%0*llx", static_cast<int>(2 * bytes), static_cast<unsigned long long>(value));
    return text;
}

std::string show(std::span<const u8> data) {
    if (data.size() > kShownBytes)
        return std::to_string(data.size()) + " bytes, sha256 " + Sha256::hex(Sha256::of(data)).substr(0, 16);
    std::string text;
    for (const u8 byte : data) text += hex_number(byte, 1);
    return text;
}

std::array<u8, 8> little_endian(u64 value) {
    std::array<u8, 8> bytes;
    for (usize i = 0; i < 8; ++i) bytes[i] = static_cast<u8>(value >> (8 * i));
    return bytes;
}

} // namespace

void PathVisitor::begin(std::string_view name) {
    lengths_.push_back(path_.size());
    if (!path_.empty()) path_ += '.';
    path_ += name;
}

void PathVisitor::end() {
    path_.resize(lengths_.back());
    lengths_.pop_back();
}

std::string PathVisitor::path_of(std::string_view name) const {
    std::string path = path_;
    if (!path.empty() && !name.empty()) path += '.';
    return path.append(name);
}

// A record: kind, length of the name, name, length of the value in 8 bytes, value.
void SaveVisitor::record(char kind, std::string_view name, std::span<const u8> value) {
    R86_ASSERT(name.size() < 256);
    out_.push_back(static_cast<u8>(kind));
    out_.push_back(static_cast<u8>(name.size()));
    out_.insert(out_.end(), name.begin(), name.end());
    const auto size = little_endian(value.size());
    out_.insert(out_.end(), size.begin(), size.end());
    out_.insert(out_.end(), value.begin(), value.end());
}

void SaveVisitor::begin(std::string_view name) { record('{', name, {}); }
void SaveVisitor::end() { record('}', {}, {}); }
void SaveVisitor::number(std::string_view name, u64& value, unsigned bytes) {
    const auto encoded = little_endian(value);
    record('n', name, std::span{encoded}.first(bytes));
}
void SaveVisitor::bytes(std::string_view name, std::span<u8> data) { record('b', name, data); }
void SaveVisitor::blob(std::string_view name, std::vector<u8>& data, usize) { record('v', name, data); }

void LoadVisitor::mismatch(std::string_view name) const {
    throw UserError("The saved state does not fit this machine: it differs at '" + path_of(name) + "'.");
}

std::span<const u8> LoadVisitor::take(usize size, std::string_view name) {
    if (size > in_.size()) mismatch(name);
    const auto taken = in_.first(size);
    in_ = in_.subspan(size);
    return taken;
}

std::span<const u8> LoadVisitor::record(char kind, std::string_view name) {
    const auto head = take(2, name);
    const auto saved_name = take(head[1], name);
    if (head[0] != static_cast<u8>(kind) || saved_name.size() != name.size() ||
        !std::equal(saved_name.begin(), saved_name.end(), name.begin(),
                    [](u8 a, char b) { return a == static_cast<u8>(b); }))
        mismatch(name);
    const auto size_bytes = take(8, name);
    u64 size = 0;
    for (usize i = 0; i < 8; ++i) size |= u64{size_bytes[i]} << (8 * i);
    return take(static_cast<usize>(std::min<u64>(size, ~usize{0})), name);
}

void LoadVisitor::begin(std::string_view name) {
    PathVisitor::begin(name);
    record('{', name);
}

void LoadVisitor::end() {
    record('}', {});
    PathVisitor::end();
}

void LoadVisitor::number(std::string_view name, u64& value, unsigned bytes) {
    const auto saved = record('n', name);
    if (saved.size() != bytes) mismatch(name);
    value = 0;
    for (usize i = 0; i < saved.size(); ++i) value |= u64{saved[i]} << (8 * i);
}

void LoadVisitor::bytes(std::string_view name, std::span<u8> data) {
    const auto saved = record('b', name);
    if (saved.size() != data.size()) mismatch(name);
    std::copy(saved.begin(), saved.end(), data.begin());
}

void LoadVisitor::blob(std::string_view name, std::vector<u8>& data, usize limit) {
    const auto saved = record('v', name);
    if (saved.size() > limit) mismatch(name);
    data.assign(saved.begin(), saved.end());
}

void HashVisitor::text(std::string_view name) {
    hash_.update_u64(name.size());
    hash_.update({reinterpret_cast<const u8*>(name.data()), name.size()});
}

void HashVisitor::begin(std::string_view name) {
    hash_.update_u64('{');
    text(name);
}

void HashVisitor::end() { hash_.update_u64('}'); }

void HashVisitor::number(std::string_view name, u64& value, unsigned) {
    text(name);
    hash_.update_u64(value);
}

void HashVisitor::bytes(std::string_view name, std::span<u8> data) {
    text(name);
    hash_.update_u64(data.size());
    hash_.update(data);
}

void HashVisitor::blob(std::string_view name, std::vector<u8>& data, usize) { bytes(name, data); }

void CollectVisitor::number(std::string_view name, u64& value, unsigned bytes) {
    fields_.emplace_back(path_of(name), hex_number(value, bytes));
}

void CollectVisitor::bytes(std::string_view name, std::span<u8> data) {
    fields_.emplace_back(path_of(name), show(data));
}

void CollectVisitor::blob(std::string_view name, std::vector<u8>& data, usize) {
    fields_.emplace_back(path_of(name), show(data));
}

std::vector<CollectVisitor::Field> fields_of(std::span<const u8> saved) {
    std::vector<CollectVisitor::Field> fields;
    std::vector<usize> lengths;
    std::string path;
    while (saved.size() >= 2) {
        const char kind = static_cast<char>(saved[0]);
        const usize name_size = saved[1];
        if (saved.size() < 10 + name_size) break;
        const std::string name(saved.begin() + 2, saved.begin() + 2 + static_cast<std::ptrdiff_t>(name_size));
        u64 size = 0;
        for (usize i = 0; i < 8; ++i) size |= u64{saved[2 + name_size + i]} << (8 * i);
        saved = saved.subspan(10 + name_size);
        if (size > saved.size()) break;
        const auto value = saved.first(static_cast<usize>(size));
        saved = saved.subspan(value.size());
        const std::string full = path.empty() ? name : name.empty() ? path : path + "." + name;
        if (kind == '{') {
            lengths.push_back(path.size());
            path = full;
        } else if (kind == '}') {
            if (lengths.empty()) break;
            path.resize(lengths.back());
            lengths.pop_back();
        } else if (kind == 'n' && value.size() <= 8) {
            u64 number = 0;
            for (usize i = 0; i < value.size(); ++i) number |= u64{value[i]} << (8 * i);
            fields.emplace_back(full, hex_number(number, static_cast<unsigned>(value.size())));
        } else {
            fields.emplace_back(full, show(value));
        }
    }
    return fields;
}

void PatchVisitor::number(std::string_view name, u64& value, unsigned size) {
    if (path_of(name) != wanted_) return;
    found_ = true;
    value = 0;
    for (usize i = 0; i < std::min<usize>(size, value_.size()); ++i) value |= u64{value_[i]} << (8 * i);
}

void PatchVisitor::bytes(std::string_view name, std::span<u8> data) {
    if (path_of(name) != wanted_) return;
    found_ = true;
    std::copy_n(value_.begin(), std::min(value_.size(), data.size()), data.begin());
}

std::vector<std::string> differences(std::span<const CollectVisitor::Field> left,
                                     std::span<const CollectVisitor::Field> right, usize limit) {
    std::vector<std::string> found;
    for (usize i = 0; i < std::max(left.size(), right.size()) && found.size() < limit; ++i) {
        if (i >= left.size() || i >= right.size() || left[i].first != right[i].first) {
            found.push_back((i < left.size() ? left[i].first : right[i].first) + " exists on one side only");
            break; // what follows is shifted
        }
        if (left[i].second != right[i].second)
            found.push_back(left[i].first + " " + left[i].second + " != " + right[i].second);
    }
    return found;
}

} // namespace r86
