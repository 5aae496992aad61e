// The second part of a report, which programs read: RFC 3464 2, with the address forms of RFC 6533
// 3. Cannot fail: odd octets become '?'.
#pragma once

#include <string>
#include <string_view>

#include "proto/dsn/report.h"

namespace ringpost::dsn {

// `utf8`: the part is message/global-delivery-status.
void append_message_fields(std::string& target, const ReportedMessage& message, const Frame& frame,
                           bool utf8);
// Begins with the empty line that divides recipients.
void append_recipient_fields(std::string& target, const ReportedRecipient& recipient, bool utf8);

// The status to be told: that of the recipient, or one made of its action.
smtp::EnhancedStatus told_status(const ReportedRecipient& recipient);

}  // namespace ringpost::dsn
