#pragma once
/// How often a random test is repeated.

namespace r86::test {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// As often as said, but a third under the sanitizers: there each round takes ten times as long, and what they look for
/// shows in the first ones.
constexpr unsigned rounds(unsigned number) { return kSanitized ? number / 3 : number; }

} // namespace r86::test
