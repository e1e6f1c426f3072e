#include "machine/content_store.h"
#include "core/error.h"
#include "machine/pack.h"
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

namespace r86 {

namespace {
constexpr u64 kOverhead = 96; // of a Version on the heap, about

bool all_zero(std::span<const u8> content) {
    return content.empty() ||
           (content[0] == 0 && std::memcmp(content.data(), content.data() + 1, content.size() - 1) == 0);
}
} // namespace

struct ContentStore::Worker {
    mutable std::mutex mutex; // guards form_ and bytes_ of every version, and what stands below
    std::condition_variable wake;
    std::condition_variable idle;
    std::deque<std::weak_ptr<Version>> raw; // oldest first
    std::deque<std::weak_ptr<Version>> to_pack;
    u64 to_pack_bytes = 0;
    bool busy = false;
    bool quit = false;
    std::atomic<u64> bytes{0};
    std::atomic<u64> raw_bytes{0};
    std::thread thread;

    void run();
};

void ContentStore::Worker::run() {
    Packer packer;
    std::vector<u8> packed;
    std::unique_lock lock(mutex);
    for (;;) {
        if (to_pack.empty()) {
            busy = false;
            to_pack_bytes = 0;
            idle.notify_all();
            wake.wait(lock, [this] { return quit || !to_pack.empty(); });
        }
        if (quit) return;
        busy = true;
        VersionRef version = to_pack.front().lock();
        to_pack.pop_front();
        if (!version) continue;
        to_pack_bytes -= std::min<u64>(to_pack_bytes, version->size_);
        // Raw bytes never change and only this thread replaces them, so they can be read without the lock.
        lock.unlock();
        const bool smaller = packer.pack(version->bytes_, packed);
        lock.lock();
        if (smaller) {
            raw_bytes -= version->size_;
            bytes -= version->size_ - packed.size();
            version->bytes_.assign(packed.begin(), packed.end());
            version->bytes_.shrink_to_fit();
            version->form_ = Version::Form::Packed;
        }
        lock.unlock();
        version.reset(); // its end may want the counters, never the lock
        lock.lock();
    }
}

ContentStore::ContentStore() : worker_(std::make_unique<Worker>()) {}

ContentStore::~ContentStore() {
    {
        std::lock_guard lock(worker_->mutex);
        worker_->quit = true;
    }
    worker_->wake.notify_all();
    if (worker_->thread.joinable()) worker_->thread.join();
}

Version::~Version() {
    if (form_ == Form::Live) return;
    store_.worker_->bytes -= bytes_.size() + kOverhead;
    if (form_ == Form::Raw) store_.worker_->raw_bytes -= size_;
}

void ContentStore::keep(const VersionRef& version, std::span<const u8> content) {
    R86_ASSERT(version->live());
    version->size_ = static_cast<u32>(content.size());
    worker_->bytes += kOverhead;
    if (all_zero(content)) {
        version->form_ = Version::Form::Zero;
        return;
    }
    version->bytes_.assign(content.begin(), content.end());
    worker_->bytes += content.size();
    worker_->raw_bytes += content.size();
    std::lock_guard lock(worker_->mutex);
    version->form_ = Version::Form::Raw;
    worker_->raw.push_back(version);
}

void ContentStore::read(const Version& version, std::span<u8> out) const {
    R86_ASSERT(!version.live() && out.size() == version.size_);
    std::lock_guard lock(worker_->mutex);
    switch (version.form_) {
    case Version::Form::Zero: std::fill(out.begin(), out.end(), u8{0}); return;
    case Version::Form::Raw: std::copy(version.bytes_.begin(), version.bytes_.end(), out.begin()); return;
    default: R86_ASSERT(unpack(version.bytes_, out));
    }
}

std::vector<u8> ContentStore::read(const Version& version) const {
    std::vector<u8> out(version.size_);
    read(version, out);
    return out;
}

u64 ContentStore::bytes() const { return worker_->bytes; }
u64 ContentStore::raw_bytes() const { return worker_->raw_bytes; }

void ContentStore::pack_down_to(u64 raw_limit) {
    if (worker_->raw_bytes <= raw_limit) return;
    std::lock_guard lock(worker_->mutex);
    while (!worker_->raw.empty() && worker_->raw_bytes > raw_limit + worker_->to_pack_bytes) {
        // What nobody wants any more costs nothing: many old contents die when checkpoints become sparser.
        if (const VersionRef version = worker_->raw.front().lock()) {
            worker_->to_pack.push_back(version);
            worker_->to_pack_bytes += version->size_;
        }
        worker_->raw.pop_front();
    }
    if (worker_->to_pack.empty()) return;
    if (!worker_->thread.joinable()) worker_->thread = std::thread([worker = worker_.get()] { worker->run(); });
    worker_->wake.notify_one();
}

void ContentStore::settle() {
    std::unique_lock lock(worker_->mutex);
    if (!worker_->thread.joinable()) return;
    worker_->idle.wait(lock, [this] { return worker_->to_pack.empty() && !worker_->busy; });
}

} // namespace r86
