// Authorities: whom they let pass as what, and what a file of them may be.
#include "engine/tls/trust_store.h"

#include <gtest/gtest.h>

#include "tests/engine/tls/test_authority.h"

namespace ringpost::tls {
namespace {

using testing::make_ec_key;
using testing::make_party;
using testing::Party;
using testing::Wish;
using Role = TrustStore::Role;

class TrustStoreTest : public ::testing::Test {
 protected:
  std::string problem(const Party& party, std::vector<std::string> names = {},
                      Role role = Role::Server) {
    const bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> chain(sk_CRYPTO_BUFFER_new_null());
    for (const auto& one : party.parsed->chain)
      EXPECT_TRUE(bssl::PushToStack(chain.get(), bssl::UpRef(one)));
    return trust_->problem_with(chain.get(), role, names).value_or("");
  }

  Party authority_ =
      make_party(make_ec_key(), Wish{.names = "", .common_name = "CA", .authority = true});
  std::shared_ptr<const TrustStore> trust_ = *TrustStore::parse(authority_.pem);
};

TEST_F(TrustStoreTest, BelievesWhatItsAuthoritiesHaveSigned) {
  const Party leaf = make_party(make_ec_key(), {}, &authority_);
  EXPECT_EQ(problem(leaf), "");
  EXPECT_EQ(problem(leaf, {}, Role::Client), "");
  EXPECT_EQ(problem(leaf, {"mail.example.org"}), "");
  EXPECT_EQ(problem(leaf, {"other.example.org", "MAIL.example.org"}), "");
  EXPECT_EQ(problem(leaf, {"other.example.org"}), "Hostname mismatch");
}

TEST_F(TrustStoreTest, BelievesNobodyElse) {
  EXPECT_NE(problem(make_party(make_ec_key())), "");
  const Party expired =
      make_party(make_ec_key(), Wish{.begins = -7200, .ends = -3600}, &authority_);
  EXPECT_EQ(problem(expired), "certificate has expired");
  const Party early = make_party(make_ec_key(), Wish{.begins = 3600}, &authority_);
  EXPECT_EQ(problem(early), "certificate is not yet valid");
  const Party no_authority = make_party(make_ec_key(), {}, &authority_);
  EXPECT_NE(problem(make_party(make_ec_key(), {}, &no_authority)), "");
}

TEST_F(TrustStoreTest, MayTrustASingleCertificate) {
  const Party alone = make_party(make_ec_key());
  trust_ = *TrustStore::parse(alone.pem);
  EXPECT_EQ(problem(alone, {"mail.example.org"}), "");
  EXPECT_NE(problem(make_party(make_ec_key())), "");
}

TEST_F(TrustStoreTest, NeedsCertificatesAndKnowsThemApart) {
  EXPECT_EQ(TrustStore::parse("").error(), "no certificate in it");
  const Party other = make_party(make_ec_key(), Wish{.common_name = "Other", .authority = true});
  const auto both = TrustStore::parse(authority_.pem + other.pem);
  ASSERT_TRUE(both);
  EXPECT_EQ((*both)->size(), 2u);
  EXPECT_NE((*both)->identity(), trust_->identity());
  EXPECT_EQ((*TrustStore::parse(authority_.pem))->identity(), trust_->identity());
}

}  // namespace
}  // namespace ringpost::tls
