#pragma once
/// Pictures as PNG files (W3C "Portable Network Graphics", second edition): 8-bit truecolour, one IDAT chunk.
#include "core/host_endpoints.h"
#include <string>
#include <vector>

namespace r86 {

std::vector<u8> encode_png(const Picture& picture);
/// Throws UserError if the file cannot be written.
void write_png(const std::string& path, const Picture& picture);

} // namespace r86
