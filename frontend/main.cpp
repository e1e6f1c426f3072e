/// rewind86: the program.
#include "core/error.h"
#include "frontend/cli/options.h"
#include "frontend/image_command.h"
#include "frontend/program.h"
#include "frontend/replay.h"
#include "frontend/results.h"
#include <cstdio>
#include <string_view>

using namespace r86;

namespace {

int run(int argc, char** argv) {
    const std::string_view first = argc > 1 ? argv[1] : "";
    if (first == "image") return image_command(argc - 1, argv + 1);
    if (first == "replay") return replay_command(argc - 1, argv + 1);
    const ParsedCommandLine parsed = parse_command_line(argc, argv);
    return parsed.run ? run_program(parsed.options) : parsed.status;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        Results::message(error.what());
        std::fprintf(stderr, "exit: error\n");
        return kExitError;
    }
}
