// Certificates: what is read of them, what is refused, and which hosts a name covers.
#include "engine/tls/certificate.h"

#include <gtest/gtest.h>

#include "tests/engine/tls/test_authority.h"

namespace ringpost::tls {
namespace {

using testing::make_certificate;
using testing::make_ec_key;
using testing::make_ed25519_key;
using testing::make_party;
using testing::make_rsa_key;
using testing::Party;
using testing::pem_of;
using testing::Wish;

TEST(Certificate, SaysWhoseItIs) {
  const Wish wish{.names = "DNS:MX.example.org,IP:192.0.2.1,DNS:*.example.net,email:x@y.z",
                  .common_name = "somebody else",
                  .begins = -86'400,
                  .ends = 86'400};
  const Party party = make_party(make_ec_key(), wish);
  const Certificate& parsed = *party.parsed;
  EXPECT_EQ(parsed.names, (std::vector<std::string>{"mx.example.org", "*.example.net"}));
  EXPECT_EQ(parsed.subject, "CN=somebody else");
  EXPECT_EQ(parsed.fingerprint.size(), 64u);
  EXPECT_EQ(parsed.not_after - parsed.not_before, seconds(2 * 86'400));
  EXPECT_TRUE(parsed.is_chain);
  EXPECT_EQ(identify(*parsed.chain.front()).fingerprint, parsed.fingerprint);
  EXPECT_EQ(identify(*parsed.chain.front()).subject, parsed.subject);
}

TEST(Certificate, UsesTheCommonNameWhereThereIsNoOther) {
  EXPECT_EQ(make_party(make_ec_key(), Wish{.names = ""}).parsed->names,
            std::vector<std::string>{"mail.example.org"});
}

TEST(Certificate, KnowsKindsOfKeys) {
  const auto kind = [](testing::Key key) { return make_party(std::move(key)).parsed->kind; };
  EXPECT_EQ(kind(make_ec_key()), KeyKind::EcdsaP256);
  EXPECT_EQ(kind(make_ec_key(NID_secp384r1)), KeyKind::EcdsaP384);
  EXPECT_EQ(kind(make_ec_key(NID_secp521r1)), KeyKind::EcdsaP521);
  EXPECT_EQ(kind(make_rsa_key()), KeyKind::Rsa);
  EXPECT_EQ(kind(make_ed25519_key()), KeyKind::Ed25519);
}

TEST(Certificate, NamesItsKeyByItsPublicHalf) {
  const Party first = make_party(make_ec_key());
  const auto again = make_certificate(*first.key, Wish{.common_name = "another"});
  EXPECT_EQ(parse_certificate(pem_of(again.get()))->key, first.parsed->key);
  EXPECT_NE(make_party(make_ec_key()).parsed->key, first.parsed->key);
}

TEST(Certificate, TellsAChainFromAHeap) {
  const Party authority = make_party(make_ec_key(), Wish{.common_name = "CA", .authority = true});
  const Party leaf = make_party(make_ec_key(), {}, &authority);
  EXPECT_EQ(leaf.parsed->chain.size(), 2u);
  EXPECT_TRUE(leaf.parsed->is_chain);
  const Party other = make_party(make_ec_key(), Wish{.common_name = "other"});
  const auto heap = parse_certificate(leaf.pem + other.pem);
  ASSERT_TRUE(heap);
  EXPECT_FALSE(heap->is_chain);
}

TEST(Certificate, RefusesWhatIsNone) {
  EXPECT_EQ(parse_certificate("").error(), "no certificate in it");
  EXPECT_EQ(parse_certificate("nothing\n").error(), "no certificate in it");
  const Party party = make_party(make_ec_key());
  std::string damaged = party.pem;
  damaged.erase(200, 8);
  EXPECT_TRUE(parse_certificate(damaged).error().starts_with("certificate 1: "));
  EXPECT_TRUE(parse_certificate(party.pem + damaged).error().starts_with("certificate 2: "));
  std::string many;
  for (int i = 0; i < 17; ++i) many += party.pem;
  EXPECT_EQ(parse_certificate(many).error(), "more than 16 certificates");
}

TEST(Certificate, CoversHosts) {
  const std::vector<std::string> names{"mx.example.org", "*.example.net", "*.org", "*"};
  for (const char* host : {"mx.example.org", "MX.Example.ORG", "a.example.net", "A.EXAMPLE.NET"})
    EXPECT_TRUE(covers(names, host)) << host;
  for (const char* host : {"", "x.mx.example.org", "example.org", "a.b.example.net", "example.net",
                           ".example.net", "example2.org", "*"})
    EXPECT_FALSE(covers({"mx.example.org", "*.example.net", "*.org"}, host)) << host;
}

}  // namespace
}  // namespace ringpost::tls
