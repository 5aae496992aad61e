// PLAIN and LOGIN: what becomes a name and a password, and what does not.
#include "proto/sasl/password_exchange.h"

#include <gtest/gtest.h>

namespace ringpost::sasl {
namespace {

using namespace std::string_view_literals;

std::string text_of(const Step& step) {
  if (const auto* challenge = std::get_if<Challenge>(&step)) return "? " + challenge->octets;
  if (const auto* given = std::get_if<PasswordGiven>(&step))
    return given->user + "/" + std::string(given->password.reveal());
  if (const auto* refused = std::get_if<Refused>(&step)) {
    constexpr std::string_view names[] = {"malformed", "wrong", "identity", "binding"};
    return "! " + std::string(names[static_cast<std::size_t>(refused->reason)]) + " " +
           refused->user;
  }
  return "";
}

std::string plain(std::string_view message) {
  return text_of(PasswordExchange(Mechanism::Plain).begin(message));
}

TEST(PasswordExchange, PlainGivesNameAndPassword) {
  EXPECT_EQ(plain("\0alice\0secret"sv), "alice/secret");
  EXPECT_EQ(plain("alice\0alice\0secret"sv), "alice/secret");
  EXPECT_EQ(plain("bob\0alice\0secret"sv), "! identity alice");
  PasswordExchange exchange(Mechanism::Plain);
  EXPECT_EQ(text_of(exchange.begin({})), "? ");
  EXPECT_EQ(text_of(exchange.respond("\0\xc3\xa4\0 "sv)), "\xc3\xa4/ ");
}

TEST(PasswordExchange, PlainRefusesOtherMessages) {
  for (const std::string_view message :
       {""sv, "alice"sv, "\0alice"sv, "\0alice\0"sv, "\0\0secret"sv, "\0alice\0se\0cret"sv,
        "\0al\nice\0secret"sv, "\0\xff\0secret"sv})
    EXPECT_EQ(plain(message), "! malformed ");
}

TEST(PasswordExchange, LoginAsksTwice) {
  PasswordExchange exchange(Mechanism::Login);
  EXPECT_EQ(text_of(exchange.begin({})), "? Username:");
  EXPECT_EQ(text_of(exchange.respond("alice")), "? Password:");
  EXPECT_EQ(text_of(exchange.respond("secret")), "alice/secret");
  PasswordExchange eager(Mechanism::Login);
  EXPECT_EQ(text_of(eager.begin("alice")), "? Password:");
  EXPECT_EQ(text_of(eager.respond("")), "! malformed alice");
  EXPECT_EQ(text_of(PasswordExchange(Mechanism::Login).begin("a\0b"sv)), "! malformed ");
}

}  // namespace
}  // namespace ringpost::sasl
