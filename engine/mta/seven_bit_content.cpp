// Content to be converted: see seven_bit_content.h.
#include "engine/mta/seven_bit_content.h"

#include <string>
#include <utility>

namespace ringpost::mta {

ring::Task<std::expected<std::unique_ptr<SevenBitContent>, Fault>> look_at_content(
    ring::Ring& ring, const SegmentStore& segments, ReadBuffers& buffers,
    std::span<const store::Extent> extents) {
  using Result = std::expected<std::unique_ptr<SevenBitContent>, Fault>;
  const auto buffer = buffers.borrow();
  if (!buffer) co_return Result{std::unexpected(buffer.error())};
  auto result = std::make_unique<SevenBitContent>();
  std::uint64_t octets = 0;
  ContentReader first(ring, segments, buffer->room(), extents);
  while (true) {
    const auto piece = co_await first.next();
    if (!piece) co_return Result{std::unexpected(piece.error())};
    if (piece->empty()) break;
    octets += piece->size();
    result->plan.scan(text_of(*piece));
  }
  result->plan.finish();
  if (!result->plan.obstacle().empty()) co_return Result{std::move(result)};
  result->octets = octets;
  if (!result->plan.is_needed()) co_return Result{std::move(result)};
  // Once more, for the length that MAIL and BDAT say (RFC 1870, RFC 3030).
  ContentReader second(ring, segments, buffer->room(), extents);
  mail::SevenBitConverter converter(result->plan);
  std::string text;
  result->octets = 0;
  while (true) {
    const auto piece = co_await second.next();
    if (!piece) co_return Result{std::unexpected(piece.error())};
    piece->empty() ? converter.finish(text) : converter.convert(text_of(*piece), text);
    result->octets += text.size();
    text.clear();
    if (piece->empty()) co_return Result{std::move(result)};
  }
}

}  // namespace ringpost::mta
