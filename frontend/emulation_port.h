#pragma once
/// What a window or a terminal display sees of a running session. The guest runs on another thread than the display;
/// everything here may be called from any thread and none of it waits for the guest.
#include "core/host_endpoints.h"
#include "frontend/travel.h"
#include "machine/input.h"
#include <optional>
#include <string>
#include <vector>

namespace r86 {

struct SessionStatus {
    double mips = 0;          ///< instructions per host microsecond over the last half second, halts not counted
    double speed_percent = 0; ///< virtual time against the wall clock over the last half second
    Tick tick = 0;
    u64 virtual_ns = 0;
    bool paused = false;
    bool ended = false;
    std::string end_reason; ///< a sentence, once `ended`
    // Lights: lit since the last call of status().
    bool floppy_active = false;
    bool disk_active = false;
    bool cdrom_active = false;
    // Keyboard LEDs as the guest has set them.
    bool num_lock = false;
    bool caps_lock = false;
    bool scroll_lock = false;
    struct Drive {
        std::string name;   ///< "floppy0", "cdrom0" ...
        std::string medium; ///< file name, empty: no medium
        bool removable = false;
    };
    std::vector<Drive> drives;
    HistoryStatus history;
};

class EmulationPort {
public:
    virtual ~EmulationPort() = default;
    /// Applied at the end of the current slice.
    virtual void send(HostInput input) = 0;
    /// Text typed as keystrokes on a US keyboard, as fast as the guest takes them. UTF-8; what has no key is left out.
    virtual void type(std::string text) = 0;
    /// Keys that are pressed together and released in the opposite order, after what is still to be typed.
    virtual void press(std::vector<KeyCode> chord) = 0;
    /// Opens the file and inserts it; an empty path ejects. A failure comes back through take_message().
    virtual void change_medium(std::string drive, std::string path) = 0;
    /// Going on in the past shows again what happened there, up to the present.
    virtual void set_paused(bool paused) = 0;
    /// Through history; a newer order takes the place of one that is still on its way.
    virtual void travel(TravelOrder order) = 0;
    /// Of everything so far. Whether it worked comes back through take_message().
    virtual void save_recording(std::string path) = 0;
    /// Pacing against the wall clock, in percent of real time; 0: as fast as the host can.
    virtual void set_speed(unsigned percent) = 0;
    /// The newest finished frame; false if it is the one that was taken last. `out` is reused.
    virtual bool take_frame(Picture& out) = 0;
    virtual SessionStatus status() = 0;
    /// Something the user should read now: an error, a hint.
    virtual std::optional<std::string> take_message() = 0;
    /// Ends the session; images are flushed. The display goes on until status().ended.
    virtual void quit() = 0;
};

} // namespace r86
