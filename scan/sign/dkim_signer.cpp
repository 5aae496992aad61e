// Composing DKIM-Signature: see dkim_signer.h.
// RFC 6376 3.5 and 5.4; lines of at most 78 columns where words allow it. Cannot fail.
#include "scan/sign/dkim_signer.h"

#include <array>

#include <fmt/format.h>

#include "proto/base/base64.h"

namespace ringpost::scan {
namespace {

// A second one of these, or one where none was, changes what a reader sees.
constexpr std::array<const char*, 10> critical{
    "from", "reply-to",   "to",           "cc",           "subject",
    "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"};
// Signed where they are there: RFC 6376 5.4.1.
constexpr std::array<const char*, 21> others{"sender",
                                             "in-reply-to",
                                             "references",
                                             "resent-date",
                                             "resent-from",
                                             "resent-sender",
                                             "resent-to",
                                             "resent-cc",
                                             "resent-message-id",
                                             "content-id",
                                             "content-description",
                                             "content-disposition",
                                             "list-id",
                                             "list-help",
                                             "list-unsubscribe",
                                             "list-unsubscribe-post",
                                             "list-subscribe",
                                             "list-post",
                                             "list-owner",
                                             "list-archive",
                                             "feedback-id"};

constexpr std::size_t columns_max = 76;

// Adds `word` to a field, on a new line when it does not fit.
void put_word(std::string& field, std::size_t& column, std::string_view word) {
  if (column + word.size() > columns_max) {
    field += "\r\n\t";
    column = 8;
  }
  field += word;
  column += word.size();
}

// As often as they are there, those that are critical `more` times more.
std::vector<std::string> names_of(const auth::MessageHeader& header, std::size_t more) {
  std::vector<std::string> names;
  for (const char* name : critical)
    names.insert(names.end(), header.places(name).size() + more, name);
  for (const char* name : others) names.insert(names.end(), header.places(name).size(), name);
  return names;
}

}  // namespace

std::vector<std::string> names_present(const auth::MessageHeader& header) {
  return names_of(header, 0);
}

std::vector<std::string> names_to_sign(const auth::MessageHeader& header) {
  return names_of(header, 1);
}

UnsignedField dkim_field(const SigningContent& content, const DkimWish& wish, WallTime now) {
  const auto names = names_to_sign(content.header());
  UnsignedField result{.before = "DKIM-Signature:", .fold = true};
  std::size_t column = result.before.size();
  const auto put = [&](const std::string& word) { put_word(result.before, column, word); };
  put(" v=1;");
  put(fmt::format(" a={};", to_text(wish.algorithm)));
  put(fmt::format(" c={}/{};", to_text(wish.header_form), to_text(wish.body_form)));
  put(fmt::format(" d={};", wish.domain));
  put(fmt::format(" s={};", wish.selector));
  put(fmt::format(" t={};", now.seconds()));
  if (wish.expires.ns > 0) put(fmt::format(" x={};", (now + wish.expires).seconds()));
  put(" h=");
  for (std::size_t i = 0; i < names.size(); ++i) put(names[i] + (i + 1 < names.size() ? ":" : ";"));
  put(fmt::format(" bh={};", base64_encode(text_of(Bytes(content.body_hash(wish.body_form))))));
  put(" b=");
  std::string text;
  content.header().append_chosen(names, wish.header_form, text);
  const auth::HeaderField field{result.before, {}, {}};
  text +=
      canonical_signature_field(field, field.whole.substr(field.whole.size()), wish.header_form);
  result.hash = Sha256::of(text);
  return result;
}

}  // namespace ringpost::scan
