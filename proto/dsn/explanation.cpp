// Words for people: see explanation.h. Cannot fail.
#include "proto/dsn/explanation.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "proto/dsn/advice.h"
#include "proto/dsn/status_fields.h"
#include "proto/dsn/wrap.h"
#include "proto/mail/date.h"

namespace ringpost::dsn {
namespace {

// In the order of Action, which is that of importance.
struct Wording {
  std::string_view subject;
  std::string_view one;
  std::string_view several;
};
constexpr std::array<Wording, 5> wordings{{
    {"Your message could not be delivered",
     "Your message could not be delivered to this recipient, and nothing more will be tried:",
     "Your message could not be delivered to these recipients, and nothing more will be tried:"},
    {"Your message is delayed",
     "Your message could not be delivered to this recipient yet. It will be tried again; you "
     "need not do anything, and should not send it again:",
     "Your message could not be delivered to these recipients yet. It will be tried again; you "
     "need not do anything, and should not send it again:"},
    {"Your message was delivered", "Your message was delivered to this recipient:",
     "Your message was delivered to these recipients:"},
    {"Your message was passed on",
     "Your message was passed on to the mail server of this recipient, which will not report "
     "whether it is delivered:",
     "Your message was passed on to the mail servers of these recipients, which will not report "
     "whether it is delivered:"},
    {"Your message was delivered to a list",
     "Your message was delivered to this address, which stands for several recipients:",
     "Your message was delivered to these addresses, which stand for several recipients:"},
}};

constexpr const Wording& wording_of(Action action) {
  return wordings[static_cast<std::size_t>(action)];
}

void append_paragraph(std::string& target, std::string_view text, std::string_view indent) {
  target += indent;
  append_wrapped(target, text, indent.size(), indent);
  target += "\r\n";
}

bool is_given_up(const ReportedRecipient& recipient) {
  return recipient.action == Action::Failed && told_status(recipient).status_class == 4;
}

void append_reason(std::string& target, const ReportedRecipient& recipient) {
  const smtp::EnhancedStatus status = told_status(recipient);
  const Advice advice = advice_for(status);
  std::string text;
  const bool says_so_itself = status.subject == 4 && status.detail == 7;
  if (is_given_up(recipient) && !says_so_itself)
    text = "It was tried until the time that is set for it was over. The last obstacle: ";
  text += advice.what;
  if (recipient.action == Action::Failed) {
    text += ' ';
    text += !advice.remedy.empty() ? advice.remedy
            : recipient.diagnostic.empty()
                ? "Ask the administrators of your mail server, and show them this report."
                : "What is known of the reason stands below.";
  }
  append_paragraph(target, text, "    ");
}

void append_answer(std::string& target, const ReportedRecipient& recipient, bool utf8) {
  std::string_view left = recipient.diagnostic;
  if (left.empty()) return;
  if (!recipient.server.empty())
    append_paragraph(
        target, fmt::format("The mail server {} said:", printable(recipient.server, utf8)), "    ");
  while (!left.empty()) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(line.size() + 1, left.size()));
    append_paragraph(target, printable(line, utf8), "      ");
  }
}

void append_recipient(std::string& target, const ReportedRecipient& recipient, bool utf8) {
  target += "\r\n";
  append_paragraph(target, '<' + printable(recipient.address, utf8) + '>', "  ");
  const bool is_bad = recipient.action == Action::Failed || recipient.action == Action::Delayed;
  if (!is_bad) return;
  append_reason(target, recipient);
  append_answer(target, recipient, utf8);
  if (recipient.action != Action::Delayed || recipient.retry_until.us == 0) return;
  std::string until = "It will be tried until ";
  mail::append_date(until, recipient.retry_until);
  append_paragraph(target, until + '.', "    ");
}

Action worst_of(std::span<const ReportedRecipient> recipients) {
  return std::ranges::min(recipients, {}, &ReportedRecipient::action).action;
}

}  // namespace

std::string_view subject_for(std::span<const ReportedRecipient> recipients) {
  return wording_of(worst_of(recipients)).subject;
}

void append_explanation(std::string& target, const ReportedMessage& message,
                        std::span<const ReportedRecipient> recipients, const Frame& frame,
                        bool utf8) {
  append_paragraph(
      target, fmt::format("This is the mail server {}.", printable(frame.server_name, utf8)), "");
  std::size_t explained = 0;
  for (std::size_t kind = 0; kind < wordings.size(); ++kind) {
    const auto action = static_cast<Action>(kind);
    const auto count = std::ranges::count(recipients, action, &ReportedRecipient::action);
    if (count == 0) continue;
    target += "\r\n";
    append_paragraph(target, count == 1 ? wordings[kind].one : wordings[kind].several, "");
    for (const ReportedRecipient& recipient : recipients)
      if (recipient.action == action && explained++ < explained_recipients_max)
        append_recipient(target, recipient, utf8);
  }
  if (explained > explained_recipients_max) {
    target += "\r\n";
    append_paragraph(target,
                     fmt::format("{} more recipients are listed in the part that follows.",
                                 explained - explained_recipients_max),
                     "");
  }
  std::string where = "\r\nYour message came here at ";
  mail::append_date(where, message.received);
  target += where;
  target += "\r\nand is known here as " + to_text(message.id) + ".\r\n";
}

}  // namespace ringpost::dsn
