#include "frontend/terminal/terminal_display.h"
#include "frontend/host/raw_terminal.h"
#include "frontend/terminal/terminal_keys.h"
#include <cstdio>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace r86 {

namespace {

constexpr int kFrameMs = 30;

std::string colour(u32 rgb, bool background) {
    char text[32];
    std::snprintf(text, sizeof text, "\x1B[%d;2;%u;%u;%um", background ? 48 : 38, rgb >> 16 & 0xFF, rgb >> 8 & 0xFF,
                  rgb & 0xFF);
    return text;
}

std::string go_to(u32 row, u32 column) {
    return "\x1B[" + std::to_string(row + 1) + ";" + std::to_string(column + 1) + "H";
}

void write_all(const std::string& text) {
    usize done = 0;
    while (done < text.size()) {
        const ssize_t sent = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
        if (sent <= 0) return;
        done += static_cast<usize>(sent);
    }
}

/// Sends what has changed since the last picture.
class Painter {
public:
    void paint(const TextScreen& screen) {
        winsize size{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col) size = {25, 80, 0, 0};
        std::string out;
        const bool whole = screen.columns != shown_.columns || screen.rows != shown_.rows || size.ws_col != columns_ ||
                           size.ws_row != rows_;
        if (whole) out += "\x1B[0m\x1B[2J";
        columns_ = size.ws_col;
        rows_ = size.ws_row;
        for (u32 y = 0; y < screen.rows && y < rows_; ++y) paint_row(out, screen, y, whole);
        const bool same_cursor = screen.cursor_visible == shown_.cursor_visible &&
                                 screen.cursor_row == shown_.cursor_row && screen.cursor_column == shown_.cursor_column;
        if (out.empty() && same_cursor) return; // a still screen sends nothing
        out.insert(0, "\x1B[?25l");
        if (screen.cursor_visible && screen.cursor_row < rows_ && screen.cursor_column < columns_)
            out += go_to(screen.cursor_row, screen.cursor_column) + "\x1B[?25h";
        write_all(out);
        shown_ = screen;
    }

private:
    void paint_row(std::string& out, const TextScreen& screen, u32 y, bool whole) {
        bool placed = false;
        u32 foreground = 0, background = 0;
        for (u32 x = 0; x < screen.columns && x < columns_; ++x) {
            const TextScreen::Cell& cell = screen.cells[usize{y} * screen.columns + x];
            if (!whole) {
                const TextScreen::Cell& old = shown_.cells[usize{y} * screen.columns + x];
                if (old.character == cell.character && old.foreground == cell.foreground &&
                    old.background == cell.background) {
                    placed = false;
                    continue;
                }
            }
            if (!placed) {
                out += go_to(y, x) + colour(cell.foreground, false) + colour(cell.background, true);
            } else {
                if (cell.foreground != foreground) out += colour(cell.foreground, false);
                if (cell.background != background) out += colour(cell.background, true);
            }
            placed = true;
            foreground = cell.foreground;
            background = cell.background;
            append_utf8(out, cell.character < 0x20 ? U' ' : cell.character);
        }
    }

    TextScreen shown_;
    u32 columns_ = 0, rows_ = 0;
};

/// What the terminal shows while it belongs to the guest.
class AlternateScreen {
public:
    AlternateScreen() {
        set_terminal_farewell("\x1B[0m\x1B[?25h\x1B[?1049l");
        make_terminal_raw();
        write_all("\x1B[?1049h\x1B[2J\x1B]0;rewind86 - Ctrl-A X quits\x07");
    }
    ~AlternateScreen() {
        if (!terminal_is_raw()) write_all("\x1B[0m\x1B[?25h\x1B[?1049l");
        restore_terminal();
    }
};

} // namespace

void run_terminal(Session& session) {
    const AlternateScreen alternate;
    Painter painter;
    TerminalKeys keys;
    TextScreen screen;
    bool readable = true;
    while (!session.status().ended) {
        pollfd wait{readable ? STDIN_FILENO : -1, POLLIN, 0};
        if (::poll(&wait, 1, kFrameMs) > 0) {
            char bytes[256];
            const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
            if (got <= 0) readable = false;
            for (auto& chord : keys.decode({bytes, static_cast<usize>(got > 0 ? got : 0)}))
                session.press(std::move(chord));
            if (keys.quit()) session.quit_with("Ctrl-A X");
        } else {
            for (auto& chord : keys.idle()) session.press(std::move(chord));
        }
        if (session.take_text(screen)) painter.paint(screen);
        if (const auto message = session.take_message()) {
            write_all(go_to(24, 0) + "\x1B[0m\x1B[7m " + *message + " \x1B[0m");
        }
    }
}

} // namespace r86
