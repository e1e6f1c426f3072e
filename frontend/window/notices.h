#pragma once
/// Sentences that appear over the picture for a while.
#include "core/types.h"
#include <deque>
#include <string>

namespace r86 {

class Notices {
public:
    /// `now` in milliseconds of the host. A text that is shown already is not repeated; its time starts anew.
    void add(std::string text, u64 now) {
        std::erase_if(shown_, [&](const Notice& notice) { return notice.text == text; });
        const u64 until = now + kShortest + kPerCharacter * text.size();
        shown_.push_back({std::move(text), until});
        if (shown_.size() > kMost) shown_.pop_front();
    }
    /// Takes away what has been there long enough; true if there was any.
    bool expire(u64 now) {
        return std::erase_if(shown_, [&](const Notice& notice) { return notice.until <= now; }) != 0;
    }
    struct Notice {
        std::string text;
        u64 until = 0;
    };
    const std::deque<Notice>& shown() const { return shown_; }

private:
    static constexpr u64 kShortest = 2500;
    static constexpr u64 kPerCharacter = 40;
    static constexpr usize kMost = 4;
    std::deque<Notice> shown_;
};

} // namespace r86
