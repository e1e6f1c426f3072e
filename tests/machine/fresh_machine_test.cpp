// A state goes into a fresh machine first, and into the living one only when nothing can be refused any more.
#include "core/error.h"
#include "devices/block_image.h"
#include "machine/fresh_machine.h"
#include "machine/timeline.h"
#include "machine/visitors.h"
#include "tests/catch.h"
#include <cstring>

using namespace r86;

namespace {

constexpr u64 kDiskBytes = u64{1} << 20;
constexpr u64 kCluster = BlockImage::kClusterBytes;

/// A disk whose host stops writing when it is told to.
class FullDisk final : public BlockImage {
public:
    u64 size() const override { return under_->size(); }
    bool read_only() const override { return false; }
    const std::string& name() const override { return under_->name(); }
    usize writes_left = ~usize{0};

protected:
    bool do_read(u64 offset, std::span<u8> out) override { return under_->read(offset, out); }
    bool do_write(u64 offset, std::span<const u8> in) override {
        if (!writes_left) {
            writes_left = ~usize{0}; // room again: what was written can be put back
            return false;
        }
        --writes_left;
        return under_->write(offset, in);
    }
    bool do_flush() override { return true; }
    bool do_revert(u64) override { return false; }

private:
    std::unique_ptr<BlockImage> under_ = make_memory_image(std::vector<u8>(kDiskBytes), false, "full.img");
};

/// Firmware that counts: INC word [1000h]; JMP.
MachineConfig counting(std::unique_ptr<BlockImage> disk) {
    MachineConfig config;
    config.memory_bytes = u64{4} << 20;
    config.bios.assign(0x10000, 0xF4);
    const u8 code[] = {0xFF, 0x06, 0x00, 0x10, 0xEB, 0xFA}, jump[] = {0xEA, 0x00, 0x00, 0x00, 0xF0};
    std::memcpy(config.bios.data(), code, sizeof code);
    std::memcpy(&config.bios[0xFFF0], jump, sizeof jump);
    config.no_vgabios = true;
    config.disks.push_back(std::move(disk));
    return config;
}

void write_cluster(Machine& machine, u64 cluster, u8 value) {
    REQUIRE(machine.config().disks[0]->write(cluster * kCluster, std::vector<u8>(kCluster, value)));
}

u8 first_byte(Machine& machine, u64 cluster) {
    std::vector<u8> content;
    REQUIRE(machine.config().disks[0]->read_cluster(cluster, content));
    return content[0];
}

/// What a file of a state holds, without the file.
struct Parts {
    explicit Parts(Machine& of) {
        for (const StatePart& part : of.state_parts()) {
            SaveVisitor visitor(true);
            part.visit(visitor);
            parts.push_back(visitor.take());
        }
        for (const auto& memory : of.state_memories()) memories.emplace_back(memory.bytes.begin(), memory.bytes.end());
    }
    void load(FreshMachine& fresh) const {
        const auto to = fresh.machine().state_parts();
        for (usize n = 0; n < to.size(); ++n) {
            LoadVisitor visitor(parts[n], true);
            to[n].visit(visitor);
        }
        const auto bytes = fresh.machine().state_memories();
        for (usize n = 0; n < bytes.size(); ++n)
            std::copy(memories[n].begin(), memories[n].end(), bytes[n].bytes.begin());
    }
    std::vector<std::vector<u8>> parts, memories;
};

std::string swap_in(Machine& machine, const Parts& parts) {
    FreshMachine fresh(machine);
    try {
        parts.load(fresh);
        fresh.swap_in();
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

std::unique_ptr<BlockImage> plain_disk() { return make_memory_image(std::vector<u8>(kDiskBytes), false, "disk"); }

} // namespace

TEST_CASE("the living machine does not change before the fresh one is swapped in") {
    Machine machine(counting(plain_disk()));
    machine.run_until(1000);
    const Parts early(machine);
    const auto wanted = machine.digest();
    machine.run_until(5000);
    const auto before = machine.digest();
    FreshMachine fresh(machine);
    early.load(fresh);
    CHECK(machine.digest() == before);
    fresh.swap_in();
    CHECK(machine.digest() == wanted);
}

TEST_CASE("an image that is written in place gets back what it held, as far as the history knows it") {
    Machine machine(counting(plain_disk()));
    Timeline timeline(machine);
    write_cluster(machine, 1, 0x11);
    machine.run_until(1000);
    const Parts state(machine);
    const auto wanted = machine.digest();
    write_cluster(machine, 2, 0x22);
    write_cluster(machine, 1, 0x33);
    machine.run_until(2000);
    CHECK(swap_in(machine, state) == "");
    CHECK(first_byte(machine, 1) == 0x11);
    CHECK(first_byte(machine, 2) == 0);
    CHECK(machine.digest() == wanted);
    // And once more, in the history that began there.
    write_cluster(machine, 3, 0x44);
    machine.run_until(3000);
    CHECK(swap_in(machine, state) == "");
    CHECK(first_byte(machine, 3) == 0);
    CHECK(machine.digest() == wanted);
}

TEST_CASE("a state from before the first change is known as well after another one was loaded") {
    Machine machine(counting(plain_disk()));
    Timeline timeline(machine);
    const Parts untouched(machine);
    const auto wanted = machine.digest();
    write_cluster(machine, 1, 0x11);
    const Parts later(machine);
    CHECK(swap_in(machine, later) == ""); // its history does not know what was there before
    CHECK(swap_in(machine, untouched) == "");
    CHECK(first_byte(machine, 1) == 0);
    CHECK(machine.digest() == wanted);
}

TEST_CASE("what an image held is not invented: without a history the state is refused") {
    Machine machine(counting(plain_disk()));
    const Parts untouched(machine);
    write_cluster(machine, 1, 0x11);
    const auto before = machine.digest();
    CHECK(swap_in(machine, untouched).find("not known any more") != std::string::npos);
    CHECK(machine.digest() == before);
}

TEST_CASE("a host that refuses in the middle of an image leaves everything as it was") {
    auto disk = std::make_unique<FullDisk>();
    FullDisk* full = disk.get();
    Machine machine(counting(std::move(disk)));
    Timeline timeline(machine);
    for (u64 cluster = 0; cluster < 8; ++cluster) write_cluster(machine, cluster, 0x11);
    machine.run_until(1000);
    const Parts state(machine);
    const auto early = machine.digest();
    for (u64 cluster = 4; cluster < 12; ++cluster) write_cluster(machine, cluster, 0x22);
    machine.run_until(2000);
    const auto before = machine.digest();
    full->writes_left = 5;
    CHECK(swap_in(machine, state).find("the host refuses to write it") != std::string::npos);
    CHECK(machine.digest() == before);
    CHECK(first_byte(machine, 4) == 0x22);
    timeline.seek(500);
    timeline.go_live();
    CHECK(machine.digest() == before);
    CHECK(swap_in(machine, state) == "");
    CHECK(machine.digest() == early);
}

TEST_CASE("a state is refused beside another image, another processor and another firmware") {
    Machine machine(counting(plain_disk()));
    const auto before = machine.digest();
    std::vector<u8> other(kDiskBytes);
    other[kDiskBytes / 2] = 1;
    Machine beside(counting(make_memory_image(other, false, "other")));
    CHECK(swap_in(machine, Parts(beside)) ==
          "Image 'disk' holds something else than when the state was made; start with that image as it was.");
    MachineConfig config = counting(plain_disk());
    config.cpu = "486";
    Machine older(std::move(config));
    CHECK(swap_in(machine, Parts(older)).find("'machine.cpu_model'") != std::string::npos);
    config = counting(plain_disk());
    config.bios[0x8000] = 0x90;
    Machine firmware(std::move(config));
    CHECK(swap_in(machine, Parts(firmware)).find("'machine.firmware'") != std::string::npos);
    CHECK(machine.digest() == before);
}

TEST_CASE("a state with an image of another size names it") {
    Machine machine(counting(plain_disk()));
    Machine larger(counting(make_memory_image(std::vector<u8>(2 * kDiskBytes), false, "larger")));
    CHECK(swap_in(machine, Parts(larger)) == "The state was made with an image of 2097152 bytes where 'disk' is now.");
}
