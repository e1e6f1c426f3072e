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
    void begin(std::string_view name) override;
    void end() override;
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view name, std::vector<u8>& data, usize limit) override;

    std::vector<u8> take() { return std::move(out_); }

private:
    void record(char kind, std::string_view name, std::span<const u8> value);
    std::vector<u8> out_;
};

/// Reads what SaveVisitor wrote. Throws UserError, naming the field, if the saved state is another machine's or
/// damaged; the machine is then in no defined state, so load into one that can be thrown away.
class LoadVisitor final : public PathVisitor {
public:
    explicit LoadVisitor(std::span<const u8> saved) : in_(saved) {}
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
};

class HashVisitor final : public StateVisitor {
public:
    explicit HashVisitor(Sha256& hash) : hash_(hash) {}
    void begin(std::string_view name) override;
    void end() override;
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view name, std::vector<u8>& data, usize limit) override;

private:
    void text(std::string_view name);
    Sha256& hash_;
};

/// Every field with its path and value as text, for inspection and comparison.
class CollectVisitor final : public PathVisitor {
public:
    using Field = std::pair<std::string, std::string>;
    void number(std::string_view name, u64& value, unsigned bytes) override;
    void bytes(std::string_view name, std::span<u8> data) override;
    void blob(std::string_view name, std::vector<u8>& data, usize limit) override;
    const std::vector<Field>& fields() const { return fields_; }

private:
    std::vector<Field> fields_;
};

/// "path a != b" for each field that differs, at most `limit` of them.
std::vector<std::string> differences(const CollectVisitor& a, const CollectVisitor& b, usize limit = 20);

} // namespace r86
