#include "frontend/window/time_slider.h"
#include <algorithm>
#include <cstdio>

namespace r86 {

namespace {

constexpr int kMargin = 12;
constexpr int kLabel = 4 * Canvas::kCellWidth; ///< the branch's number
constexpr int kRow = 14;
constexpr int kBar = 8;
constexpr int kGap = 4;
constexpr usize kMostRows = 6;
constexpr const char* kKeys = "\u2190 \u2192 1 s   , . frame   Backspace: backwards   Enter: play from here   "
                              "Space: pause   Home End   Esc";

} // namespace

std::string clock_text(u64 ns) {
    char text[48];
    const u64 ms = ns / 1'000'000;
    std::snprintf(text, sizeof text, "%llu:%02llu.%03llu", static_cast<unsigned long long>(ms / 60'000),
                  static_cast<unsigned long long>(ms / 1000 % 60), static_cast<unsigned long long>(ms % 1000));
    return text;
}

bool TimeSlider::update(const SessionStatus& status) {
    if (history_ == status.history && tick_ == status.tick && paused_ == status.paused) return false;
    history_ = status.history;
    tick_ = status.tick;
    ns_ = status.virtual_ns;
    paused_ = status.paused;
    return true;
}

std::string TimeSlider::words() const {
    if (!history_.kept) return "This session keeps no history: it was started with --rewind off.";
    std::string text = clock_text(ns_);
    if (history_.head_ns >= ns_) text += " of " + clock_text(history_.head_ns);
    text += "   tick " + std::to_string(tick_);
    if (history_.branches.size() > 1) text += "   branch " + std::to_string(history_.branch);
    if (history_.on_the_way)
        text += "   on the way: " + std::to_string(static_cast<int>(*history_.on_the_way * 100)) + "%";
    else if (history_.backwards)
        text += "   backwards";
    else
        text += history_.live ? "   the present" : "   the past";
    if (paused_ && !history_.backwards && !history_.on_the_way) text += ", standing still";
    return text;
}

/// The newest ones, and the current one in any case.
std::vector<u32> TimeSlider::shown_branches() const {
    std::vector<u32> all;
    const usize count = history_.branches.size();
    for (usize i = count > kMostRows ? count - kMostRows : 0; i < count; ++i) all.push_back(static_cast<u32>(i));
    if (!all.empty() && history_.branch < all.front()) all.front() = history_.branch;
    return all;
}

int TimeSlider::x_of(Tick tick) const {
    Tick last = history_.begin + 1;
    for (const HistoryStatus::Branch& branch : history_.branches) last = std::max(last, branch.end);
    const double share = static_cast<double>(std::max(tick, history_.begin) - history_.begin) /
                         static_cast<double>(last - history_.begin);
    const int room = std::max(width_ - 2 * kMargin - kLabel, 1);
    return kMargin + kLabel + static_cast<int>(std::min(share, 1.0) * room);
}

Tick TimeSlider::tick_at(int x) const {
    Tick last = history_.begin + 1;
    for (const HistoryStatus::Branch& branch : history_.branches) last = std::max(last, branch.end);
    const int room = std::max(width_ - 2 * kMargin - kLabel, 1);
    const double share = std::clamp(static_cast<double>(x - kMargin - kLabel) / room, 0.0, 1.0);
    return history_.begin + static_cast<Tick>(share * static_cast<double>(last - history_.begin));
}

void TimeSlider::draw(Canvas& canvas, int width) {
    width_ = width;
    rows_.clear();
    const std::vector<u32> shown = shown_branches();
    const int bars = kMargin + Canvas::kCellHeight + kGap;
    const int keys = bars + kRow * static_cast<int>(shown.size()) + kGap;
    const int columns = (width - 2 * kMargin) / Canvas::kCellWidth;
    canvas.reset({width, keys + Canvas::kCellHeight + kMargin}, colour::kPanel);
    canvas.frame({0, 0, width, canvas.size().height}, colour::kFrame);
    canvas.text(kMargin, kMargin, shortened(words(), columns), history_.live ? colour::kText : colour::kWarning);
    const int here = x_of(tick_);
    for (usize i = 0; i < shown.size(); ++i) {
        const HistoryStatus::Branch& branch = history_.branches[shown[i]];
        const bool current = shown[i] == history_.branch;
        const int y = bars + kRow * static_cast<int>(i);
        rows_.push_back({shown[i], y});
        canvas.text(kMargin, y - 1, std::to_string(shown[i]), current ? colour::kLit : colour::kDim);
        // A branch is drawn from where it leaves its parent; before that their history is one.
        const Tick from = shown[i] == branch.parent ? history_.begin : branch.begins;
        const int left = x_of(from), right = std::max(x_of(branch.end), left + 1);
        const int top = y + (kRow - kBar) / 2;
        canvas.rectangle({left, top, right - left, kBar}, current ? colour::kSelection : colour::kFrame);
        if (current && here > left) canvas.rectangle({left, top, std::min(here, right) - left, kBar}, colour::kLit);
    }
    canvas.rectangle({here - 1, bars, 2, kRow * static_cast<int>(shown.size())}, colour::kWarning);
    canvas.text(kMargin, keys, shortened(kKeys, columns), colour::kDim);
}

std::optional<travel::To> TimeSlider::at(int x, int y) const {
    for (const Row& row : rows_)
        if (y >= row.y && y < row.y + kRow)
            return travel::To{std::min(tick_at(x), history_.branches[row.branch].end), row.branch};
    return std::nullopt;
}

std::optional<travel::To> TimeSlider::dragged(int x) const {
    if (history_.branches.empty()) return std::nullopt;
    return travel::To{std::min(tick_at(x), history_.branches[history_.branch].end), std::nullopt};
}

} // namespace r86
