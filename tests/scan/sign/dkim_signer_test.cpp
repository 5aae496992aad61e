// Signing: what is signed verifies, with both kinds of keys, over awkward messages; the field keeps
// to its columns; critical fields are signed once more than they are there.
#include "scan/sign/dkim_signer.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "scan/sign/message_verifier.h"
#include "scan/sign/private_key.h"
#include "tests/scan/sign/published_keys.h"

namespace ringpost::scan {
namespace {

using auth::Canonical;
constexpr WallTime now{1'700'000'000'000'000};

std::string sign(std::string_view message, std::string_view pem, Canonical header, Canonical body) {
  const auto key = PrivateKey::parse(pem);
  EXPECT_TRUE(key.has_value());
  SigningContent content(body);
  for (std::size_t at = 0; at < message.size(); at += 13)
    content.take(bytes_of(message.substr(at, 13)));
  content.finish();
  const DkimWish wish{
      .algorithm = key->algorithm(),
      .domain = "football.example.com",
      .selector = key->algorithm() == auth::Algorithm::RsaSha256 ? "test" : "brisbane",
      .header_form = header,
      .body_form = body};
  const UnsignedField field = dkim_field(content, wish, now);
  return field.complete(key->sign(field.hash));
}

auth::DkimResult verify(const std::string& message) {
  MessageVerifier verifier;
  verifier.take(bytes_of(message));
  verifier.finish();
  auth::DnsMemo memo;
  EXPECT_FALSE(verifier.evaluate_dkim(memo, now).has_value());
  answer_from(published_zone, memo);
  return verifier.evaluate_dkim(memo, now)->front();
}

TEST(DkimSigner, SignsWhatVerifies) {
  const std::vector<std::pair<Canonical, Canonical>> forms{
      {Canonical::Simple, Canonical::Simple},
      {Canonical::Simple, Canonical::Relaxed},
      {Canonical::Relaxed, Canonical::Simple},
      {Canonical::Relaxed, Canonical::Relaxed}};
  const std::vector<std::string> messages{
      published_message,
      "From: a@b\r\n\r\n",
      "From: a@b",
      "From: a@b\r\n",
      "From:a@b\r\nSubject:  x\r\n\t y \r\nsubject: two\r\n\r\n \r\nno line end",
      "from : a@b\r\n\r\n" + std::string(100'000, 'x') + "\r\n\r\n\r\n",
      "X: \xff\r\nFROM: \xc3\xa4@b\r\n\r\n\x80 \t\r\n"};
  for (const std::string& message : messages)
    for (const std::string_view pem : {rsa_private_pem, ed25519_private_pem})
      for (const auto& [header, body] : forms) {
        const auto result = verify(sign(message, pem, header, body) + message);
        EXPECT_EQ(result.result, auth::Result::Pass) << message << result.reason;
      }
}

TEST(DkimSigner, KeepsToItsColumns) {
  const std::string field =
      sign(published_message, rsa_private_pem, Canonical::Relaxed, Canonical::Relaxed);
  EXPECT_TRUE(field.ends_with("\r\n"));
  for (std::size_t at = 0; at < field.size();) {
    const std::size_t end = field.find("\r\n", at);
    EXPECT_LT(end - at, 78u) << field.substr(at, end - at);
    at = end + 2;
  }
}

TEST(DkimSigner, SignsCriticalFieldsOnceMore) {
  const auth::MessageHeader header(
      "From: x\r\nReceived: y\r\nSubject: 1\r\nSubject: 2\r\nSender: z\r\n");
  const auto names = names_to_sign(header);
  const auto count = [&](const char* name) { return std::ranges::count(names, name); };
  EXPECT_EQ(count("from"), 2);
  EXPECT_EQ(count("subject"), 3);
  EXPECT_EQ(count("cc"), 1);
  EXPECT_EQ(count("sender"), 1);
  EXPECT_EQ(count("list-id"), 0);
  EXPECT_EQ(count("received"), 0);
}

TEST(DkimSigner, SeesAnAddedField) {
  const std::string field =
      sign(published_message, ed25519_private_pem, Canonical::Relaxed, Canonical::Relaxed);
  EXPECT_EQ(verify(field + "Cc: x@y\r\n" + published_message).result, auth::Result::Fail);
  EXPECT_EQ(verify(field + "X-Spam: no\r\n" + published_message).result, auth::Result::Pass);
}

TEST(DkimSigner, SaysWhenItEnds) {
  SigningContent content(Canonical::Relaxed);
  content.take(bytes_of(published_message));
  content.finish();
  DkimWish wish{.domain = "football.example.com", .selector = "test"};
  EXPECT_FALSE(dkim_field(content, wish, now).before.contains(" x="));
  wish.expires = seconds(3600);
  const std::string field = dkim_field(content, wish, now).before;
  EXPECT_TRUE(field.contains(" t=1700000000;")) << field;
  EXPECT_TRUE(field.contains(" x=1700003600;")) << field;
}

// One pass over the content serves keys that ask for different forms.
TEST(DkimSigner, BothFormsOfABody) {
  const std::string message = "From: a@b\r\n\r\nx  y \r\n\r\n";
  SigningContent both;
  both.want(Canonical::Simple);
  both.want(Canonical::Relaxed);
  both.take(bytes_of(message));
  both.finish();
  for (const Canonical form : {Canonical::Simple, Canonical::Relaxed}) {
    SigningContent one(form);
    one.take(bytes_of(message));
    one.finish();
    EXPECT_EQ(both.body_hash(form), one.body_hash(form));
  }
  EXPECT_NE(both.body_hash(Canonical::Simple), both.body_hash(Canonical::Relaxed));
}

TEST(DkimSigner, NamesWhatIsThere) {
  const auth::MessageHeader header("From: x\r\nSubject: 1\r\nReceived: y\r\nSender: z\r\n");
  EXPECT_EQ(names_present(header), (std::vector<std::string>{"from", "subject", "sender"}));
}

}  // namespace
}  // namespace ringpost::scan
