#include "core/sha256.h"
#include "tests/catch.h"
#include <string_view>

using namespace r86;

static std::string hash(std::string_view text) {
    return Sha256::hex(Sha256::of({reinterpret_cast<const u8*>(text.data()), text.size()}));
}

TEST_CASE("the examples of FIPS 180-4") {
    CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hash(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a message in pieces of any length has the digest of the whole") {
    const std::string text(200, 'q');
    for (usize cut = 0; cut <= text.size(); cut += 7) {
        const auto* data = reinterpret_cast<const u8*>(text.data());
        Sha256 pieces;
        pieces.update({data, cut});
        pieces.update({data + cut, text.size() - cut});
        CHECK(Sha256::hex(pieces.finish()) == hash(text));
    }
}
