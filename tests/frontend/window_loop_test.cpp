/// What a user does with the window, as SDL tells it, and what the session is then asked to do. SDL's dummy driver: no
/// display is needed.
#include "frontend/window/window_loop.h"
#include "tests/catch.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <unistd.h>

using namespace r86;

namespace {

/// A session that notes what it is asked, and a user who acts whenever the window looks at it.
class FakeSession final : public EmulationPort {
public:
    std::vector<std::function<void()>> user; ///< one step a look, then the window is closed
    std::vector<std::string> asked;

    void send(HostInput input) override {
        if (std::holds_alternative<input::PowerButton>(input)) asked.push_back("power");
        if (std::holds_alternative<input::Reset>(input)) asked.push_back("reset");
        if (const auto* key = std::get_if<input::Key>(&input))
            asked.push_back((key->down ? "down " : "up ") + std::to_string(static_cast<int>(key->key)));
    }
    void type(std::string text) override { asked.push_back("type " + text); }
    void press(std::vector<KeyCode> chord) override { asked.push_back("press " + std::to_string(chord.size())); }
    void change_medium(std::string drive, std::string path) override { asked.push_back(drive + " " + path); }
    void set_paused(bool paused) override {
        asked.push_back(paused ? "pause" : "go on");
        paused_ = paused;
    }
    void travel(TravelOrder) override { asked.push_back("travel"); }
    void set_speed(unsigned percent) override { asked.push_back("speed " + std::to_string(percent)); }
    bool take_frame(Picture& out) override {
        out = {720, 400, std::vector<u32>(720 * 400, ++frames_)};
        return true;
    }
    SessionStatus status() override {
        SessionStatus status;
        status.paused = paused_;
        status.drives = {{"floppy0", "", true}, {"cdrom0", "", true}};
        status.ended = ended_;
        if (next_ < user.size())
            user[next_++]();
        else if (!ended_)
            push(SDL_QUIT);
        return status;
    }
    std::optional<std::string> take_message() override { return std::nullopt; }
    void save_recording(std::string path) override { asked.push_back("record to *" + path.substr(path.size() - 4)); }
    void quit() override {
        asked.push_back("quit");
        ended_ = true;
    }

    static void push(Uint32 type) {
        SDL_Event event{};
        event.type = type;
        SDL_PushEvent(&event);
    }
    static void key(SDL_Scancode scancode, bool down) {
        SDL_Event event{};
        event.type = down ? SDL_KEYDOWN : SDL_KEYUP;
        event.key.state = down ? SDL_PRESSED : SDL_RELEASED;
        event.key.keysym.scancode = scancode;
        event.key.keysym.sym = SDL_GetKeyFromScancode(scancode);
        SDL_PushEvent(&event);
    }
    static void drop(const std::filesystem::path& path) {
        SDL_Event event{};
        event.type = SDL_DROPFILE;
        event.drop.file = SDL_strdup(path.c_str());
        SDL_PushEvent(&event);
    }

private:
    usize next_ = 0;
    u32 frames_ = 0;
    bool paused_ = false;
    bool ended_ = false;
};

/// The window with a session behind it until the user has done all and closed it.
std::vector<std::string> asked_of_session(std::vector<std::function<void()>> user) {
    ::setenv("SDL_VIDEODRIVER", "dummy", 1);
    REQUIRE(SDL_InitSubSystem(SDL_INIT_VIDEO) == 0);
    FakeSession session;
    session.user = std::move(user);
    WindowLoop(session, {}).run();
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    return session.asked;
}

void with_host_key(SDL_Scancode scancode) {
    FakeSession::key(SDL_SCANCODE_RCTRL, true);
    FakeSession::key(scancode, true);
    FakeSession::key(scancode, false);
    FakeSession::key(SDL_SCANCODE_RCTRL, false);
}

using Asked = std::vector<std::string>;

} // namespace

TEST_CASE("window: closing it ends the session, once") {
    CHECK(asked_of_session({[] {
              FakeSession::push(SDL_QUIT);
              FakeSession::push(SDL_QUIT);
          }}) == Asked{"quit"});
}

TEST_CASE("window: the buttons of the case") {
    CHECK(asked_of_session({[] { with_host_key(SDL_SCANCODE_B); }}) == Asked{"power", "quit"});
    CHECK(asked_of_session({[] { with_host_key(SDL_SCANCODE_R); }}) == Asked{"reset", "quit"});
    CHECK(asked_of_session({[] { with_host_key(SDL_SCANCODE_W); }}) == Asked{"record to *.r86", "quit"});
    CHECK(asked_of_session({[] { with_host_key(SDL_SCANCODE_P); }, [] { with_host_key(SDL_SCANCODE_P); }}) ==
          Asked{"pause", "go on", "quit"});
}

TEST_CASE("window: a dropped floppy or CD goes into a drive, anything else nowhere") {
    const auto folder = std::filesystem::temp_directory_path() / ("rewind86-drop-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const auto floppy = folder / "dos.img", cd = folder / "tools.iso";
    std::ofstream(floppy).close();
    std::filesystem::resize_file(floppy, 1440 * 1024);
    std::ofstream(cd).seekp(0x8001) << "CD001";
    CHECK(asked_of_session({[&] { FakeSession::drop(floppy); }, [&] { FakeSession::drop(cd); },
                            [&] { FakeSession::drop(folder); }, [&] { FakeSession::drop(folder / "absent"); }}) ==
          Asked{"floppy0 " + floppy.string(), "cdrom0 " + cd.string(), "quit"});
    std::filesystem::remove_all(folder);
}
