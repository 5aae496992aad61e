// A message as text, taken apart into its header fields and its body (RFC 5322 2.1, 2.2). For
// messages that programs of this machine write: lines may end with LF as well as with CRLF. Cannot
// fail: what is no header begins the body.
#pragma once

#include <string_view>
#include <vector>

namespace ringpost::mail {

// Views into the message.
struct Field {
  std::string_view name;  // without the blanks that may follow it
  std::string_view body;  // what stands behind the colon, folds included, without its line end
};

struct SplitMessage {
  std::vector<Field> fields;
  std::string_view body;  // behind the empty line, or from the first line that is no field
};

// A line "From ..." at the start, as files of a Unix mailbox have it, is left out.
SplitMessage split_message(std::string_view message);

}  // namespace ringpost::mail
