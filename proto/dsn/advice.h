// What an enhanced status code means for the person who wrote the message, and what can be done
// (RFC 3463, RFC 5248 and its registry). Pure; unknown codes get a sentence for their subject.
#pragma once

#include <string_view>

#include "proto/smtp/enhanced_status.h"

namespace ringpost::dsn {

// Whole sentences.
struct Advice {
  std::string_view what;    // went wrong
  std::string_view remedy;  // once it is final; empty: the answer of the server says all there is
};

// Of the class only 4 and 5 are told apart, by the caller: the advice is about subject and detail.
Advice advice_for(smtp::EnhancedStatus status);

}  // namespace ringpost::dsn
