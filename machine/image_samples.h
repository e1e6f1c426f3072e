#pragma once
/// What an image holds, looked at here and there: enough to tell another image, or one that was written on, from the
/// one with which a state was made, without reading all of it.
#include "core/state_visitor.h"
#include "devices/block_image.h"
#include <vector>

namespace r86 {

struct ImageSample {
    u64 cluster = 0;
    u64 hash = 0;
};
using ImageSamples = std::vector<ImageSample>;

/// Of clusters that have not changed since the start, evenly spaced.
ImageSamples take_samples(BlockImage& image);
/// Clusters that have changed here are not compared.
bool fits_samples(BlockImage& image, const ImageSamples& samples);
void visit_samples(StateVisitor& visitor, ImageSamples& samples);

} // namespace r86
