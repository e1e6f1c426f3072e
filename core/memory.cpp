#include "core/memory.h"
#include "core/error.h"
#include "core/host_memory.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {
constexpr u64 kPages = PhysicalMemory::kAddressSpace >> kPageShift;

// Fixed sizes, so that the compiler makes one move of each. Hosts are little-endian.
u64 load_little_endian(const u8* from, unsigned size) {
    const auto load = [&]<class T>(T value) -> u64 {
        std::memcpy(&value, from, sizeof(T));
        return value;
    };
    return size == 4 ? load(u32{}) : size == 1 ? load(u8{}) : size == 2 ? load(u16{}) : load(u64{});
}

void store_little_endian(u8* to, unsigned size, u64 value) {
    const auto store = [&]<class T>(T narrow) { std::memcpy(to, &narrow, sizeof(T)); };
    if (size == 4)
        store(static_cast<u32>(value));
    else if (size == 1)
        store(static_cast<u8>(value));
    else if (size == 2)
        store(static_cast<u16>(value));
    else
        store(value);
}
} // namespace

PhysicalMemory::PhysicalMemory(u64 ram_bytes, Log& log) : log_(log), ram_size_(ram_bytes) {
    R86_ASSERT(ram_bytes % kPageSize == 0 && ram_bytes <= kMaxRam);
    ram_ = static_cast<u8*>(host_allocate_ram(std::max(ram_size_, kPageSize)));
    pages_ = static_cast<Page*>(host_allocate(kPages * sizeof(Page)));
    regions_.resize(1);
    map_default({0}, ram_size_);
}

PhysicalMemory::~PhysicalMemory() {
    host_release(ram_, std::max(ram_size_, kPageSize));
    host_release(pages_, kPages * sizeof(Page));
}

u16 PhysicalMemory::region_for(const Mapping& mapping, u64 first) {
    for (usize i = 1; i < regions_.size(); ++i) {
        const Region& region = regions_[i];
        if (region.handler == mapping.handler && region.base == first && region.handler_base == mapping.handler_base)
            return static_cast<u16>(i);
    }
    // A guest that moves its BARs for ever must not fill the table: reuse regions that no page refers to any more.
    if (regions_.size() == 0xFFF0) {
        std::vector<bool> used(regions_.size());
        for (u64 i = 0; i < kPages; ++i) used[pages_[i].read_region] = used[pages_[i].write_region] = true;
        used[under_overlay_.read_region] = used[under_overlay_.write_region] = true;
        for (usize i = 1; i < regions_.size(); ++i) {
            if (used[i]) continue;
            regions_[i] = {mapping.handler, first, mapping.handler_base};
            return static_cast<u16>(i);
        }
        return 0;
    }
    regions_.push_back({mapping.handler, first, mapping.handler_base});
    return static_cast<u16>(regions_.size() - 1);
}

void PhysicalMemory::map(PhysAddr first, u64 size, const Mapping& read, const Mapping& write) {
    R86_ASSERT(first.value % kPageSize == 0 && size % kPageSize == 0);
    if (size == 0 || first.value >= kAddressSpace) return;
    const u64 end = std::min(first.value + size, kAddressSpace);
    if (observer_) observer_->mapping_changed(first, {end - 1});
    const u16 read_region = read.target == Target::Mmio ? region_for(read, first.value) : u16{0};
    const u16 write_region = write.target == Target::Mmio ? region_for(write, first.value) : u16{0};
    const auto host = [&](const Mapping& mapping, u64 address) -> u8* {
        if (mapping.target == Target::Ram) return address < ram_size_ ? ram_ + address : nullptr;
        if (mapping.target == Target::Rom || mapping.target == Target::HostRam)
            return mapping.host + (address - first.value);
        return nullptr;
    };
    for (u64 address = first.value; address < end; address += kPageSize) {
        Page& page = overlaid_ && address == overlay_.value ? under_overlay_ : pages_[address >> kPageShift];
        page.read = host(read, address);
        page.write = write.target == Target::Rom ? nullptr : host(write, address);
        page.read_region = read_region;
        page.write_region = write_region;
        // A chip's memory may have been clean where it stood before; a page too many under watch does no harm.
        if (touch_hook_ && write.target == Target::HostRam) page.watch |= kWatchTouch;
    }
    if (write.target == Target::HostRam) {
        const auto same = [&](const HostMapping& known) { return known.host == write.host; };
        host_mappings_.erase(std::remove_if(host_mappings_.begin(), host_mappings_.end(), same), host_mappings_.end());
        host_mappings_.push_back({write.host, end - first.value, first.value});
    }
}

void PhysicalMemory::track_writes(TouchHook hook) {
    touch_hook_ = std::move(hook);
    if (!touch_hook_)
        for (u64 i = 0; i < kPages; ++i) pages_[i].watch &= static_cast<u8>(~kWatchTouch);
}

Page* PhysicalMemory::page_of(const u8* host_page) {
    if (host_page >= ram_ && host_page < ram_ + ram_size_)
        return &pages_[static_cast<u64>(host_page - ram_) >> kPageShift];
    for (const HostMapping& mapping : host_mappings_)
        if (host_page >= mapping.host && host_page < mapping.host + mapping.size)
            return &pages_[(mapping.first + static_cast<u64>(host_page - mapping.host)) >> kPageShift];
    return nullptr;
}

void PhysicalMemory::mark_clean(const u8* host_page) {
    if (Page* page = page_of(host_page)) page->watch |= kWatchTouch;
}

void PhysicalMemory::notice_write(PhysAddr address, unsigned length) {
    Page& page = pages_[address.value >> kPageShift];
    if (page.watch & kWatchTouch) touch(page);
    if (page.watch && observer_) observer_->before_write(address, length);
}

void PhysicalMemory::restore_page(u8* host_page, const u8* content) {
    const Page* page = page_of(host_page);
    if (page && page->watch && observer_)
        observer_->before_write({static_cast<u64>(page - pages_) << kPageShift}, kPageSize);
    std::memcpy(host_page, content, kPageSize);
}

void PhysicalMemory::map_default(PhysAddr first, u64 size) {
    const u64 ram_end = std::clamp(ram_size_, first.value, first.value + size);
    if (ram_end > first.value) map(first, ram_end - first.value, {Target::Ram, nullptr, nullptr, 0});
    if (ram_end < first.value + size) map({ram_end}, first.value + size - ram_end, {});
}

void PhysicalMemory::content_changed(PhysAddr first, u64 size) {
    if (!observer_) return;
    for (u64 address = first.value; address < first.value + size; address += kPageSize)
        if (page({address}).watch & kWatchCode) observer_->before_write({address}, static_cast<unsigned>(kPageSize));
}

void PhysicalMemory::set_overlay(PhysAddr at, MmioHandler* handler) {
    const auto tell = [this](PhysAddr first) {
        if (observer_) observer_->mapping_changed(first, {first.value + kPageSize - 1});
    };
    if (overlaid_) {
        Page& hidden = page(overlay_);
        // Whoever began to watch the page meanwhile still wants to know.
        const u8 watch = under_overlay_.watch | hidden.watch;
        tell(overlay_);
        hidden = under_overlay_;
        hidden.watch = watch;
        overlaid_ = false;
    }
    if (!handler || !exists(at)) return;
    tell(at);
    const u16 region = region_for({Target::Mmio, nullptr, handler, 0}, at.value);
    overlaid_ = true;
    overlay_ = at;
    under_overlay_ = page(at);
    page(at) = Page{};
    page(at).read_region = page(at).write_region = region;
}

u64 PhysicalMemory::read_in_page(PhysAddr address, unsigned size) {
    u64 value = 0;
    if (exists(address)) {
        const Page& page = pages_[address.value >> kPageShift];
        if (page.read) {
            return load_little_endian(page.read + (address.value & kPageMask), size);
        }
        if (page.read_region) {
            const Region& region = regions_[page.read_region];
            value = region.handler->read(address.value - region.base + region.handler_base, size);
            return size == 8 ? value : value & ((u64{1} << (8 * size)) - 1);
        }
    }
    if (log_.enabled(LogCategory::Mmio))
        log_.write(LogCategory::Mmio, "nothing answers at %08llx (read)",
                   static_cast<unsigned long long>(address.value));
    return size == 8 ? ~u64{0} : (u64{1} << (8 * size)) - 1;
}

void PhysicalMemory::write_in_page(PhysAddr address, unsigned size, u64 value) {
    if (exists(address)) {
        Page& page = pages_[address.value >> kPageShift];
        if (page.write) {
            if (page.watch) notice_write(address, size);
            store_little_endian(page.write + (address.value & kPageMask), size, value);
            return;
        }
        if (page.write_region) {
            if ((page.watch & kWatchDebug) && observer_) observer_->before_write(address, size);
            const Region& region = regions_[page.write_region];
            region.handler->write(address.value - region.base + region.handler_base, size, value);
            return;
        }
        if (page.read) return; // ROM
    }
    if (log_.enabled(LogCategory::Mmio))
        log_.write(LogCategory::Mmio, "nothing answers at %08llx (write)",
                   static_cast<unsigned long long>(address.value));
}

u64 PhysicalMemory::read(PhysAddr address, unsigned size) {
    const u64 in_page = kPageSize - (address.value & kPageMask);
    if (size <= in_page) return read_in_page(address, size);
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= read_in_page(address + i, 1) << (8 * i);
    return value;
}

void PhysicalMemory::write(PhysAddr address, unsigned size, u64 value) {
    const u64 in_page = kPageSize - (address.value & kPageMask);
    if (size <= in_page) return write_in_page(address, size, value);
    for (unsigned i = 0; i < size; ++i) write_in_page(address + i, 1, (value >> (8 * i)) & 0xFF);
}

void PhysicalMemory::read(PhysAddr address, std::span<u8> out) {
    while (!out.empty()) {
        const usize chunk = std::min<usize>(out.size(), kPageSize - (address.value & kPageMask));
        const u8* host = exists(address) ? pages_[address.value >> kPageShift].read : nullptr;
        if (host)
            std::memcpy(out.data(), host + (address.value & kPageMask), chunk);
        else
            for (usize i = 0; i < chunk; ++i) out[i] = static_cast<u8>(read_in_page(address + i, 1));
        address = address + chunk;
        out = out.subspan(chunk);
    }
}

void PhysicalMemory::write(PhysAddr address, std::span<const u8> in) {
    while (!in.empty()) {
        const usize chunk = std::min<usize>(in.size(), kPageSize - (address.value & kPageMask));
        Page* page = exists(address) ? &pages_[address.value >> kPageShift] : nullptr;
        if (page && page->write) {
            if (page->watch) notice_write(address, static_cast<unsigned>(chunk));
            std::memcpy(page->write + (address.value & kPageMask), in.data(), chunk);
        } else {
            for (usize i = 0; i < chunk; ++i) write_in_page(address + i, 1, in[i]);
        }
        address = address + chunk;
        in = in.subspan(chunk);
    }
}

} // namespace r86
