#pragma once
/// The one overlay: a list to choose from with the arrow keys, a letter or the mouse. It draws itself on a canvas.
#include "frontend/window/canvas.h"
#include <SDL_scancode.h>
#include <functional>
#include <string>
#include <vector>

namespace r86 {

struct MenuItem {
    std::string key; ///< shown in a column of its own; may be empty
    std::string text;
    SDL_Scancode scancode = SDL_SCANCODE_UNKNOWN; ///< chooses it at once
    std::function<void()> run;                    ///< may put another menu in this one's place
};

class Menu {
public:
    Menu(std::string title, std::string footer, std::vector<MenuItem> items);

    enum class Answer : u8 { Open, Close, Chosen };
    Answer key(SDL_Scancode scancode);
    /// The wheel: upwards is negative.
    void scroll(int rows);
    /// The pointer is there, in the canvas' dots; true if that is on an item, which is selected now.
    bool point(int x, int y);
    const MenuItem& selected() const { return items_[selected_]; }
    bool empty() const { return items_.empty(); }

    /// As large as it needs to be, at most `room`.
    void draw(Canvas& canvas, Size room);

private:
    void select(int index);

    std::string title_;
    std::string footer_;
    std::vector<MenuItem> items_;
    usize selected_ = 0;
    usize first_ = 0;   ///< first row that is shown
    usize visible_ = 1; ///< rows that were shown at last
};

} // namespace r86
