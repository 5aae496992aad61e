// The first part of a report, which people read: what happened to whom, and what they can do.
// Cannot fail: odd octets become '?'.
#pragma once

#include <span>
#include <string>

#include "proto/dsn/report.h"

namespace ringpost::dsn {

// Of a message to thousands so many recipients are explained; the second part names all of them.
inline constexpr std::size_t explained_recipients_max = 100;

// The subject that goes with the worst of the actions.
std::string_view subject_for(std::span<const ReportedRecipient> recipients);

// Lines with CRLF, of UTF-8 where `utf8`, else of ASCII.
void append_explanation(std::string& target, const ReportedMessage& message,
                        std::span<const ReportedRecipient> recipients, const Frame& frame,
                        bool utf8);

}  // namespace ringpost::dsn
