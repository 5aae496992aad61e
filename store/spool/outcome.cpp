// Outcome and RecipientProgress: see outcome.h. Pure; wrong octets give nothing.
#include "store/spool/outcome.h"

#include <algorithm>
#include <string_view>

#include "proto/base/wire.h"
#include "store/spool/progress_wire.h"

namespace ringpost::store {
namespace {

std::string_view kept_text(const Outcome& outcome) {
  return std::string_view(outcome.text).substr(0, outcome_text_octets_max);
}

void put(auto& sink, const Outcome& outcome) {
  put_number(sink, outcome.recipient);
  put_progress(sink, outcome.progress);
  put_text(sink, kept_text(outcome));
}

}  // namespace

void merge(RecipientProgress& known, const RecipientProgress& news) {
  if (is_final(known.status)) return;
  const bool is_newer = news.attempts != known.attempts ? news.attempts > known.attempts
                                                        : news.next_due > known.next_due;
  const std::uint32_t hold_changes = std::max(known.hold_changes, news.hold_changes);
  if (is_final(news.status) || is_newer) known = news;
  if (!is_final(news.status)) known.hold_changes = hold_changes;
}

std::size_t encoded_octets(const Outcome& outcome) {
  FieldCounter counter;
  put(counter, outcome);
  return counter.octets;
}

void encode(const Outcome& outcome, MutableBytes room) {
  FieldWriter sink{room};
  put(sink, outcome);
  CHECK(sink.used == room.size());
}

std::optional<Outcome> decode_outcome(Bytes payload) {
  FieldReader in(payload);
  Outcome outcome;
  outcome.recipient = in.number();
  outcome.progress = take_progress(in);
  outcome.text = in.text(outcome_text_octets_max);
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return outcome;
}

}  // namespace ringpost::store
