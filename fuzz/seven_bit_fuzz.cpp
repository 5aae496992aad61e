// Content of any form: what is converted has 7 bits and needs nothing more, whatever the cutting,
// and carries as many parts as before.
#include <algorithm>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/mail/seven_bit.h"

namespace {

using namespace ringpost;

std::string convert(std::string_view content, std::size_t step, mail::SevenBitPlan& plan) {
  std::string result;
  for (std::size_t at = 0; at < content.size(); at += step) plan.scan(content.substr(at, step));
  plan.finish();
  if (!plan.is_needed() || !plan.obstacle().empty()) return result;
  mail::SevenBitConverter converter(plan);
  for (std::size_t at = 0; at < content.size(); at += step)
    converter.convert(content.substr(at, step), result);
  converter.finish(result);
  return result;
}

std::size_t parts_of(std::string_view content) {
  mail::MimeWalk walk;
  mail::LineCutter cutter;
  const auto take = [&](const mail::LinePiece& piece) { walk.take(piece); };
  cutter.cut(content, take);
  cutter.finish(take);
  return walk.part_number();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view content = text_of(std::as_bytes(std::span(octets, size)));
  mail::SevenBitPlan plan, plan_of_pieces;
  const std::string result = convert(content, std::max<std::size_t>(1, size), plan);
  const std::string of_pieces = convert(content, 3, plan_of_pieces);
  CHECK(result == of_pieces);
  CHECK(plan.is_needed() == plan_of_pieces.is_needed());
  CHECK(plan.obstacle() == plan_of_pieces.obstacle());
  if (!plan.is_needed() || !plan.obstacle().empty()) return 0;
  CHECK(std::ranges::none_of(result, [](char c) { return static_cast<unsigned char>(c) > 0x7f; }));
  CHECK(result.size() <= content.size() * 4 + 100 * (parts_of(content) + 1));
  mail::SevenBitPlan again;
  CHECK(convert(result, 1000, again).empty() && !again.is_needed());
  CHECK(parts_of(result) == parts_of(content));
  return 0;
}
