#include "frontend/window/menu.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr int kCell = Canvas::kCellWidth;
constexpr int kRow = Canvas::kCellHeight + 2;
constexpr int kMargin = 12;
/// Title and a blank row above the items.
constexpr int kItemsTop = kMargin + 2 * kRow;

} // namespace

Menu::Menu(std::string title, std::string footer, std::vector<MenuItem> items)
    : title_(std::move(title)), footer_(std::move(footer)), items_(std::move(items)) {}

void Menu::select(int index) {
    if (items_.empty()) return;
    selected_ = static_cast<usize>(std::clamp(index, 0, static_cast<int>(items_.size()) - 1));
}

Menu::Answer Menu::key(SDL_Scancode scancode) {
    const int here = static_cast<int>(selected_);
    switch (scancode) {
    case SDL_SCANCODE_ESCAPE: return Answer::Close;
    case SDL_SCANCODE_UP: select(here - 1); return Answer::Open;
    case SDL_SCANCODE_DOWN: select(here + 1); return Answer::Open;
    case SDL_SCANCODE_PAGEUP: select(here - static_cast<int>(visible_)); return Answer::Open;
    case SDL_SCANCODE_PAGEDOWN: select(here + static_cast<int>(visible_)); return Answer::Open;
    case SDL_SCANCODE_HOME: select(0); return Answer::Open;
    case SDL_SCANCODE_END: select(static_cast<int>(items_.size())); return Answer::Open;
    case SDL_SCANCODE_RETURN:
    case SDL_SCANCODE_KP_ENTER: return items_.empty() ? Answer::Close : Answer::Chosen;
    default: break;
    }
    for (usize i = 0; i < items_.size(); ++i)
        if (items_[i].scancode == scancode && scancode != SDL_SCANCODE_UNKNOWN) {
            selected_ = i;
            return Answer::Chosen;
        }
    return Answer::Open;
}

void Menu::scroll(int rows) { select(static_cast<int>(selected_) + rows); }

bool Menu::point(int x, int y) {
    if (x < 0 || y < kItemsTop) return false;
    const usize row = first_ + static_cast<usize>((y - kItemsTop) / kRow);
    if (row >= items_.size() || row >= first_ + visible_) return false;
    selected_ = row;
    return true;
}

void Menu::draw(Canvas& canvas, Size room) {
    int key_columns = 0;
    int text_width = 0;
    for (const MenuItem& item : items_) {
        key_columns = std::max(key_columns, text_columns(item.key));
        text_width = std::max(text_width, text_columns(item.text));
    }
    const int text_at = key_columns ? key_columns + 2 : 0;
    const int most_columns = std::max((room.width - 2 * kMargin) / kCell, 1);
    const int columns =
        std::min(most_columns, std::max({text_at + text_width, text_columns(title_), text_columns(footer_)}));

    const int around = kItemsTop + 2 * kRow + kMargin; // a blank row and the footer below
    visible_ = static_cast<usize>(std::max((room.height - around) / kRow, 1));
    visible_ = std::min(visible_, std::max<usize>(items_.size(), 1));
    if (selected_ < first_) first_ = selected_;
    if (selected_ >= first_ + visible_) first_ = selected_ - visible_ + 1;
    first_ = std::min(first_, items_.size() > visible_ ? items_.size() - visible_ : 0);

    const Size size{columns * kCell + 2 * kMargin, around + static_cast<int>(visible_) * kRow};
    canvas.reset(size, colour::kPanel);
    canvas.frame({0, 0, size.width, size.height}, colour::kFrame);
    canvas.text(kMargin, kMargin, shortened(title_, columns), colour::kWarning);
    for (usize i = 0; i < visible_ && first_ + i < items_.size(); ++i) {
        const MenuItem& item = items_[first_ + i];
        const int y = kItemsTop + static_cast<int>(i) * kRow;
        if (first_ + i == selected_) canvas.rectangle({kMargin / 2, y, size.width - kMargin, kRow}, colour::kSelection);
        canvas.text(kMargin, y + 1, shortened(item.key, columns), colour::kLit);
        canvas.text(kMargin + text_at * kCell, y + 1, shortened(item.text, columns - text_at), colour::kText);
    }
    if (first_ > 0) canvas.text(size.width - kMargin - kCell, kItemsTop - kRow, "\u25B2", colour::kDim);
    if (first_ + visible_ < items_.size())
        canvas.text(size.width - kMargin - kCell, kItemsTop + static_cast<int>(visible_) * kRow, "\u25BC",
                    colour::kDim);
    canvas.text(kMargin, size.height - kMargin - kRow, shortened(footer_, columns), colour::kDim);
}

} // namespace r86
