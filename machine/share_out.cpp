#include "machine/share_out.h"
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace r86 {

namespace {
constexpr usize kMostThreads = 4;
} // namespace

void share_out(usize count, const std::function<void(usize)>& work) {
    std::atomic<usize> next = 0;
    const auto run = [&] {
        for (usize i = next++; i < count; i = next++) work(i);
    };
    std::vector<std::thread> others;
    const usize threads = std::min<usize>({count, kMostThreads, std::max(1u, std::thread::hardware_concurrency())});
    for (usize i = 1; i < threads; ++i) others.emplace_back(run);
    run();
    for (std::thread& other : others) other.join();
}

} // namespace r86
