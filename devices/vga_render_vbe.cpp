/// Pictures of the Bochs VBE modes: packed pixels of 8 to 32 bits, or four planes of a 16-colour mode.
#include "devices/vga_render.h"
#include <cstring>

namespace r86 {

namespace {

constexpr u32 widen5(u32 value) { return value << 3 | value >> 2; }
constexpr u32 widen6(u32 value) { return value << 2 | value >> 4; }

constexpr u32 from_555(u32 pixel) {
    return widen5((pixel >> 10) & 31) << 16 | widen5((pixel >> 5) & 31) << 8 | widen5(pixel & 31);
}
constexpr u32 from_565(u32 pixel) {
    return widen5((pixel >> 11) & 31) << 16 | widen6((pixel >> 5) & 63) << 8 | widen5(pixel & 31);
}
static_assert(from_555(0x7FFF) == 0xFFFFFF && from_565(0xF800) == 0xFF0000);

void draw_packed(const VgaColours& colours, u32 depth, const u8* in, u32 width, u32* out) {
    const auto word = [in](u32 x) { return static_cast<u32>(in[x * 2] | in[x * 2 + 1] << 8); };
    switch (depth) {
    case 15:
        for (u32 x = 0; x < width; ++x) out[x] = from_555(word(x));
        break;
    case 16:
        for (u32 x = 0; x < width; ++x) out[x] = from_565(word(x));
        break;
    case 24:
        for (u32 x = 0; x < width; ++x, in += 3) out[x] = static_cast<u32>(in[0] | in[1] << 8 | in[2] << 16);
        break;
    case 32:
        std::memcpy(out, in, usize{width} * 4);
        for (u32 x = 0; x < width; ++x) out[x] &= 0x00FFFFFF;
        break;
    default:
        for (u32 x = 0; x < width; ++x) out[x] = colours.of8(in[x]);
        break;
    }
}

} // namespace

void render_vbe(const VgaView& view, Picture& picture) {
    const BochsVbe& vbe = view.vbe;
    const VgaColours colours(view.registers, vbe.dac_8bit());
    const u32 depth = vbe.depth();
    const u32 width = picture.width;
    for (u32 y = 0; y < picture.height; ++y) {
        u32* out = picture.pixels.data() + usize{y} * width;
        const u64 first_line = u64{vbe.y_offset() + y} * vbe.pitch();
        if (depth == 4) {
            for (u32 x = 0; x < width; ++x) {
                const u32 pixel = vbe.x_offset() + x;
                const usize cell = (first_line + pixel / 8) * 4 % view.vram.size();
                unsigned colour = 0;
                for (unsigned plane = 0; plane < 4; ++plane)
                    colour |= ((view.vram[cell + plane] >> (7 - pixel % 8)) & 1u) << plane;
                out[x] = colours.of4(colour);
            }
            continue;
        }
        const u32 bytes = depth == 15 ? 2 : depth / 8;
        const u64 start = first_line + u64{vbe.x_offset()} * bytes;
        // Offsets are the guest's; what they move beyond the end of memory is black.
        if (start + u64{width} * bytes > view.vram.size())
            std::memset(out, 0, usize{width} * sizeof(u32));
        else
            draw_packed(colours, depth, view.vram.data() + start, width, out);
    }
}

} // namespace r86
