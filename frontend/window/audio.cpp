/// Sound through SDL: the PC speaker and the CD drive, mixed at the rate that both have; SDL converts for the device.
#include "frontend/window/sample_ring.h"
#include "frontend/window/window.h"
#include <SDL.h>
#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

namespace r86 {

namespace {

/// ALSA without a sound card complains at length on standard error when it is asked to open one.
bool nothing_to_play_on() {
    const char* driver = SDL_GetCurrentAudioDriver();
    std::error_code ignored;
    return driver && std::strcmp(driver, "alsa") == 0 && !std::filesystem::exists("/dev/snd", ignored);
}

class SdlAudio final : public AudioSink {
public:
    static constexpr u32 kHz = 44100;

    SdlAudio() {
        if (SDL_InitSubSystem(SDL_INIT_AUDIO) != 0) return;
        initialised_ = true;
        if (nothing_to_play_on()) return;
        SDL_AudioSpec wanted{};
        wanted.freq = kHz;
        wanted.format = AUDIO_S16SYS;
        wanted.channels = kChannels;
        wanted.samples = 1024;
        wanted.userdata = this;
        wanted.callback = [](void* self, Uint8* bytes, int length) {
            static_cast<SdlAudio*>(self)->mix(
                {reinterpret_cast<i16*>(bytes), static_cast<usize>(length) / sizeof(i16)});
        };
        device_ = SDL_OpenAudioDevice(nullptr, 0, &wanted, nullptr, 0);
    }
    ~SdlAudio() override {
        if (device_) SDL_CloseAudioDevice(device_);
        if (initialised_) SDL_QuitSubSystem(SDL_INIT_AUDIO);
    }
    SdlAudio(const SdlAudio&) = delete;
    SdlAudio& operator=(const SdlAudio&) = delete;

    void samples(AudioSource source, std::span<const i16> frames, unsigned channels, u32 hz) override {
        if (device_ == 0 || hz != kHz) return;
        if (source == AudioSource::Speaker && channels == 1)
            speaker_.put(frames);
        else if (source == AudioSource::Cd && channels == kChannels)
            cd_.put(frames);
        else
            return;
        // A device that plays nothing costs nothing: it starts with the first sound.
        if (!started_) SDL_PauseAudioDevice(device_, 0);
        started_ = true;
    }

private:
    static constexpr u8 kChannels = 2;

    /// On the host's audio thread.
    void mix(std::span<i16> out) {
        cd_.take(out);
        std::array<i16, 256> mono;
        for (usize at = 0; at < out.size();) {
            const usize frames = std::min(mono.size(), (out.size() - at) / kChannels);
            speaker_.take(std::span(mono).first(frames));
            for (usize i = 0; i < frames * kChannels; ++i)
                out[at + i] = static_cast<i16>(std::clamp(out[at + i] + mono[i / kChannels], -32768, 32767));
            at += frames * kChannels;
        }
    }

    SampleRing<1> speaker_;
    SampleRing<kChannels> cd_;
    SDL_AudioDeviceID device_ = 0;
    bool initialised_ = false;
    bool started_ = false;
};

} // namespace

std::unique_ptr<AudioSink> open_audio() { return std::make_unique<SdlAudio>(); }

} // namespace r86
