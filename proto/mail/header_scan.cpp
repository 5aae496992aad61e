// Header fields by name, octet by octet in names, by memchr in values. Cannot fail: what is no
// header ends it.
#include "proto/mail/header_scan.h"

#include <cstring>
#include <string_view>

#include "proto/base/ascii.h"

namespace ringpost::mail {
namespace {

constexpr std::uint8_t name_too_long = 0xff;

}  // namespace

void HeaderScan::scan(Bytes octets) {
  const std::string_view text = text_of(octets);
  for (std::size_t i = 0; i < text.size() && place_ != Place::Body; ++i) {
    if (place_ == Place::Rest) {
      const std::size_t end = text.find('\n', i);
      if (end == std::string_view::npos) {
        after_cr_ = text.back() == '\r';
        return;
      }
      if (end > i) after_cr_ = text[end - 1] == '\r';
      i = end;
    }
    step(text[i]);
  }
}

void HeaderScan::step(char octet) {
  const bool after_cr = after_cr_;
  after_cr_ = octet == '\r';
  switch (place_) {
    case Place::LineStart:
      name_octets_ = 0;
      if (octet == '\r') {
        place_ = Place::EmptyLine;
        return;
      }
      // RFC 5322 2.2.3: a line that begins with a blank goes on with the field before it.
      if (ascii::is_blank(octet)) {
        place_ = Place::Rest;
        return;
      }
      place_ = Place::Name;
      [[fallthrough]];
    case Place::Name:
      return name_octet(octet);
    case Place::BeforeColon:
      if (octet == ':') return name_ended();
      if (!ascii::is_blank(octet)) place_ = Place::Body;
      return;
    case Place::Rest:
      if (octet == '\n' && after_cr) place_ = Place::LineStart;
      return;
    case Place::EmptyLine:
    case Place::Body:
      place_ = Place::Body;
      return;
  }
}

void HeaderScan::name_octet(char octet) {
  if (octet == ':' && name_octets_ > 0) return name_ended();
  if (ascii::is_blank(octet)) {  // RFC 5322 4.5.8: obsolete, but seen
    place_ = Place::BeforeColon;
    return;
  }
  // RFC 5322 2.2: printable ASCII; a line of anything else is no field.
  if (octet <= ' ' || octet > '~' || octet == ':') {
    place_ = Place::Body;
    return;
  }
  if (name_octets_ >= name_.size()) {
    name_octets_ = name_too_long;
    return;
  }
  name_[name_octets_++] = octet;
}

void HeaderScan::name_ended() {
  place_ = Place::Rest;
  if (name_octets_ == name_too_long) return;
  const std::string_view name(name_.data(), name_octets_);
  if (ascii::equal_ignoring_case(name, "received")) ++received_;
  if (ascii::equal_ignoring_case(name, "date")) fields_.date = true;
  if (ascii::equal_ignoring_case(name, "from")) fields_.from = true;
  if (ascii::equal_ignoring_case(name, "message-id")) fields_.message_id = true;
}

}  // namespace ringpost::mail
