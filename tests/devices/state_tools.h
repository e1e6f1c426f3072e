#pragma once
/// Saving, loading and comparing a chip's state in unit tests.
#include "core/state_visitor.h"
#include <map>
#include <string>
#include <vector>

namespace r86::test {

using Values = std::map<std::string, std::vector<u8>>;

class StateTool : public StateVisitor {
public:
    StateTool(Values& values, bool load) : values_(values), load_(load) {}
    bool loading() const override { return load_; }
    void begin(std::string_view name) override { path_.push_back(std::string(name)); }
    void end() override { path_.pop_back(); }
    void number(std::string_view name, u64& value, unsigned bytes) override {
        std::vector<u8>& slot = values_[key(name)];
        if (load_) {
            value = 0;
            for (usize i = 0; i < slot.size(); ++i) value |= u64{slot[i]} << (8 * i);
        } else {
            slot.clear();
            for (unsigned i = 0; i < bytes; ++i) slot.push_back(static_cast<u8>(value >> (8 * i)));
        }
    }
    void bytes(std::string_view name, std::span<u8> data) override {
        std::vector<u8>& slot = values_[key(name)];
        if (load_)
            std::copy(slot.begin(), slot.end(), data.begin());
        else
            slot.assign(data.begin(), data.end());
    }
    void blob(std::string_view name, std::vector<u8>& data, usize) override {
        if (load_)
            data = values_[key(name)];
        else
            values_[key(name)] = data;
    }

private:
    std::string key(std::string_view name) const {
        std::string result;
        for (const std::string& part : path_) result += part + ".";
        return result + std::string(name);
    }
    Values& values_;
    bool load_;
    std::vector<std::string> path_;
};

template <class T>
Values save(T& object) {
    Values values;
    StateTool tool(values, false);
    object.visit(tool);
    return values;
}

template <class T>
void load(T& object, Values values) {
    StateTool tool(values, true);
    object.visit(tool);
}

} // namespace r86::test
