// Advice by enhanced status: see advice.h.
#include "proto/dsn/advice.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ringpost::dsn {
namespace {

struct Row {
  std::uint16_t subject;
  std::uint16_t detail;
  Advice advice;
};

constexpr std::string_view check_address =
    "Check the address for typing errors, or ask the recipient for the right one, and send the "
    "message again.";
constexpr std::string_view other_way = "Try to reach the recipient in another way.";
constexpr std::string_view later = "Send the message again later.";
constexpr std::string_view ask_postmaster =
    "Ask the administrators of your mail server, and show them this report.";
constexpr std::string_view ask_recipients_postmaster =
    "If you need help, ask the recipient's administrators, and show them this report.";

// RFC 3463 3, and what the registry of RFC 5248 has added since; sorted.
constexpr std::array rows{
    Row{1, 0, {"The address was refused.", check_address}},
    Row{1, 1, {"There is no mailbox of this name at that domain.", check_address}},
    Row{1, 2, {"The domain of the address, behind the \"@\", cannot be found.", check_address}},
    Row{1, 3, {"The address is not well-formed.", check_address}},
    Row{1, 4, {"The address stands for more than one mailbox.", check_address}},
    Row{1,
        6,
        {"The mailbox has moved, and it is not known where to.",
         "Ask the recipient for the new address."}},
    Row{1,
        7,
        {"Your own address, from which the message was sent, is not well-formed.", ask_postmaster}},
    Row{1,
        8,
        {"The recipient's server does not believe that your own address exists.", ask_postmaster}},
    Row{1, 10, {"The domain of the address takes no mail at all.", check_address}},
    Row{2, 1, {"The mailbox exists but takes no messages.", other_way}},
    Row{2,
        2,
        {"The mailbox is full.",
         "Send the message again when the recipient has made room, or reach them in another way."}},
    Row{2,
        3,
        {"The message is larger than the mailbox may take.",
         "Send less at once, for example without attachments."}},
    Row{2, 4, {"The mailing list behind this address does not work.", ask_recipients_postmaster}},
    Row{3, 1, {"The recipient's mail server has no room left.", later}},
    Row{3, 2, {"The recipient's mail server takes no messages at present.", later}},
    Row{3,
        4,
        {"The message is larger than the recipient's mail server takes.",
         "Send less at once, for example without attachments."}},
    Row{3, 5, {"A mail server on the way is not set up for this recipient.", ask_postmaster}},
    Row{4, 1, {"The recipient's mail server did not answer.", later}},
    Row{4, 2, {"The connection to the recipient's mail server broke.", later}},
    Row{4, 3, {"A directory that is needed to find the way did not answer.", later}},
    Row{4, 4, {"No way to the recipient's domain could be found.", check_address}},
    Row{4, 5, {"The mail system is too busy.", later}},
    Row{4, 6, {"The message was going in circles between mail servers.", ask_postmaster}},
    Row{4, 7, {"The message could not be delivered within the time that is set for it.", later}},
    Row{5, 3, {"The message has too many recipients.", "Send it to fewer recipients at once."}},
    Row{6, 1, {"The recipient's mail server does not take content of this kind.", other_way}},
    Row{6,
        3,
        {"The content would have to be converted for the recipient's mail server.",
         "Send it in another form, for example as an attachment."}},
    Row{6,
        7,
        {"The recipient's mail server does not take addresses with letters beyond ASCII.",
         "Ask the recipient for another address, or use another one of your own."}},
    Row{7, 1, {"The recipient's mail server refuses the message by its rules.", {}}},
    Row{7, 2, {"You may not write to this mailing list.", ask_recipients_postmaster}},
    Row{7, 4, {"Security that the message asks for is not available on the way.", ask_postmaster}},
    Row{7, 10, {"The recipient's mail server asks for an encrypted connection.", ask_postmaster}},
    Row{7,
        20,
        {"The signature by which your domain vouches for the message (DKIM) was not accepted.",
         ask_postmaster}},
    Row{7,
        23,
        {"Your domain's list of its mail servers (SPF) does not name this one.", ask_postmaster}},
    Row{7, 25, {"The name of this mail server could not be found by its address.", ask_postmaster}},
    Row{7,
        26,
        {"Neither the signature (DKIM) nor the list of mail servers (SPF) of your domain vouches "
         "for the message.",
         ask_postmaster}},
    Row{7, 30, {"No protected way to the recipient could be found.", ask_postmaster}},
};

constexpr std::array<Advice, 8> by_subject{{
    {"No reason was given.", {}},
    {"There is something wrong with the address.", check_address},
    {"The mailbox cannot take the message.", other_way},
    {"The recipient's mail system cannot take the message.", ask_recipients_postmaster},
    {"The recipient's mail server cannot be reached.", later},
    {"The mail servers did not understand each other.", ask_postmaster},
    {"The content of the message was refused.", ask_recipients_postmaster},
    {"The message was refused for reasons of security or policy.", {}},
}};

constexpr bool comes_before(const Row& a, const Row& b) {
  return a.subject != b.subject ? a.subject < b.subject : a.detail < b.detail;
}
static_assert(std::ranges::is_sorted(rows, comes_before));

}  // namespace

Advice advice_for(smtp::EnhancedStatus status) {
  const Row wanted{status.subject, status.detail, {}};
  const auto* found = std::lower_bound(rows.begin(), rows.end(), wanted, comes_before);
  if (found != rows.end() && !comes_before(wanted, *found)) return found->advice;
  return by_subject[status.subject < by_subject.size() ? status.subject : 0];
}

}  // namespace ringpost::dsn
