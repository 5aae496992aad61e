// SCRAM-SHA-256: the example of RFC 7677, what a client may not do, and channel binding.
#include "proto/sasl/scram_exchange.h"

#include <gtest/gtest.h>

#include "proto/base/base64.h"
#include "tests/support/sha256_model.h"

namespace ringpost::sasl {
namespace {

// RFC 7677 section 3
constexpr std::string_view server_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view salt_text = "W22ZaJ0SNY7soEsUEjb6gQ==";

const ScramKeys& example_keys() {
  static const ScramKeys keys =
      make_scram_keys("pencil", *base64_decode(salt_text), 4096, test::hashing);
  return keys;
}

ScramSettings settings(bool plus = false, bool plus_offered = false) {
  ScramSettings result{.hashing = &test::hashing,
                       .plus = plus,
                       .plus_offered = plus_offered,
                       .nonce = std::string(server_nonce)};
  result.bindings.push_back({"tls-exporter", "0123456789"});
  return result;
}

std::string text_of(const Step& step) {
  if (const auto* challenge = std::get_if<Challenge>(&step)) return "? " + challenge->octets;
  if (const auto* wanted = std::get_if<KeysWanted>(&step)) return "keys " + wanted->user;
  if (const auto* proved = std::get_if<Proved>(&step)) return "proved " + proved->user;
  if (const auto* refused = std::get_if<Refused>(&step)) {
    constexpr std::string_view names[] = {"malformed", "wrong", "identity", "binding"};
    return "! " + std::string(names[static_cast<std::size_t>(refused->reason)]);
  }
  return "password";
}

std::string first_of(std::string_view message, bool plus = false, bool plus_offered = false) {
  ScramExchange exchange(settings(plus, plus_offered));
  return text_of(exchange.begin(message));
}

// What a client that knows `password` says at the end.
std::string final_message(std::string_view first_bare, std::string_view server_first,
                          std::string_view binding, std::string_view password) {
  const std::string nonce(server_first.substr(2, server_first.find(',') - 2));
  const std::string without_proof = "c=" + base64_encode(binding) + ",r=" + nonce;
  const std::string message =
      std::string(first_bare) + "," + std::string(server_first) + "," + without_proof;
  Hash salted = test::pbkdf2_sha256(password, bytes_of(*base64_decode(salt_text)), 4096);
  Hash proof = test::hmac_sha256(salted, bytes_of("Client Key"));
  const Hash signature = test::hmac_sha256(test::sha256(proof), bytes_of(message));
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= signature[i];
  return without_proof + ",p=" + base64_encode(sasl::text_of(proof));
}

TEST(ScramExchange, IsTheExampleOfRfc7677) {
  ScramExchange exchange(settings());
  EXPECT_EQ(text_of(exchange.begin({})), "? ");
  EXPECT_EQ(text_of(exchange.respond("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), "keys user");
  EXPECT_EQ(text_of(exchange.found(example_keys(), true)),
            "? r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096");
  EXPECT_EQ(text_of(exchange.respond("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")),
            "? v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  EXPECT_EQ(text_of(exchange.respond("")), "proved user");
  EXPECT_EQ(text_of(exchange.respond("")), "! malformed") << "nothing comes behind the end";
}

TEST(ScramExchange, TellsWrongPasswordsAndUnknownUsersTheSame) {
  for (const bool known : {true, false}) {
    ScramExchange exchange(settings());
    EXPECT_EQ(text_of(exchange.begin("n,,n=user,r=abc")), "keys user");
    const std::string server_first = text_of(exchange.found(example_keys(), known)).substr(2);
    const std::string final =
        final_message("n=user,r=abc", server_first, "n,,", known ? "pencils" : "pencil");
    EXPECT_EQ(text_of(exchange.respond(final)), "! wrong");
  }
}

TEST(ScramExchange, BindsToTheChannel) {
  for (const std::string_view data : {"0123456789", "0123456780", ""}) {
    ScramExchange exchange(settings(true, true));
    EXPECT_EQ(text_of(exchange.begin("p=tls-exporter,,n=user,r=abc")), "keys user");
    const std::string server_first = text_of(exchange.found(example_keys(), true)).substr(2);
    const std::string binding = "p=tls-exporter,," + std::string(data);
    const std::string answer =
        text_of(exchange.respond(final_message("n=user,r=abc", server_first, binding, "pencil")));
    EXPECT_EQ(answer.starts_with("? v="), data == "0123456789") << answer;
    if (data != "0123456789") {
      EXPECT_EQ(answer, "! binding");
    }
  }
}

TEST(ScramExchange, NoticesWhoTookTheBindingAway) {
  EXPECT_EQ(first_of("y,,n=user,r=abc", false, true), "! binding");
  EXPECT_EQ(first_of("y,,n=user,r=abc", false, false), "keys user");
  EXPECT_EQ(first_of("n,,n=user,r=abc", true, true), "! binding") << "PLUS means to bind";
  EXPECT_EQ(first_of("p=tls-unique,,n=user,r=abc", true, true), "! binding");
  EXPECT_EQ(first_of("p=tls-exporter,,n=user,r=abc", false, true), "! binding");
}

TEST(ScramExchange, RefusesOtherFirstMessages) {
  for (const std::string_view message :
       {"", "n", "n,", "n,,", "n,,n=user", "n,,n=,r=abc", "n,,r=abc,n=user", "x,,n=user,r=abc",
        "n,b,n=user,r=abc", "n,a=,n=user,r=abc", "n,,m=x,n=user,r=abc", "n,,n=us=2dr,r=abc",
        "n,,n=us\x01r,r=abc", "n,,n=user,r=", "n,,n=user,r=a b"})
    EXPECT_EQ(first_of(message), "! malformed") << message;
  EXPECT_EQ(first_of("n,a=bob,n=user,r=abc"), "! identity");
  EXPECT_EQ(first_of("n,a=user,n=user,r=abc,x=unknown"), "keys user");
  EXPECT_EQ(first_of("n,,n=a=2Cb=3Dc,r=abc"), "keys a,b=c");
  EXPECT_EQ(first_of("n,,n=user,r=" + std::string(5000, 'a')), "! malformed");
}

TEST(ScramExchange, RefusesOtherFinalMessages) {
  const std::string nonce = "abc" + std::string(server_nonce);
  for (const std::string& message :
       {std::string(), std::string("p=AAAA"), "c=biws,r=" + nonce, std::string("c=biws,p=AAAA"),
        std::string("c=biws,r=abc,p=AAAA"), "c=b,r=" + nonce + ",p=AAAA",
        "c=biws,r=" + nonce + ",p=A"}) {
    ScramExchange exchange(settings());
    exchange.begin("n,,n=user,r=abc");
    EXPECT_EQ(text_of(exchange.respond("n,,n=user,r=abc")), "! malformed") << "out of turn";
    ScramExchange other(settings());
    other.begin("n,,n=user,r=abc");
    other.found(example_keys(), true);
    EXPECT_EQ(text_of(other.respond(message)), "! malformed") << message;
  }
  ScramExchange exchange(settings());
  exchange.begin("n,,n=user,r=abc");
  exchange.found(example_keys(), true);
  EXPECT_EQ(text_of(exchange.respond("c=eSws,r=" + nonce + ",p=AAAA")), "! binding")
      << "another header than at the start";
}

TEST(ScramKeys, HaveDovecotsForm) {
  const std::string text = to_text(example_keys());
  EXPECT_EQ(text,
            "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
            "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
            "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
  EXPECT_EQ(parse_scram_keys(text), example_keys());
}

TEST(ScramKeys, RefusesWhatIsNone) {
  const std::string good = to_text(example_keys());
  for (const std::string& text :
       {std::string("secret"), std::string("{SCRAM-SHA-256}"),
        std::string("{SCRAM-SHA-1}4096,a,b,c"), good + ",", good.substr(0, good.size() - 1),
        std::string("{SCRAM-SHA-256}4095") + good.substr(19),
        std::string("{SCRAM-SHA-256}10000001") + good.substr(19),
        std::string("{SCRAM-SHA-256}x") + good.substr(19)})
    EXPECT_FALSE(parse_scram_keys(text)) << text;
}

}  // namespace
}  // namespace ringpost::sasl
