#pragma once
/// A machine's state as a file of `savestate`: a header, then sections with name, version and checksum, each packed by
/// itself. Numbers are little-endian.
///
///   header    magic, version (8), number of sections (8), bytes of all sections (8)
///   section   length of the name (1), size (4), stored size (4), CRC-32 of the rest (4); version (4), name, content
///
/// There is a part for the clock, the processor, each chip (`pit`), what is in the drives (`machine`), the changes of
/// each image (`disk0`, `medium1`), and pages of `ram` and `video_memory`, each behind its number (4). Pages of zeros
/// are not stored. A part that is longer than a section goes on in the next one of its name.
#include "machine/fresh_machine.h"
#include <memory>

namespace r86 {

inline constexpr u64 kStateFileVersion = 4;

/// The file's content.
std::vector<u8> pack_state(Machine& machine);
/// `subject` begins the sentences of errors. Throws UserError, naming the part and the field, if it is no state,
/// damaged, or another machine's; the machine then stays as it was.
void unpack_state(Machine& machine, std::span<const u8> file, const std::string& subject,
                  ImageCheck check = ImageCheck::Samples);
/// The first half of that: the state in a machine beside the living one.
std::unique_ptr<FreshMachine> unpack_beside(Machine& machine, std::span<const u8> file, const std::string& subject);

} // namespace r86
