// Text from outside on its way into a report: nothing in it can end a line by itself, and no line
// grows beyond what RFC 5322 2.1.1 allows. Cannot fail.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringpost::dsn {

// Octets that may not stand in a field or a line of text become '?': control characters but a tab,
// and what is beyond ASCII unless `utf8_allowed` and well-formed.
std::string printable(std::string_view text, bool utf8_allowed);

// Appends the words of `text`, which is printable. A line that would grow beyond 76 columns ends
// with CRLF, and the next begins with `indent`. `column` octets of the line are there already.
void append_wrapped(std::string& target, std::string_view text, std::size_t column,
                    std::string_view indent);

}  // namespace ringpost::dsn
