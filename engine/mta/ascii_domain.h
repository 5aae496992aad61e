// International domains as the DNS has them: A-labels ("xn--…") of RFC 5890 and 5891. What is no
// domain stays as it is: whoever asks the DNS about it finds nothing.
#pragma once

#include <string>
#include <string_view>

namespace ringpost::mta {

// `domain` in UTF-8. One that is ASCII already stays as it is, whatever its case.
std::string ascii_domain(std::string_view domain);

// The same for the domain behind the last '@' of an address; the local part (RFC 6531) stays.
std::string with_ascii_domain(std::string_view address);

}  // namespace ringpost::mta
