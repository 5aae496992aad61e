// Dovecot's authentication protocol: see dovecot_auth.h. Words it adds to lines, and lines of kinds
// that are not known here, are passed over, as it asks of its clients.
#include "proto/sasl/dovecot_auth.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/base/base64.h"

namespace ringpost::sasl {
namespace {

constexpr std::string_view version_ours = "1";
constexpr std::size_t mechanism_octets_max = 20;  // of RFC 4422

std::string_view next_word(std::string_view& rest) {
  const std::size_t tab = rest.find('\t');
  const std::string_view word = rest.substr(0, tab);
  rest.remove_prefix(tab == rest.npos ? rest.size() : tab + 1);
  return word;
}

// \001 and a letter stand for what would end a word.
std::string unescape(std::string_view text) {
  constexpr std::string_view letters = "01tnr";
  constexpr std::string_view meanings{"\0\001\t\n\r", 5};
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\001' && i + 1 < text.size();
    const std::size_t letter = escaped ? letters.find(text[++i]) : letters.npos;
    result += letter == letters.npos ? text[i] : meanings[letter];
  }
  return result;
}

bool is_mechanism(std::string_view name) {
  return !name.empty() && name.size() <= mechanism_octets_max &&
         std::ranges::all_of(name, [](char c) {
           return ascii::is_upper(c) || ascii::is_digit(c) || c == '-' || c == '_';
         });
}

}  // namespace

DovecotAuth::DovecotAuth(std::uint32_t process) {
  write(fmt::format("VERSION\t{}\t1\nCPID\t{}\n", version_ours, process));
}

void DovecotAuth::write(std::string_view text) {
  Secret longer(output_.size() + text.size());
  std::ranges::copy(output_.reveal(), longer.writable());
  std::ranges::copy(text, longer.writable() + output_.size());
  output_ = std::move(longer);
}

Secret DovecotAuth::take_output() { return std::exchange(output_, Secret()); }

// The response is the last word, and goes as it is: base64 has nothing to be escaped.
void DovecotAuth::ask(const DovecotRequest& request) {
  write(fmt::format("AUTH\t{}\t{}\tservice=smtp\tsecured\tnologin", request.id, request.mechanism));
  if (!request.client_address.empty()) write(fmt::format("\trip={}", request.client_address));
  if (request.response) {
    write("\tresp=");
    write(*request.response);
  }
  write("\n");
}

void DovecotAuth::give_up(std::uint32_t id) { write(fmt::format("CANCEL\t{}\n", id)); }

void DovecotAuth::receive(Bytes octets) {
  std::string_view text = text_of(octets);
  while (!text.empty() && broken_.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end);
    if (line_.size() + part.size() > dovecot_line_octets_max) {
      broken_ = "a line without end";
      return;
    }
    line_ += part;
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
    take_line(std::exchange(line_, {}));
  }
}

void DovecotAuth::take_line(std::string_view line) {
  const std::string_view kind = next_word(line);
  if (kind == "VERSION") return take_version(line);
  if (!version_seen_) {
    broken_ = "no version in its first line";
  } else if (kind == "MECH") {
    const std::string_view name = next_word(line);
    const bool is_open = name == "ANONYMOUS" || name == "EXTERNAL";
    if (is_mechanism(name) && !is_open && !name.ends_with("-PLUS") &&
        mechanisms_.size() < dovecot_mechanisms_max)
      mechanisms_.emplace_back(name);
  } else if (kind == "DONE") {
    ready_ = true;
  } else if (kind == "OK") {
    take_reply(DovecotReply::Kind::Accepted, line);
  } else if (kind == "FAIL") {
    take_reply(DovecotReply::Kind::Refused, line);
  } else if (kind == "CONT") {
    take_reply(DovecotReply::Kind::Continue, line);
  }
}

void DovecotAuth::take_version(std::string_view rest) {
  version_seen_ = next_word(rest) == version_ours;
  if (!version_seen_) broken_ = "a version of the protocol that is not known";
}

void DovecotAuth::take_reply(DovecotReply::Kind kind, std::string_view rest) {
  const auto id = ascii::parse_decimal<std::uint32_t>(next_word(rest));
  if (!id) {
    broken_ = "an answer to nothing";
    return;
  }
  DovecotReply reply{.kind = kind, .id = *id};
  if (kind == DovecotReply::Kind::Continue) reply.challenge = next_word(rest);
  if (!base64_decode(reply.challenge)) {
    broken_ = "a challenge that is no base64";
    return;
  }
  while (!rest.empty()) {
    const std::string_view word = next_word(rest);
    if (word.starts_with("user=")) reply.user = unescape(word.substr(5));
    if (kind == DovecotReply::Kind::Refused && (word == "temp" || word == "code=temp_fail"))
      reply.kind = DovecotReply::Kind::TemporaryFailure;
  }
  // It accepts somebody: whom?
  if (kind == DovecotReply::Kind::Accepted && reply.user.empty())
    reply.kind = DovecotReply::Kind::TemporaryFailure;
  replies_.push_back(std::move(reply));
}

std::optional<DovecotReply> DovecotAuth::next_reply() {
  if (replies_given_ == replies_.size()) {
    replies_.clear();
    replies_given_ = 0;
    return std::nullopt;
  }
  return std::move(replies_[replies_given_++]);
}

std::optional<std::string_view> DovecotAuth::broken() const {
  return broken_.empty() ? std::nullopt : std::optional<std::string_view>(broken_);
}

}  // namespace ringpost::sasl
