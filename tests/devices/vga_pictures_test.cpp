// Reference pictures: a scene for each kind of mode, drawn through registers and window alone, rendered, and compared
// by a hash of its size and pixels. With R86_PICTURES=DIRECTORY each picture is written there as NAME.ppm, so that a
// person can look at what a hash stands for; every one of these was looked at before its hash was written down.
#include "core/sha256.h"
#include "tests/devices/vga_fixture.h"
#include <cstdlib>
#include <fstream>

using namespace r86;

namespace {

struct Scene : VgaBoard {
    /// A font of simple shapes: a frame with the code's bits as a bar inside; C4h and CDh are horizontal lines.
    void font(u32 offset, unsigned rows, bool inverse = false) {
        sequencer(2, 0x04);
        sequencer(4, 0x06);
        graphics(5, 0x00);
        graphics(6, 0x04);
        for (u32 code = 0; code < 256; ++code) {
            for (u32 row = 0; row < rows; ++row) {
                u8 dots = row == 0 || row == rows - 2 ? 0x7E
                          : row == rows - 1           ? 0
                          : row % 4 == 2              ? static_cast<u8>(code)
                                                      : 0x42;
                if (code == ' ') dots = 0;
                if (code == 0xC4) dots = row == rows / 2 ? 0xFF : 0;
                if (code == 0xCD) dots = row == rows / 2 - 1 || row == rows / 2 + 1 ? 0xFF : 0;
                poke(0xA0000 + offset + code * 32 + row, inverse ? static_cast<u8>(~dots) : dots);
            }
        }
        sequencer(2, 0x03);
        sequencer(4, 0x02);
        graphics(5, 0x10);
        graphics(6, 0x0E);
    }
    void vga_palette() {
        for (unsigned i = 0; i < 16; ++i) {
            const u8 low = i & 8 ? 21 : 0;
            const auto level = [&](unsigned bit) { return static_cast<u8>((i >> bit & 1) * 42 + low); };
            colour(static_cast<u8>(i), level(2), i == 6 ? u8{21} : level(1), level(0));
        }
        for (unsigned i = 16; i < 256; ++i)
            colour(static_cast<u8>(i), static_cast<u8>((i & 7) * 9), static_cast<u8>((i >> 3 & 7) * 9),
                   static_cast<u8>((i >> 6) * 21));
    }
    void start(const VgaMode& mode) {
        set_mode(mode);
        vga_palette();
    }
    void text_screen(unsigned columns, unsigned rows, u32 base = 0xB8000) {
        for (unsigned y = 0; y < rows; ++y)
            for (unsigned x = 0; x < columns; ++x) {
                const unsigned code = y % 5 == 4 ? (x & 16 ? 0xCD : 0xC4) : (y * 37 + x) & 0xFF;
                poke(base + 2 * (y * columns + x), code | ((x + y * 16) & 0xFF) << 8, 2);
            }
    }
    /// A diagonal gradient, a circle and a frame, in `colours` values.
    template <class Put>
    static void figure(u32 width, u32 height, u32 colours, Put put) {
        for (u32 y = 0; y < height; ++y)
            for (u32 x = 0; x < width; ++x) {
                const i64 dx = i64{x} * 2 - width, dy = (i64{y} * 2 - height) * static_cast<i64>(width) / height;
                const bool circle = dx * dx + dy * dy < i64{width} * width / 4;
                const bool frame = x == 0 || y == 0 || x == width - 1 || y == height - 1;
                put(x, y,
                    frame    ? colours - 1
                    : circle ? (x / 8 + y / 8) % colours
                             : (x * colours / width + y / 16) % colours);
            }
    }
    /// Planar, 8 pixels a byte, through write mode 2 and the bit mask.
    void planar(u32 width, u32 height, u32 pitch, u32 colours = 16) {
        graphics(5, 0x02);
        u32 mask = 256;
        figure(width, height, colours, [&](u32 x, u32 y, u32 value) {
            if (mask != 0x80u >> (x & 7)) graphics(8, static_cast<u8>(mask = 0x80u >> (x & 7)));
            const u32 at = 0xA0000 + y * pitch + x / 8;
            peek(at);
            poke(at, value);
        });
        graphics(5, 0x00);
        graphics(8, 0xFF);
    }
    /// Unchained 256 colours: a plane for each column modulo four.
    void unchained(u32 width, u32 height, u32 first = 0) {
        u32 plane = 4;
        figure(width, height, 256, [&](u32 x, u32 y, u32 value) {
            if (plane != (x & 3)) sequencer(2, static_cast<u8>(1u << (plane = x & 3)));
            poke(0xA0000 + first + y * (width / 4) + x / 4, value);
        });
    }
    void mode_x(u8 vertical_lines_misc) {
        start(kMode13);
        sequencer(4, 0x06);
        crtc(0x14, 0x00);
        crtc(0x17, 0xE3);
        out(0x3C2, vertical_lines_misc);
        crtc(0x11, 0x0E);
    }
    /// 480 lines, as the well-known tables for 320x240 have it.
    void lines_480(u8 scan) {
        const std::pair<u8, u8> values[] = {{0x06, 0x0D}, {0x07, 0x3E}, {0x09, scan}, {0x10, 0xEA},
                                            {0x12, 0xDF}, {0x15, 0xE7}, {0x16, 0x06}, {0x11, 0xAC}};
        for (const auto& [index, value] : values) crtc(index, value);
    }
    void packed(u32 width, u32 height, unsigned depth) {
        vbe_mode(static_cast<u16>(width), static_cast<u16>(height), static_cast<u16>(depth));
        attribute(0x10, 0x41);
        auto vram = vga.vram();
        const unsigned bytes = (depth + 7) / 8;
        figure(width, height, 256, [&](u32 x, u32 y, u32 v) {
            u32 value = v;
            if (depth == 15) value = (v >> 3) << 10 | (y & 31) << 5 | (x & 31);
            if (depth == 16) value = (v >> 3) << 11 | (y & 63) << 5 | (x & 31);
            if (depth >= 24) value = v << 16 | (y & 255) << 8 | (x & 255);
            for (unsigned i = 0; i < bytes; ++i)
                vram[(usize{y} * width + x) * bytes + i] = static_cast<u8>(value >> (8 * i));
        });
    }
};

struct Reference {
    const char* name;
    void (*draw)(Scene&);
    const char* hash;
};

VgaMode with(VgaMode mode, u8 misc, std::initializer_list<std::pair<u8, u8>> crtc) {
    mode.misc = misc;
    for (const auto& [index, value] : crtc) mode.crtc[index] = value;
    return mode;
}

void text(Scene& s, const VgaMode& mode, unsigned columns, unsigned rows, unsigned font_rows, u32 base = 0xB8000) {
    s.start(mode);
    s.font(0, font_rows);
    if (base == 0xB0000) s.graphics(6, 0x0A);
    s.text_screen(columns, rows, base);
}

const VgaMode kText40 = [] {
    VgaMode m = with(kMode3, 0x67, {{0, 0x2D}, {1, 0x27}, {2, 0x28}, {3, 0x90}, {4, 0x2B}, {5, 0xA0}, {0x13, 0x14}});
    m.sequencer[1] = 0x08;
    return m;
}();
const VgaMode kMode0E =
    with(kMode12, 0x63,
         {{6, 0xBF}, {7, 0x1F}, {9, 0xC0}, {0x10, 0x9C}, {0x11, 0x8E}, {0x12, 0x8F}, {0x15, 0x96}, {0x16, 0xB9}});
const VgaMode kMode10 =
    with(kMode12, 0xA3,
         {{6, 0xBF}, {7, 0x1F}, {9, 0x40}, {0x10, 0x83}, {0x11, 0x85}, {0x12, 0x5D}, {0x15, 0x63}, {0x16, 0xBA}});

const Reference kReferences[] = {
    {"text_80x25_9_dots", [](Scene& s) { text(s, kMode3, 80, 25, 16); }, "cf5bfff48e3fc038"},
    {"text_80x25_8_dots",
     [](Scene& s) {
         text(s, kMode3, 80, 25, 16);
         s.sequencer(1, 0x01);
         s.attribute(0x13, 0);
     },
     "4f3129696c4bb7cb"},
    {"text_40x25", [](Scene& s) { text(s, kText40, 40, 25, 16); }, "dbf459966edadb29"},
    {"text_80x50",
     [](Scene& s) {
         text(s, with(kMode3, 0x67, {{9, 0x47}, {0xA, 6}, {0xB, 7}}), 80, 50, 8);
     },
     "78d69adc577e8395"},
    {"text_80x28_scanlines_14",
     [](Scene& s) {
         text(s, with(kMode3, 0x67, {{9, 0x4D}}), 80, 28, 14);
     },
     "cc034a04b81863bb"},
    {"text_mono_underline",
     [](Scene& s) {
         text(s, with(kMode3, 0x67, {{0x14, 0x0D}}), 80, 25, 16, 0xB0000);
         s.out(0x3C2, 0x66);
     },
     "2a9004bf80da623c"},
    {"text_two_fonts",
     [](Scene& s) {
         text(s, kMode3, 80, 25, 16);
         s.font(0x4000, 16, true);
         s.sequencer(3, 0x04);
     },
     "2d07dbe93c1e8731"},
    {"text_bright_backgrounds",
     [](Scene& s) {
         text(s, kMode3, 80, 25, 16);
         s.attribute(0x10, 0x04);
     },
     "a623cd1e0cfd6363"},
    {"text_blink_off_phase",
     [](Scene& s) {
         text(s, kMode3, 80, 25, 16);
         s.run_frames(20);
     },
     "d1e0139e73988fe1"},
    {"text_block_cursor",
     [](Scene& s) {
         text(s, kMode3, 80, 25, 16);
         s.crtc(0x0A, 0);
         s.crtc(0x0B, 15);
         s.crtc(0x0E, 3);
         s.crtc(0x0F, 0xFA);
     },
     "5e5e83cab9fb61d2"},
    {"text_smooth_scroll",
     [](Scene& s) {
         text(s, kMode3, 80, 25, 16);
         s.crtc(8, 5);
         s.attribute(0x13, 3);
         s.crtc(0x0D, 80);
         s.run_frames(2);
     },
     "b76544c9d0e0b876"},
    {"mode_04_320x200x4",
     [](Scene& s) {
         s.start(kMode4);
         Scene::figure(320, 200, 4, [&](u32 x, u32 y, u32 v) {
             const u32 at = 0xB8000 + (y & 1) * 0x2000 + y / 2 * 80 + x / 4;
             s.poke(at, (s.peek(at) & ~(3u << (6 - 2 * (x & 3)))) | v << (6 - 2 * (x & 3)));
         });
     },
     "bc2c608880fd3a96"},
    {"mode_06_640x200x2",
     [](Scene& s) {
         s.start(kMode6);
         Scene::figure(640, 200, 2, [&](u32 x, u32 y, u32 v) {
             const u32 at = 0xB8000 + (y & 1) * 0x2000 + y / 2 * 80 + x / 8;
             s.poke(at, (s.peek(at) & ~(0x80u >> (x & 7))) | (v ? 0x80u >> (x & 7) : 0));
         });
     },
     "8d15acb284260f99"},
    {"mode_0d_320x200x16",
     [](Scene& s) {
         s.start(kMode0D);
         s.planar(320, 200, 40);
     },
     "4835a86a3c7ab570"},
    {"mode_0e_640x200x16",
     [](Scene& s) {
         s.start(kMode0E);
         s.planar(640, 200, 80);
     },
     "361c840a13091d97"},
    {"mode_10_640x350x16",
     [](Scene& s) {
         s.start(kMode10);
         s.planar(640, 350, 80);
     },
     "ab730ad0653fc7a6"},
    {"mode_11_640x480x2",
     [](Scene& s) {
         s.start(kMode12);
         s.attribute(0x12, 1);
         s.attribute(1, 15);
         s.planar(640, 480, 80, 2);
     },
     "f3dc57292f379561"},
    {"mode_12_640x480x16",
     [](Scene& s) {
         s.start(kMode12);
         s.planar(640, 480, 80);
     },
     "626c7db4bae74598"},
    {"mode_12_split_and_panning",
     [](Scene& s) {
         s.start(kMode12);
         s.planar(640, 480, 80);
         s.attribute(0x13, 5);
         s.attribute(0x10, 0x21);
         s.crtc(0x0C, 0x10);
         s.crtc(0x07, 0x3E);
         s.crtc(0x09, 0x00);
         s.crtc(0x18, 300 - 256);
         s.run_frames(2);
     },
     "8bcf47584dc755c0"},
    {"mode_13_320x200x256",
     [](Scene& s) {
         s.start(kMode13);
         Scene::figure(320, 200, 256, [&](u32 x, u32 y, u32 v) { s.poke(0xA0000 + y * 320 + x, v); });
     },
     "a7ae505c872cdd87"},
    {"mode_x_320x240",
     [](Scene& s) {
         s.mode_x(0xE3);
         s.lines_480(0x41);
         s.unchained(320, 240);
     },
     "84441b9b1fbd2f8d"},
    {"mode_x_320x400",
     [](Scene& s) {
         s.mode_x(0x63);
         s.crtc(9, 0x40);
         s.unchained(320, 400);
     },
     "6445834bdbed02cd"},
    {"mode_x_360x480",
     [](Scene& s) {
         s.mode_x(0xE7);
         const std::pair<u8, u8> wide[] = {{0, 0x6B}, {1, 0x59}, {2, 0x5A},   {3, 0x8E},
                                           {4, 0x5E}, {5, 0x8A}, {0x13, 0x2D}};
         for (const auto& [index, value] : wide) s.crtc(index, value);
         s.lines_480(0x40);
         s.unchained(360, 480);
     },
     "1eddead10ddda379"},
    {"mode_x_second_page",
     [](Scene& s) {
         s.mode_x(0xE3);
         s.lines_480(0x41);
         s.unchained(320, 240, 0x4B00);
         s.crtc(0x0C, 0x4B);
         s.run_frames(2);
     },
     "84441b9b1fbd2f8d"},
    {"vbe_800x600x4",
     [](Scene& s) {
         s.start(kMode12);
         s.vbe_mode(800, 600, 4);
         s.planar(800, 600, 100);
     },
     "f670125812d36340"},
    {"vbe_640x480x8_dac8",
     [](Scene& s) {
         s.start(kMode13);
         s.vbe_mode(640, 480, 8);
         s.vbe(4, 0x61);
         for (unsigned i = 0; i < 256; ++i)
             s.colour(static_cast<u8>(i), static_cast<u8>(i), static_cast<u8>(255 - i), static_cast<u8>(i * 3));
         auto vram = s.vga.vram();
         Scene::figure(640, 480, 256, [&](u32 x, u32 y, u32 v) { vram[y * 640 + x] = static_cast<u8>(v); });
     },
     "28cc8052f216be03"},
    {"vbe_640x480x15",
     [](Scene& s) {
         s.start(kMode13);
         s.packed(640, 480, 15);
     },
     "7a744fe8f92b3fb5"},
    {"vbe_800x600x16",
     [](Scene& s) {
         s.start(kMode13);
         s.packed(800, 600, 16);
     },
     "cebd0cc9ae1e4624"},
    {"vbe_1024x768x24",
     [](Scene& s) {
         s.start(kMode13);
         s.packed(1024, 768, 24);
     },
     "6d521d6c17180121"},
    {"vbe_1024x768x32_offset",
     [](Scene& s) {
         s.start(kMode13);
         s.packed(1024, 768, 32);
         s.vbe(6, 1280);
         s.vbe(8, 40);
         s.vbe(9, 20);
     },
     "a740277903d6a109"},
    {"vbe_1920x1200x32",
     [](Scene& s) {
         s.start(kMode13);
         s.packed(1920, 1200, 32);
     },
     "b05301d276e2b5e3"},
};

std::string hash_of(const Picture& picture) {
    Sha256 hash;
    hash.update_u64(u64{picture.width} << 32 | picture.height);
    for (const u32 pixel : picture.pixels) hash.update_u64(pixel);
    return Sha256::hex(hash.finish()).substr(0, 16);
}

void show(const Picture& picture, const std::string& name) {
    const char* directory = std::getenv("R86_PICTURES");
    if (!directory) return;
    std::ofstream file(std::string(directory) + "/" + name + ".ppm", std::ios::binary);
    file << "P6 " << picture.width << " " << picture.height << " 255\n";
    for (const u32 pixel : picture.pixels)
        for (const int shift : {16, 8, 0}) file.put(static_cast<char>(pixel >> shift));
}

} // namespace

TEST_CASE("vga pictures: every kind of mode looks as it did when somebody looked at it") {
    for (const Reference& reference : kReferences) {
        Scene scene;
        reference.draw(scene);
        const Picture picture = scene.vga.render(VgaBlink::Live);
        show(picture, reference.name);
        INFO(reference.name);
        CHECK(hash_of(picture) == reference.hash);
    }
}
