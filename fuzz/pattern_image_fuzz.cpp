// Images of compiled patterns: arbitrary octets are refused, and so is a good image with any
// change. Input: octets tried as an image; then read as (offset, change) pairs applied to a good
// image.
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

#include "proto/base/check.h"
#include "scan/pattern/database.h"

namespace {

using ringpost::Bytes;
using ringpost::scan::Database;
using ringpost::scan::Pattern;

const std::vector<std::byte>& good_image() {
  static const std::vector<std::byte> image = [] {
    const std::vector<Pattern> list{{"list-[0-9]+", {}, 1}, {"dyn(amic)?", {.any_case = true}, 2}};
    return Database::compile(list)->serialise();
  }();
  return image;
}

void expect_refused_when_changed(Bytes changes) {
  auto image = good_image();
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    const auto high = std::to_integer<std::size_t>(changes[0]);
    const auto low = std::to_integer<std::size_t>(changes[1]);
    image[(high << 8 | low) % image.size()] ^= changes[2];
  }
  const bool changed = image != good_image();
  CHECK(Database::deserialise(image).has_value() == !changed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const Bytes input = std::as_bytes(std::span(octets, size));
  const auto made = Database::deserialise(input);
  CHECK(!made || made->pattern_count() > 0);
  expect_refused_when_changed(input.first(std::min<std::size_t>(size, 30)));
  return 0;
}
