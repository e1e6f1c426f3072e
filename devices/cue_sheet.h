#pragma once
/// Cue sheets: text that says which files hold the tracks of a CD.
/// Source: CDRWIN User's Guide 3.8, appendix A "Cue sheet commands"; WAVE as all later programs understand it.
/// Titles, catalogue numbers and flags are read over. NOT IMPLEMENTED: CD+G and CD-i tracks, AIFF and MP3 files.
#include "core/types.h"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace r86 {

struct CueFile {
    enum class Type : u8 {
        Binary,   ///< sectors as they lie on the disc
        Motorola, ///< the same, audio samples in big-endian order
        Wave,
    };
    std::string name;
    Type type = Type::Binary;
};

struct CueTrack {
    enum class Type : u8 { Audio, Mode1, Mode1Raw, Mode2, Mode2Raw };
    u8 number = 1;
    Type type = Type::Audio;
    usize file = 0;            ///< the place of its file in the sheet
    u32 pregap = 0;            ///< sectors of silence before it that no file holds
    u32 postgap = 0;           ///< the same behind it
    std::optional<u32> index0; ///< sectors from the beginning of the file
    std::optional<u32> index1; ///< always there in a sheet that was parsed
};

struct CueSheet {
    std::vector<CueFile> files;
    std::vector<CueTrack> tracks; ///< at least one; numbers rise by one, indices rise in each file
};

/// Throws UserError, which names the sheet and the line.
CueSheet parse_cue_sheet(std::string_view text, const std::string& name);

} // namespace r86
