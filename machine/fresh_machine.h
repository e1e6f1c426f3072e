#pragma once
/// A machine beside the one that lives, of the same configuration, into which a saved state goes first. Only when
/// everything was taken does the living one go on from there.
///
/// Windows, lines and the history know the living machine by its address, so what is swapped in is the whole state:
/// processor, chips, memories and the contents of images.
#include "machine/machine.h"
#include <memory>
#include <string>
#include <vector>

namespace r86 {

/// Whether samples tell an image that held something else when the state was made, or somebody else vouches for it.
enum class ImageCheck : u8 { Samples, None };

class FreshMachine {
public:
    /// Its images are as large as those of `live` and hold nothing.
    explicit FreshMachine(Machine& live);
    FreshMachine(const FreshMachine&) = delete;
    FreshMachine& operator=(const FreshMachine&) = delete;

    Machine& machine() { return *machine_; }
    /// The living machine takes over the state; its history begins anew. Throws UserError if an image cannot be set:
    /// its file cannot be written, or what it held before the session is not known any more. Then nothing has changed.
    void swap_in(ImageCheck check = ImageCheck::Samples);

private:
    /// What an image held before this went to another state.
    struct Replaced {
        BlockImage* image = nullptr;
        u64 cluster = 0;
        bool changed = false;
        std::vector<u8> content;
    };
    void swap_images(ImageCheck check);
    void set_image(u32 number, BlockImage& image, BlockImage& wanted, std::vector<Replaced>& replaced);

    Machine& live_;
    std::unique_ptr<Machine> machine_;
};

} // namespace r86
