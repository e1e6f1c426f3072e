#pragma once
/// SDL's window, renderer and textures: the guest's picture with the window's own panels over it. First thread only.
#include "core/host_endpoints.h"
#include "frontend/window/canvas.h"
#include "frontend/window/sharp_scale.h"
#include <SDL.h>
#include <memory>
#include <string>

namespace r86 {

struct SdlDelete {
    void operator()(SDL_Window* window) const { SDL_DestroyWindow(window); }
    void operator()(SDL_Renderer* renderer) const { SDL_DestroyRenderer(renderer); }
    void operator()(SDL_Texture* texture) const { SDL_DestroyTexture(texture); }
};
using SdlTexture = std::unique_ptr<SDL_Texture, SdlDelete>;

/// A panel: its canvas, the texture that shows it, and where.
class Panel {
public:
    explicit Panel(const FontSet& fonts) : canvas_(fonts) {}
    /// To draw on; the texture follows at the next present.
    Canvas& redraw() {
        changed_ = true;
        return canvas_;
    }
    const Canvas& canvas() const { return canvas_; }

    bool visible = false;
    Rect place; ///< in the window's pixels

private:
    friend class Screen;
    Canvas canvas_;
    SdlTexture texture_;
    Size texture_size_;
    bool changed_ = true;
};

class Screen {
public:
    /// Throws UserError if there is no display. `status_rows`: height to add below the picture.
    Screen(const std::string& title, bool full_screen, int status_rows);

    SDL_Window* window() const { return window_.get(); }
    void set_title(const std::string& title);
    void set_full_screen(bool on);
    bool full_screen() const { return full_screen_; }

    /// The newest frame. Only rows that differ from what the texture holds are uploaded; false if none does.
    bool set_picture(const Picture& picture);
    const Picture& picture() const { return picture_; }

    /// Draws everything, or, if nothing but the picture and the canvases of panels changed since the last time, at
    /// least those; waits for the display's retrace where the renderer can.
    void present(const Rect& picture_place, std::initializer_list<Panel*> panels, bool everything);
    /// The textures' contents were lost.
    void contents_lost(bool device_lost);

    /// In the window's pixels.
    Size area() const;
    /// Pixels of the window for one dot of a canvas.
    int ui_scale() const;
    /// From SDL's units of mouse events to pixels.
    double pixels_per_unit() const;
    /// Enlarges a window that nobody has resized, so that a larger picture fits.
    void grow_for(Size picture, int status_height);
    void user_resized() { user_resized_ = true; }

private:
    bool resizes_itself() const;
    SdlTexture target_texture(Size size);
    void create_picture_texture();
    void upload(int first_row, int rows);
    void draw_picture(const Rect& place);
    bool scale_by_card(const Rect& place);
    bool scale_by_program(const Rect& place);
    void all_changed();
    void none_changed();
    SDL_Rect changed_part(const Rect& place, std::initializer_list<Panel*> panels) const;
    void draw_panel(Panel& panel);

    std::unique_ptr<SDL_Window, SdlDelete> window_;
    std::unique_ptr<SDL_Renderer, SdlDelete> renderer_;
    SdlTexture texture_;
    // Where smoothing is needed: the picture in its size on screen, for a card by way of one in whole steps.
    SdlTexture enlarged_;
    SdlTexture scaled_;
    Size scaled_size_;
    SharpScale sharp_;
    int changed_first_ = 0; ///< rows of the picture that the screen does not show yet: [first, end)
    int changed_end_ = 0;
    bool software_ = false;
    Picture picture_;
    int largest_texture_ = 4096;
    bool full_screen_ = false;
    bool user_resized_ = false;
    Rect windowed_; ///< the window before it became full screen, where nobody else remembers
    Size own_size_; ///< the last size that we asked for
};

} // namespace r86
