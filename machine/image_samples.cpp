#include "machine/image_samples.h"
#include "core/error.h"
#include "machine/ram_hash.h"

namespace r86 {

namespace {

constexpr u64 kSamples = 64;

/// False: the host cannot read it.
bool hash_of(BlockImage& image, u64 cluster, u64& hash) {
    std::vector<u8> content;
    if (!image.read_cluster(cluster, content)) return false;
    hash = hash_cluster(0, cluster, content).low;
    return true;
}

} // namespace

ImageSamples take_samples(BlockImage& image) {
    const u64 clusters = (image.size() + BlockImage::kClusterBytes - 1) / BlockImage::kClusterBytes;
    const u64 count = clusters < kSamples ? clusters : kSamples;
    ImageSamples samples;
    for (u64 i = 0; i < count; ++i) {
        ImageSample one{i * clusters / count, 0};
        if (!image.changed_clusters().count(one.cluster) && hash_of(image, one.cluster, one.hash))
            samples.push_back(one);
    }
    return samples;
}

bool fits_samples(BlockImage& image, const ImageSamples& samples) {
    for (const ImageSample& one : samples) {
        u64 hash = 0;
        if (image.changed_clusters().count(one.cluster)) continue;
        if (!hash_of(image, one.cluster, hash) || hash != one.hash) return false;
    }
    return true;
}

void visit_samples(StateVisitor& visitor, ImageSamples& samples) {
    u64 count = samples.size();
    visitor.field("samples", count);
    if (count > kSamples) throw UserError("The saved state does not fit this machine: it differs at 'samples'.");
    samples.resize(static_cast<usize>(count));
    for (ImageSample& one : samples) {
        visitor.field("sample_cluster", one.cluster);
        visitor.field("sample_hash", one.hash);
    }
}

} // namespace r86
