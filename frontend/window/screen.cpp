#include "frontend/window/screen.h"
#include "core/error.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

Size picture_size(const Picture& picture) {
    return {static_cast<int>(picture.width), static_cast<int>(picture.height)};
}

SDL_Rect sdl(const Rect& rect) { return {rect.x, rect.y, rect.width, rect.height}; }

/// True if "hardware" is a program that draws with the processor (Mesa's llvmpipe and its like), which takes much more
/// of it than SDL's own software renderer.
bool draws_by_processor(SDL_Renderer* renderer) {
    SDL_RendererInfo info{};
    if (SDL_GetRendererInfo(renderer, &info) != 0 || std::strncmp(info.name, "opengl", 6) != 0) return false;
    constexpr unsigned kGlRenderer = 0x1F01; // GL_RENDERER
    using GetString = const char* (*)(unsigned);
    const auto get_string = reinterpret_cast<GetString>(SDL_GL_GetProcAddress("glGetString"));
    const char* name = get_string ? get_string(kGlRenderer) : nullptr;
    if (!name) return false;
    for (const char* known : {"llvmpipe", "softpipe", "Software Rasterizer", "SwiftShader"})
        if (std::strstr(name, known)) return true;
    return false;
}

Size usable_screen(SDL_Window* window) {
    const int display = window ? std::max(SDL_GetWindowDisplayIndex(window), 0) : 0;
    SDL_Rect bounds{0, 0, 1024, 768};
    if (SDL_GetDisplayUsableBounds(display, &bounds) != 0) SDL_GetDisplayBounds(display, &bounds);
    return {bounds.w, bounds.h};
}

} // namespace

Screen::Screen(const std::string& title, bool full_screen, int status_rows) {
    // Sharp text: smoothing is chosen for each texture.
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "nearest");
    // The desktop keeps drawing as it likes.
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    const Size area = first_area({720, 400}, usable_screen(nullptr));
    own_size_ = {area.width, area.height + status_rows};
    const Uint32 flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI;
    window_.reset(SDL_CreateWindow(title.c_str(), SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, own_size_.width,
                                   own_size_.height, flags));
    if (!window_) throw UserError(std::string("No window can be opened: ") + SDL_GetError() + ".");
    SDL_SetWindowMinimumSize(window_.get(), 320, 240);
    renderer_.reset(SDL_CreateRenderer(window_.get(), -1, SDL_RENDERER_PRESENTVSYNC | SDL_RENDERER_TARGETTEXTURE));
    if (renderer_ && !SDL_GetHint(SDL_HINT_RENDER_DRIVER) && draws_by_processor(renderer_.get())) {
        renderer_.reset();
        SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0"); // or it would use the same OpenGL to show its result
    }
    if (!renderer_) renderer_.reset(SDL_CreateRenderer(window_.get(), -1, SDL_RENDERER_SOFTWARE));
    if (!renderer_) throw UserError(std::string("Nothing can be drawn in the window: ") + SDL_GetError() + ".");
    SDL_RendererInfo info{};
    if (SDL_GetRendererInfo(renderer_.get(), &info) == 0 && info.max_texture_width > 0)
        largest_texture_ = std::min(info.max_texture_width, info.max_texture_height);
    software_ = (info.flags & SDL_RENDERER_SOFTWARE) != 0;
    if (full_screen) set_full_screen(true);
}

void Screen::set_title(const std::string& title) { SDL_SetWindowTitle(window_.get(), title.c_str()); }

/// Without a window manager (a bare X server) nobody resizes the window when it becomes full screen: we do. Such a
/// window has no frame; one of a window manager that draws none is resized twice, which nobody sees.
bool Screen::resizes_itself() const {
    const char* driver = SDL_GetCurrentVideoDriver();
    int top = 0, left = 0, bottom = 0, right = 0;
    return driver && std::strcmp(driver, "x11") == 0 &&
           (SDL_GetWindowBordersSize(window_.get(), &top, &left, &bottom, &right) != 0 ||
            top + left + bottom + right == 0);
}

void Screen::set_full_screen(bool on) {
    if (on == full_screen_) return;
    SDL_Window* window = window_.get();
    if (on && resizes_itself()) {
        SDL_GetWindowPosition(window, &windowed_.x, &windowed_.y);
        SDL_GetWindowSize(window, &windowed_.width, &windowed_.height);
        SDL_Rect bounds{};
        if (SDL_GetDisplayBounds(std::max(SDL_GetWindowDisplayIndex(window), 0), &bounds) == 0) {
            SDL_SetWindowPosition(window, bounds.x, bounds.y);
            SDL_SetWindowSize(window, bounds.w, bounds.h);
        }
    }
    if (SDL_SetWindowFullscreen(window, on ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0) == 0) full_screen_ = on;
    if (!full_screen_ && windowed_.width > 0) {
        SDL_SetWindowSize(window, windowed_.width, windowed_.height);
        SDL_SetWindowPosition(window, windowed_.x, windowed_.y);
        windowed_ = {};
    }
}

Size Screen::area() const {
    Size size;
    if (SDL_GetRendererOutputSize(renderer_.get(), &size.width, &size.height) != 0)
        SDL_GetWindowSize(window_.get(), &size.width, &size.height);
    return size;
}

double Screen::pixels_per_unit() const {
    int units = 0;
    SDL_GetWindowSize(window_.get(), &units, nullptr);
    return units > 0 ? static_cast<double>(area().width) / units : 1.0;
}

int Screen::ui_scale() const {
    const int by_ratio = static_cast<int>(pixels_per_unit() + 0.5);
    // Hosts that scale nothing themselves still have screens where 16 rows are too small to read.
    const int by_size = area().height / 1400 + 1;
    return std::clamp(std::max(by_ratio, by_size), 1, 4);
}

void Screen::grow_for(Size picture, int status_height) {
    if (user_resized_ || full_screen_ || (SDL_GetWindowFlags(window_.get()) & SDL_WINDOW_MAXIMIZED)) return;
    const double ratio = pixels_per_unit();
    const Size wanted = first_area(picture, usable_screen(window_.get()));
    const int rows = static_cast<int>(status_height / ratio);
    if (wanted.width <= own_size_.width && wanted.height + rows <= own_size_.height) return;
    own_size_ = {std::max(wanted.width, own_size_.width), std::max(wanted.height + rows, own_size_.height)};
    SDL_SetWindowSize(window_.get(), own_size_.width, own_size_.height);
}

SdlTexture Screen::target_texture(Size size) {
    SdlTexture texture(
        SDL_CreateTexture(renderer_.get(), SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_TARGET, size.width, size.height));
    if (texture) SDL_SetTextureBlendMode(texture.get(), SDL_BLENDMODE_NONE);
    return texture;
}

void Screen::create_picture_texture() {
    scaled_.reset();
    texture_.reset(SDL_CreateTexture(renderer_.get(), SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                     static_cast<int>(picture_.width), static_cast<int>(picture_.height)));
    if (texture_) SDL_SetTextureBlendMode(texture_.get(), SDL_BLENDMODE_NONE);
}

void Screen::upload(int first_row, int rows) {
    const int width = static_cast<int>(picture_.width);
    const SDL_Rect band{0, first_row, width, rows};
    SDL_UpdateTexture(texture_.get(), &band,
                      picture_.pixels.data() + usize{picture_.width} * static_cast<usize>(first_row),
                      width * static_cast<int>(sizeof(u32)));
    changed_first_ = std::min(changed_first_, first_row);
    changed_end_ = std::max(changed_end_, first_row + rows);
}

bool Screen::set_picture(const Picture& picture) {
    if (picture.width == 0 || picture.height == 0) return false;
    if (!texture_ || picture.width != picture_.width || picture.height != picture_.height) {
        picture_ = picture;
        create_picture_texture();
        if (texture_) upload(0, static_cast<int>(picture_.height));
        return true;
    }
    const usize row_bytes = usize{picture.width} * sizeof(u32);
    const auto same = [&](usize row) {
        return std::memcmp(picture.pixels.data() + row * picture.width, picture_.pixels.data() + row * picture.width,
                           row_bytes) == 0;
    };
    usize first = 0;
    while (first < picture.height && same(first)) ++first;
    if (first == picture.height) return false;
    usize last = picture.height - 1;
    while (same(last)) --last;
    std::copy(picture.pixels.begin() + static_cast<std::ptrdiff_t>(first * picture.width),
              picture.pixels.begin() + static_cast<std::ptrdiff_t>((last + 1) * picture.width),
              picture_.pixels.begin() + static_cast<std::ptrdiff_t>(first * picture.width));
    upload(static_cast<int>(first), static_cast<int>(last - first + 1));
    return true;
}

void Screen::contents_lost(bool device_lost) {
    scaled_.reset();
    if (!device_lost || picture_.width == 0) return;
    create_picture_texture();
    if (texture_) upload(0, static_cast<int>(picture_.height));
}

void Screen::draw_picture(const Rect& place) {
    if (!texture_) return;
    const SDL_Rect target = sdl(place);
    const Size size = picture_size(picture_);
    if (whole_pixels(size, place)) {
        SDL_RenderCopy(renderer_.get(), texture_.get(), nullptr, &target);
        return;
    }
    if (!(software_ ? scale_by_program(place) : scale_by_card(place))) { // no memory for it: rough, but there
        SDL_RenderCopy(renderer_.get(), texture_.get(), nullptr, &target);
        return;
    }
    SDL_RenderCopy(renderer_.get(), scaled_.get(), nullptr, &target);
}

/// Enlarged in whole steps without smoothing, then brought to size with it.
bool Screen::scale_by_card(const Rect& place) {
    if (!scaled_ || scaled_size_ != Size{place.width, place.height}) {
        const Size size = picture_size(picture_);
        const int factor = sharp_factor(size, place, largest_texture_);
        enlarged_ = target_texture({size.width * factor, size.height * factor});
        if (enlarged_) SDL_SetTextureScaleMode(enlarged_.get(), SDL_ScaleModeLinear);
        scaled_ = target_texture({place.width, place.height});
        scaled_size_ = {place.width, place.height};
        all_changed();
    }
    if (!enlarged_ || !scaled_) return false;
    if (changed_end_ == 0) return true;
    SDL_SetRenderTarget(renderer_.get(), enlarged_.get());
    SDL_RenderCopy(renderer_.get(), texture_.get(), nullptr, nullptr);
    SDL_SetRenderTarget(renderer_.get(), scaled_.get());
    SDL_RenderCopy(renderer_.get(), enlarged_.get(), nullptr, nullptr);
    SDL_SetRenderTarget(renderer_.get(), nullptr);
    return true;
}

/// The same by the processor, which only touches the rows that changed.
bool Screen::scale_by_program(const Rect& place) {
    const Size size = picture_size(picture_);
    if (place.width < size.width || place.height < size.height) return scale_by_card(place);
    if (!scaled_ || scaled_size_ != Size{place.width, place.height}) {
        enlarged_.reset();
        scaled_.reset(SDL_CreateTexture(renderer_.get(), SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                        place.width, place.height));
        scaled_size_ = {place.width, place.height};
        sharp_.set_sizes(size, scaled_size_);
        all_changed();
    }
    if (!scaled_) return false;
    if (changed_end_ == 0) return true;
    const SharpScale::Rows rows = sharp_.rows_of(changed_first_, changed_end_);
    sharp_.update(picture_, rows);
    const SDL_Rect band{0, rows.first, place.width, rows.end - rows.first};
    SDL_UpdateTexture(scaled_.get(), &band, sharp_.row(rows.first), place.width * static_cast<int>(sizeof(u32)));
    return true;
}

void Screen::all_changed() {
    changed_first_ = 0;
    changed_end_ = static_cast<int>(picture_.height);
}

void Screen::none_changed() {
    changed_first_ = static_cast<int>(picture_.height);
    changed_end_ = 0;
}

void Screen::draw_panel(Panel& panel) {
    if (!panel.visible) return;
    const Size size = panel.canvas_.size();
    if (size.width == 0 || size.height == 0) return;
    if (!panel.texture_ || panel.texture_size_ != size) {
        panel.texture_.reset(SDL_CreateTexture(renderer_.get(), SDL_PIXELFORMAT_ARGB8888, SDL_TEXTUREACCESS_STREAMING,
                                               size.width, size.height));
        if (!panel.texture_) return;
        SDL_SetTextureBlendMode(panel.texture_.get(), SDL_BLENDMODE_BLEND);
        panel.texture_size_ = size;
        panel.changed_ = true;
    }
    if (panel.changed_) {
        SDL_UpdateTexture(panel.texture_.get(), nullptr, panel.canvas_.pixels().data(),
                          size.width * static_cast<int>(sizeof(u32)));
        panel.changed_ = false;
    }
    const SDL_Rect target = sdl(panel.place);
    SDL_RenderCopy(renderer_.get(), panel.texture_.get(), nullptr, &target);
}

/// Where the changed rows of the picture and the changed panels are; a row more at each side, for smoothing mixes rows.
SDL_Rect Screen::changed_part(const Rect& place, std::initializer_list<Panel*> panels) const {
    SDL_Rect part{0, 0, 0, 0};
    if (changed_end_ > changed_first_) {
        const int rows = static_cast<int>(picture_.height);
        const int first = place.height * std::max(changed_first_ - 1, 0) / rows;
        const int end = (place.height * std::min(changed_end_ + 1, rows) + rows - 1) / rows;
        part = {place.x, place.y + first, place.width, end - first};
    }
    for (const Panel* panel : panels) {
        if (!panel->visible || !panel->changed_) continue;
        const SDL_Rect at = sdl(panel->place);
        const SDL_Rect before = part;
        SDL_UnionRect(&before, &at, &part);
    }
    return part;
}

void Screen::present(const Rect& picture_place, std::initializer_list<Panel*> panels, bool everything) {
    SDL_Renderer* renderer = renderer_.get();
    // A card's buffers hold an older frame or nothing; the software renderer draws on what is shown.
    const bool in_part = software_ && !everything;
    const SDL_Rect part = in_part ? changed_part(picture_place, panels) : SDL_Rect{};
    if (in_part) SDL_RenderSetClipRect(renderer, &part);
    const Size all = area();
    if (picture_place.width < all.width || picture_place.height < all.height) { // else nothing would be seen of it
        SDL_SetRenderDrawColor(renderer, 0, 0, 0, 255);
        if (in_part)
            SDL_RenderFillRect(renderer, &part); // clearing knows no clip
        else
            SDL_RenderClear(renderer);
    }
    draw_picture(picture_place);
    for (Panel* panel : panels) draw_panel(*panel);
    if (in_part) SDL_RenderSetClipRect(renderer, nullptr);
    SDL_RenderPresent(renderer);
    none_changed();
}

} // namespace r86
