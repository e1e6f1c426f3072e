#pragma once
/// `rewind86 image create|info|convert|check|commit`: work on image files without a machine.

namespace r86 {

/// `argv[0]` is skipped ("image"). Results go to stdout, progress and errors to stderr.
/// Exit status: 0 done; 1 wrong use or a host error; of `check` also 2 the image is damaged, 3 it only has leaks.
int image_command(int argc, char** argv);

} // namespace r86
