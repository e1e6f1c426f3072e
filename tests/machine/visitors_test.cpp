#include "core/error.h"
#include "machine/ram_hash.h"
#include "machine/visitors.h"
#include "tests/catch.h"

using namespace r86;

namespace {

struct Inner {
    std::array<u8, 4> bytes{1, 2, 3, 4};
    std::vector<u8> varying = std::vector<u8>(2, 9);
    void visit(StateVisitor& v) {
        v.field("bytes", bytes);
        v.blob("varying", varying, 16);
    }
};

struct Outer {
    u32 number = 0xDEADBEEF;
    bool flag = true;
    i16 negative = -3;
    std::array<u16, 2> words{5, 6};
    Inner inner;
    void visit(StateVisitor& v) {
        v.field("number", number);
        v.field("flag", flag);
        v.field("negative", negative);
        v.field("words", words);
        v.field("inner", inner);
    }
};

std::vector<u8> save(Outer& object) {
    SaveVisitor visitor;
    object.visit(visitor);
    return visitor.take();
}

Sha256::Digest hash(Outer& object) {
    Sha256 sha;
    HashVisitor visitor(sha);
    object.visit(visitor);
    return sha.finish();
}

} // namespace

TEST_CASE("a state that was saved and loaded is the same") {
    Outer a, b;
    a.number = 7;
    a.negative = -12345;
    a.inner.varying = {1, 2, 3, 4, 5};
    const auto saved = save(a);
    LoadVisitor load(saved);
    b.visit(load);
    CHECK(load.finished());
    CHECK(b.number == 7);
    CHECK(b.negative == -12345);
    CHECK(b.inner.varying == a.inner.varying);
    CHECK(save(b) == saved);
    CHECK(hash(a) == hash(b));
}

TEST_CASE("a damaged state is refused, wherever it was cut or changed in its frame") {
    Outer a;
    const auto saved = save(a);
    for (usize cut = 0; cut < saved.size(); ++cut) {
        Outer b;
        LoadVisitor load(std::span{saved}.first(cut));
        CHECK_THROWS_AS(b.visit(load), UserError);
    }
    auto huge = saved;
    huge[2 + 6 + 7] = 0xFF; // the length of the first number
    Outer b;
    LoadVisitor load(huge);
    CHECK_THROWS_AS(b.visit(load), UserError);
}

TEST_CASE("a difference is named by its path") {
    Outer a, b;
    b.words[1] = 0x1234;
    b.inner.bytes[2] = 0;
    CollectVisitor left, right;
    a.visit(left);
    b.visit(right);
    const auto found = differences(left, right);
    REQUIRE(found.size() == 2);
    CHECK(found[0] == "words[1] 0006 != 1234");
    CHECK(found[1] == "inner.bytes 01020304 != 01020004");
    CHECK(hash(a) != hash(b));
}

TEST_CASE("the hash of RAM sees contents and places of pages, and no order") {
    std::vector<u8> ram(8 * 4096);
    CHECK(hash_ram(ram) == RamHash{});
    ram[3 * 4096 + 17] = 1;
    const RamHash one = hash_ram(ram);
    CHECK_FALSE(one == RamHash{});
    std::vector<u8> moved(8 * 4096);
    moved[4 * 4096 + 17] = 1;
    CHECK_FALSE(hash_ram(moved) == one);
    // Exchanging a page in the sum.
    RamHash sum = one;
    sum -= hash_page(3, std::span{ram}.subspan(3 * 4096, 4096));
    CHECK(sum == RamHash{});
    // Every bit of a page counts.
    std::vector<u8> page(4096, 0x5A);
    const RamHash before = hash_page(0, page);
    for (usize at = 0; at < page.size(); at += 61) {
        page[at] ^= 0x80;
        CHECK_FALSE(hash_page(0, page) == before);
        page[at] ^= 0x80;
    }
}
