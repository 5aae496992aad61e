// MessageHeader: the header of a message as signatures see it: its fields as they stand, found by
// name from the bottom up. RFC 6376 5.4.2. A line that is no field is passed over; work is linear
// in the header.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/canonical.h"

namespace ringpost::auth {

struct HeaderField {
  std::string_view whole;  // with its name, its folds and, where it has one, its last line end
  std::string_view name;   // without blanks behind it
  std::string_view value;  // behind the colon, folds and blanks included, without the last line end
};

// Views into the header that was parsed.
class MessageHeader {
 public:
  // Up to, and without, the empty line. Lines end with CRLF.
  explicit MessageHeader(std::string_view header);

  const std::vector<HeaderField>& fields() const { return fields_; }
  // Places in fields(), from the top down; `name` in lower case.
  std::span<const std::size_t> places(std::string_view name) const;

  // Appends the canonical form of the fields that `names` (lower case) choose: each mention takes
  // the next instance from the bottom up, and nothing when there is none left.
  void append_chosen(std::span<const std::string> names, Canonical form, std::string& target) const;

 private:
  std::vector<HeaderField> fields_;
  std::vector<std::size_t> by_name_;  // places; those of one name together, from the top down
};

// The canonical form of the field of a signature as it is signed: with `removed` (the value of its
// b=, a view into the field) left out, and without a line end.
std::string canonical_signature_field(const HeaderField& field, std::string_view removed,
                                      Canonical form);

}  // namespace ringpost::auth
