#pragma once
/// Writes a picture as PNG (ISO/IEC 15948): 8 bits a channel, RGB, no interlace.
#include "core/host_endpoints.h"
#include <string>

namespace r86 {

std::vector<u8> encode_png(const Picture& picture);
/// Throws UserError if the file cannot be written.
void write_png(const std::string& path, const Picture& picture);

} // namespace r86
