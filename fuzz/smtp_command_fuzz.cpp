// The command parser: any line gives a command or a refusal, and what a command holds is printed
// and read back as the same.
#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/smtp/command.h"

namespace {

using namespace ringpost;

struct Checks {
  void operator()(const smtp::HelloReceived& hello) const {
    CHECK(!hello.name.empty() && hello.name.size() <= smtp::domain_octets_max);
    CHECK(hello.name.find_first_of(" \t\r\n") == std::string::npos);
  }
  void operator()(const smtp::MailFrom& mail) const {
    CHECK(smtp::parse_reverse_path(to_text(mail.sender)) == mail.sender);
    CHECK(mail.smtputf8 || !has_non_ascii(mail.sender.mailbox));
    CHECK(mail.envelope_id.empty() || smtp::is_envelope_id(mail.envelope_id));
  }
  void operator()(const smtp::RcptTo& rcpt) const {
    CHECK(smtp::parse_forward_path(to_text(rcpt.recipient)) == rcpt.recipient);
    CHECK(!rcpt.recipient.mailbox.local.empty() || !rcpt.recipient.is_bare_postmaster());
    CHECK(!rcpt.notify.has(smtp::NotifySet::never) || rcpt.notify.bits == smtp::NotifySet::never);
    CHECK(rcpt.original_recipient.empty() || smtp::is_original_recipient(rcpt.original_recipient));
  }
  void operator()(const smtp::Chunk&) const {}
  void operator()(const smtp::Verb& verb) const { CHECK(verb != smtp::Verb::Unknown); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line = text_of(std::as_bytes(std::span(data, size)));
  const auto command = smtp::parse_command(line);
  if (command) {
    std::visit(Checks{}, *command);
  } else {
    CHECK(command.error().code == 421 || command.error().severity() == 5);
    CHECK(!command.error().text.empty());
  }
  return 0;
}
