// Composing a submission: see compose.h. The fields that are there stay as they are, but for
// addresses without a domain, which get the host's name.
#include "proto/submission/compose.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/mail/address_list.h"
#include "proto/mail/split_message.h"
#include "proto/smtp/path.h"
#include "proto/submission/fields.h"
#include "proto/submission/phrase.h"

namespace ringpost::submission {
namespace {

using mail::Field;
using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 3> recipient_fields{"to", "cc", "bcc"};
constexpr std::array<std::string_view, 3> resent_fields{"resent-to", "resent-cc", "resent-bcc"};
// Blind copies would not be blind; the envelope says where reports go (RFC 5321 4.4).
constexpr std::array<std::string_view, 3> dropped_fields{"bcc", "resent-bcc", "return-path"};

bool is_one_of(std::string_view name, Names names) {
  return std::ranges::any_of(
      names, [name](std::string_view one) { return ascii::equal_ignoring_case(name, one); });
}

const Field* find(std::span<const Field> fields, std::string_view name) {
  const auto found = std::ranges::find_if(
      fields, [name](const Field& field) { return ascii::equal_ignoring_case(field.name, name); });
  return found == fields.end() ? nullptr : &*found;
}

// Every line end becomes CRLF; a CR elsewhere stays.
void append_with_crlf(std::string& target, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (end != text.npos && line.ends_with('\r')) line.remove_suffix(1);
    target += line;
    if (end == text.npos) return;
    target += "\r\n";
    text.remove_prefix(end + 1);
  }
}

Complaint bad_address(std::string_view text) {
  return {Complaint::Kind::BadAddress, fmt::format("\"{}\" is not an address", text)};
}

std::string qualified(const mail::ListedAddress& address, std::string_view host) {
  if (!address.is_bare || address.spec.empty()) return address.spec;
  return fmt::format("{}@{}", address.spec, host);
}

class Composer {
 public:
  explicit Composer(const ComposeInput& input)
      : input_(input), message_(mail::split_message(input.text)) {}

  std::expected<Submission, Complaint> compose() {
    find_sender();
    find_recipients();
    if (complaint_) return std::unexpected(std::move(*complaint_));
    if (result_.recipients.empty())
      return std::unexpected(Complaint{Complaint::Kind::NoRecipients, "no recipients"});
    write_content();
    result_.smtputf8 =
        ascii::has_high(result_.sender) || std::ranges::any_of(result_.recipients, ascii::has_high);
    result_.eight_bit = ascii::has_high(result_.content);
    return std::move(result_);
  }

 private:
  void find_sender() {
    const std::string caller = fmt::format("{}@{}", input_.user, input_.host);
    if (!input_.sender) {
      const Field* from = find(message_.fields, "from");
      const auto author = from != nullptr ? sender_in(from->body) : std::nullopt;
      const auto path = smtp::parse_reverse_path(author && !author->empty() ? *author : caller);
      result_.sender = path ? smtp::to_text(*path) : std::string();
      return;
    }
    const auto given = sender_in(*input_.sender);
    const auto path = given ? smtp::parse_reverse_path(*given) : std::nullopt;
    if (!path) {
      complaint_ = bad_address(*input_.sender);
      return;
    }
    result_.sender = smtp::to_text(*path);
  }

  // The first address, qualified; "" when there is none or it is empty, nothing when malformed.
  std::optional<std::string> sender_in(std::string_view text) const {
    const mail::AddressList list = mail::parse_address_list(text);
    if (list.malformed) return std::nullopt;
    return list.addresses.empty() ? std::string() : qualified(list.addresses.front(), input_.host);
  }

  void find_recipients() {
    for (const std::string& list : input_.recipients) add_recipients(list);
    if (!input_.recipients_from_header) return;
    const bool resent = std::ranges::any_of(
        message_.fields, [](const Field& field) { return is_one_of(field.name, resent_fields); });
    for (const Field& field : message_.fields)
      if (is_one_of(field.name, resent ? Names(resent_fields) : Names(recipient_fields)))
        add_recipients(field.body);
  }

  void add_recipients(std::string_view text) {
    const mail::AddressList list = mail::parse_address_list(text);
    if (list.malformed && !complaint_) complaint_ = bad_address(ascii::trim(text));
    for (const mail::ListedAddress& address : list.addresses) {
      const auto path = smtp::parse_forward_path(qualified(address, input_.host));
      if (!path) {
        if (!complaint_) complaint_ = bad_address(address.spec);
        continue;
      }
      std::string recipient = smtp::to_text(*path);
      if (std::ranges::find(result_.recipients, recipient) != result_.recipients.end()) continue;
      if (result_.recipients.size() == recipients_max) {
        complaint_ = {Complaint::Kind::BadAddress,
                      fmt::format("more than {} recipients", recipients_max)};
        return;
      }
      result_.recipients.push_back(std::move(recipient));
    }
  }

  void write_content() {
    std::string& content = result_.content;
    content.reserve(input_.text.size() + input_.text.size() / 32 + 512);
    for (const Field& field : message_.fields)
      if (!is_one_of(field.name, dropped_fields)) write_field(field);
    add_missing_fields();
    content += "\r\n";
    append_with_crlf(content, message_.body);
    if (!content.ends_with("\r\n")) content += "\r\n";
  }

  void write_field(const Field& field) {
    result_.content += field.name;
    result_.content += ':';
    if (has_addresses(field.name)) {
      append_with_crlf(result_.content, with_domains(field.body, input_.host));
    } else {
      append_with_crlf(result_.content, field.body);
    }
    result_.content += "\r\n";
  }

  void add_missing_fields() {
    const auto target = std::back_inserter(result_.content);
    const auto missing = [this](const char* name) { return !find(message_.fields, name); };
    if (missing("from")) {
      const std::string address =
          result_.sender.empty() ? fmt::format("{}@{}", input_.user, input_.host) : result_.sender;
      const std::string name = phrase(input_.full_name);
      fmt::format_to(target, "From: {}{}{}{}\r\n", name, name.empty() ? "" : " <", address,
                     name.empty() ? "" : ">");
    }
    if (missing("date")) append_date_field(result_.content, input_.now, input_.zone_minutes);
    if (missing("message-id"))
      append_message_id_field(result_.content, input_.now, input_.unique, input_.host);
  }

  const ComposeInput& input_;
  mail::SplitMessage message_;
  Submission result_;
  std::optional<Complaint> complaint_;
};

}  // namespace

std::expected<Submission, Complaint> compose(const ComposeInput& input) {
  return Composer(input).compose();
}

std::optional<std::size_t> DotWatch::look(std::string_view text, bool at_end) {
  while (line_ < text.size()) {
    const std::size_t end = text.find('\n', line_);
    if (end == text.npos && !at_end) break;
    const std::string_view line = text.substr(line_, end == text.npos ? end : end - line_);
    if (line == "." || line == ".\r") return line_;
    if (end == text.npos) break;
    line_ = end + 1;
  }
  return std::nullopt;
}

std::string xtext(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c > ' ' && c <= '~' && c != '+' && c != '=') {
      result += c;
    } else {
      fmt::format_to(std::back_inserter(result), "+{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

}  // namespace ringpost::submission
