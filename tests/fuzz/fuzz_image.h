#pragma once
/// The body of the image fuzz targets: the input is the file; it is opened, read, written, flushed and opened again.
#include "tests/devices/image_fixture.h"
#include "tests/fuzz/fuzz.h"

namespace r86 {

using OpenFormat = std::unique_ptr<BlockImage> (*)(std::unique_ptr<HostFile>, bool, ImageNeighbours&);

inline void fuzz_image(OpenFormat open, const u8* data, usize size) {
    if (size > 1 << 20) return;
    auto disk = std::make_shared<MemoryDisk>();
    disk->content.assign(data, data + size);
    MemoryNeighbours neighbours;
    neighbours.parent = [] { return make_memory_image(std::vector<u8>(8192, 0x5A), true, "parent"); };
    neighbours.extents["part"] = std::make_shared<MemoryDisk>();
    neighbours.extents["part"]->content.resize(4096);
    for (const bool writable : {false, true}) {
        try {
            auto image = open(memory_file(disk), writable, neighbours);
            ImageFacts facts;
            image->describe(facts);
            std::vector<u8> buffer(3000);
            const u64 end = image->size();
            for (const u64 at : {u64{0}, u64{512}, u64{65536}, end / 2, end > 4096 ? end - 4096 : 0}) {
                const auto piece = std::span(buffer).first(at < end ? std::min<u64>(buffer.size(), end - at) : 0);
                static_cast<void>(image->read(at, piece));
                static_cast<void>(image->holds(at, piece.size()));
                if (!image->write(at, piece)) continue;
                std::vector<u8> again(piece.size());
                if (image->read(at, again) && !std::equal(again.begin(), again.end(), piece.begin())) std::abort();
            }
            static_cast<void>(image->flush());
        } catch (const UserError&) {
        }
    }
}

} // namespace r86
