#pragma once
/// What can be done with a state that describes itself: save, load, hash, collect and compare.
#include "core/sha256.h"
#include "core/state_visitor.h"
#include <string>
#include <utility>
#include <vector>

namespace r86 {

/// Keeps the path of names, e.g. `pit.counter[0].ce`.
class PathVisitor : public StateVisitor {
public:
    void begin(std::string_view name) override;
    void end() override;

protected:
    std::string path_of(std::string_view name) const;

private:
    std::string path_;
    std::vector<usize> lengths_;
};

/// Canonical bytes: for each field its name, its size and its value, in the order of the visit.
class SaveVisitor final : public StateVisitor {
public:
    /// `skip_bulk`: without memories that are kept page by page.
    explicit SaveVisitor(bool skip_bulk = false) : skip_bulk_(skip_bulk) {}
    bool skips_bulk() const override { return skip_bulk_; }
    void begin(std::string_view name) override;
    void end() override;
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view name, std::vector<u8>& data, usize limit) override;

    std::vector<u8> take() { return std::move(out_); }

private:
    void record(char kind, std::string_view name, std::span<const u8> value);
    std::vector<u8> out_;
    bool skip_bulk_;
};

/// Reads what SaveVisitor wrote. Throws UserError, naming the field, if the saved state is another machine's or
/// damaged; the machine is then in no defined state, so load into one that can be thrown away.
class LoadVisitor final : public PathVisitor {
public:
    explicit LoadVisitor(std::span<const u8> saved, bool skip_bulk = false) : in_(saved), skip_bulk_(skip_bulk) {}
    bool skips_bulk() const override { return skip_bulk_; }
    bool loading() const override { return true; }
    void begin(std::string_view name) override;
    void end() override;
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view name, std::vector<u8>& data, usize limit) override;
    /// True when everything was read.
    bool finished() const { return in_.empty(); }

private:
    std::span<const u8> record(char kind, std::string_view name);
    std::span<const u8> take(usize size, std::string_view name);
    [[noreturn]] void mismatch(std::string_view name) const;
    std::span<const u8> in_;
    bool skip_bulk_;
};

class HashVisitor final : public StateVisitor {
public:
    explicit HashVisitor(Sha256& hash, bool skip_bulk = false) : hash_(hash), skip_bulk_(skip_bulk) {}
    bool skips_bulk() const override { return skip_bulk_; }
    void begin(std::string_view name) override;
    void end() override;
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view name, std::vector<u8>& data, usize limit) override;

private:
    void text(std::string_view name);
    Sha256& hash_;
    bool skip_bulk_;
};

/// Every field with its path and value as text, for inspection and comparison.
class CollectVisitor final : public PathVisitor {
public:
    explicit CollectVisitor(bool skip_bulk = false) : skip_bulk_(skip_bulk) {}
    bool skips_bulk() const override { return skip_bulk_; }
    using Field = std::pair<std::string, std::string>;
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view name, std::vector<u8>& data, usize limit) override;
    const std::vector<Field>& fields() const { return fields_; }

private:
    std::vector<Field> fields_;
    bool skip_bulk_;
};

/// What SaveVisitor wrote, as CollectVisitor would have shown it. Stops at damage.
std::vector<CollectVisitor::Field> fields_of(std::span<const u8> saved);

/// "path a != b" for each field that differs, at most `limit` of them.
std::vector<std::string> differences(std::span<const CollectVisitor::Field> left,
                                     std::span<const CollectVisitor::Field> right, usize limit = 20);
inline std::vector<std::string> differences(const CollectVisitor& a, const CollectVisitor& b, usize limit = 20) {
    return differences(a.fields(), b.fields(), limit);
}

/// Replaces one number or byte field of what it visits, by path.
class PatchVisitor final : public PathVisitor {
public:
    PatchVisitor(std::string_view path, std::span<const u8> value) : wanted_(path), value_(value) {}
    bool loading() const override { return true; }
    bool skips_bulk() const override { return true; }
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view, std::vector<u8>&, usize) override {}
    bool found() const { return found_; }

private:
    std::string_view wanted_;
    std::span<const u8> value_;
    bool found_ = false;
};

} // namespace r86
