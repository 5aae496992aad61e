// Fields of the header that decide about a delivery: see delivery_scan.h.
#include "proto/mail/delivery_scan.h"

#include <algorithm>
#include <utility>

#include "proto/base/ascii.h"

namespace ringpost::mail {
namespace {

constexpr std::string_view spam_fields[] = {"x-spam", "x-spam-flag"};

// "Yes", "YES, score=9": the word, not a longer one.
bool says_yes(std::string_view value) {
  constexpr std::string_view yes = "yes";
  if (!ascii::starts_ignoring_case(value, yes)) return false;
  return value.size() == yes.size() || !ascii::is_alnum(value[yes.size()]);
}

}  // namespace

bool DeliveryScan::scan(Bytes octets) {
  std::string_view text = text_of(octets).substr(0, header_octets_max - octets_);
  while (!over_ && !text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end);
    // One more than is kept, so that a CR at the end of a long line is not taken for text.
    line_ += part.substr(0, field_octets_max + 1 - line_.size());
    const std::size_t taken = end == std::string_view::npos ? text.size() : end + 1;
    octets_ += taken;
    text.remove_prefix(taken);
    if (end != std::string_view::npos) line_ended();
  }
  if (octets_ == header_octets_max) finish();
  return !over_;
}

void DeliveryScan::line_ended() {
  if (line_.ends_with('\r')) line_.pop_back();
  const bool goes_on = !line_.empty() && ascii::is_blank(line_.front());  // RFC 5322 2.2.3
  if (!goes_on) field_ended();
  if (line_.empty()) over_ = true;
  field_.append(line_, 0, field_octets_max - field_.size());
  line_.clear();
}

void DeliveryScan::field_ended() {
  const std::string field = std::exchange(field_, {});
  if (field.empty() || over_) return;
  const std::size_t colon = field.find(':');
  if (colon == std::string::npos) {
    over_ = true;
    return;
  }
  const std::string_view name = ascii::trim(std::string_view(field).substr(0, colon));
  const std::string_view value = ascii::trim(std::string_view(field).substr(colon + 1));
  const auto is = [name](std::string_view known) {
    return ascii::equal_ignoring_case(name, known);
  };
  if (std::ranges::any_of(spam_fields, is) && says_yes(value)) spam_ = true;
  if (is("delivered-to") && !value.empty() && ascii::equal_ignoring_case(value, address_))
    delivered_before_ = true;
}

void DeliveryScan::finish() {
  if (over_) return;
  if (!line_.empty()) line_ended();
  field_ended();
  over_ = true;
}

}  // namespace ringpost::mail
