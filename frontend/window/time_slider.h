#pragma once
/// The panel that shows the session's history: a bar for each branch, where we are, and where the pointer would go.
/// Text and rectangles alone, no SDL.
#include "frontend/emulation_port.h"
#include "frontend/window/canvas.h"

namespace r86 {

class TimeSlider {
public:
    /// True if it looks different now.
    bool update(const SessionStatus& status);
    /// As wide as that, in the canvas' dots.
    void draw(Canvas& canvas, int width);
    /// What the pointer is on, in the canvas' dots. While dragging, `y` is of no weight.
    std::optional<travel::To> at(int x, int y) const;
    std::optional<travel::To> dragged(int x) const;

private:
    struct Row {
        u32 branch;
        int y;
    };
    int x_of(Tick tick) const;
    Tick tick_at(int x) const;
    std::string words() const;
    std::vector<u32> shown_branches() const;

    HistoryStatus history_;
    Tick tick_ = 0;
    u64 ns_ = 0;
    bool paused_ = false;
    int width_ = 0;
    std::vector<Row> rows_; ///< as drawn last
};

/// Nanoseconds as people read them: "1:02.345".
std::string clock_text(u64 ns);

} // namespace r86
