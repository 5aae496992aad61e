// From `pki` and `ca` lines to the contexts of listeners: which certificate a listener gets, and
// what the operator is told.
#include "engine/mta/certificates.h"

#include <map>

#include <gtest/gtest.h>

#include "engine/mta/listen_addresses.h"
#include "proto/conf/parse.h"
#include "tests/engine/tls/test_authority.h"

namespace ringpost::mta {
namespace {

using tls::testing::make_ec_key;
using tls::testing::make_party;
using tls::testing::Party;
using tls::testing::Wish;

class CertificatesTest : public ::testing::Test {
 protected:
  CertificatesTest() {
    authority_ = make_party(make_ec_key(), Wish{.common_name = "CA", .authority = true});
    files_["/ca.pem"] = authority_.pem;
    add("a", make_party(make_ec_key(), Wish{.names = "DNS:a.example.org"}, &authority_));
    add("b", make_party(make_ec_key(), Wish{.names = "DNS:b.example.org"}, &authority_));
  }

  void add(const std::string& name, Party party) {
    files_["/" + name + ".pem"] = party.pem;
    keys_["/" + name + ".key"] = party.parsed->key;
  }

  // "LINE: text" of each diagnostic; fills addresses_.
  std::string load(const std::string& text) {
    conf::FileReader none = [](const std::string& path) -> std::expected<std::string, Fault> {
      return std::unexpected(Fault{"open", ENOENT, path});
    };
    auto parsed =
        conf::parse({.path = "conf", .text = text, .server_name = "mx.example.org"}, none);
    EXPECT_TRUE(parsed.config);
    if (!parsed.config) return conf::to_text(parsed.diagnostics.front());
    config_.emplace(std::move(*parsed.config));
    addresses_ = resolve_listeners(*config_).addresses;
    const CertificateWish wish{
        .read = [this](const std::string& path) -> std::expected<std::string, Fault> {
          const auto found = files_.find(path);
          if (found == files_.end()) return std::unexpected(Fault{"open", ENOENT, path});
          return found->second;
        },
        .find_key = [this](const std::string& path,
                           const std::string&) -> std::expected<process::LoadedKey, std::string> {
          const auto found = keys_.find(path);
          if (found == keys_.end()) return std::unexpected(path + " has no key");
          return process::LoadedKey{.name = found->second};
        },
        .tickets = std::make_shared<tls::TicketKeys>(),
        .known_authorities = known_,
        .now = WallTime{static_cast<std::int64_t>(time(nullptr)) * 1'000'000}};
    std::vector<conf::Diagnostic> diagnostics;
    set_ = load_certificates(*config_, wish, diagnostics);
    make_contexts(*config_, set_, wish, addresses_, diagnostics);
    std::string told;
    for (const conf::Diagnostic& one : diagnostics)
      told += std::to_string(one.line) + ": " + one.text + "\n";
    return told;
  }

  const tls::ServerOptions& options(std::size_t listener) const {
    return addresses_.at(listener).tls->options();
  }

  std::shared_ptr<KnownAuthorities> known_ = std::make_shared<KnownAuthorities>();
  Party authority_;
  std::map<std::string, std::string> files_;
  std::map<std::string, tls::KeyName> keys_;
  std::optional<conf::Config> config_;
  std::vector<ListenAddress> addresses_;
  CertificateSet set_;
};

const std::string both =
    "pki a cert \"/a.pem\" key \"/a.key\"\npki b cert \"/b.pem\" key \"/b.key\"\n";
const std::string rule = "action x maildir\nmatch for local action x\n";

TEST_F(CertificatesTest, AListenerHasThoseThatItNames) {
  EXPECT_EQ(
      load(both + "listen on 127.0.0.1 tls pki b pki a\nlisten on 127.0.0.1 port 26\n" + rule), "");
  ASSERT_EQ(options(0).certificates.size(), 2u);
  EXPECT_EQ(options(0).certificates[0], set_.pkis.at("b"));
  EXPECT_EQ(options(0).client_certificates, tls::ClientCertificates::None);
  EXPECT_EQ(addresses_.at(1).tls, nullptr);
  EXPECT_EQ(first_end(set_),
            static_cast<std::uint64_t>(std::min(set_.pkis.at("a")->not_after.seconds(),
                                                set_.pkis.at("b")->not_after.seconds())));
  const std::vector<CertificateEnd> ends = certificate_ends(*config_, set_);
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0].pki + " " + ends[0].file, "a /a.pem");
  EXPECT_EQ(ends[1].pki + " " + ends[1].file, "b /b.pem");
  EXPECT_EQ(ends[1].end, set_.pkis.at("b")->not_after);
}

TEST_F(CertificatesTest, OrTheOneThatIsCalledLikeItsHostOrAll) {
  EXPECT_EQ(load("pki mx.example.org cert \"/a.pem\" key \"/a.key\"\n"
                 "pki \"*\" cert \"/b.pem\" key \"/b.key\"\n"
                 "listen on 127.0.0.1 tls\nlisten on 127.0.0.1 port 26 tls hostname other.org\n" +
                 rule),
            "");
  EXPECT_EQ(options(0).certificates.at(0), set_.pkis.at("mx.example.org"));
  EXPECT_EQ(options(1).certificates.at(0), set_.pkis.at("*"));
  EXPECT_EQ(load(both + "listen on 127.0.0.1 tls\n" + rule),
            "3: TLS needs a pki: name one, or declare one for mx.example.org or *\n");
}

TEST_F(CertificatesTest, ClientsAreAskedOrMustShowOne) {
  EXPECT_EQ(load(both +
                 "ca c cert \"/ca.pem\"\nlisten on 127.0.0.1 tls pki a ca c\n"
                 "listen on 127.0.0.1 port 26 tls-require verify pki a ca c\n" +
                 rule),
            "");
  EXPECT_EQ(options(0).client_certificates, tls::ClientCertificates::Asked);
  EXPECT_EQ(options(1).client_certificates, tls::ClientCertificates::Required);
  EXPECT_EQ(options(1).client_authorities, set_.authorities.at("c"));
  files_[system_authorities] = authority_.pem;
  EXPECT_EQ(load(both + "listen on 127.0.0.1 tls-require verify pki a\n" + rule), "");
  EXPECT_NE(options(0).client_authorities, nullptr);
}

TEST_F(CertificatesTest, TellsWhatIsWrongAndWhere) {
  const std::string listener = "listen on 127.0.0.1 tls pki a pki b\n" + rule;
  keys_["/a.key"] = keys_["/b.key"];
  files_["/b.pem"] = "nothing";
  EXPECT_EQ(load(both + listener),
            "1: the key in /a.key is not that of the certificate in /a.pem\n"
            "2: /b.pem: no certificate in it\n");
  keys_.erase("/a.key");
  files_.erase("/b.pem");
  EXPECT_EQ(load(both + "ca c cert \"/none.pem\"\n" + listener),
            "1: /a.key has no key\n2: open /b.pem: No such file or directory\n"
            "3: open /none.pem: No such file or directory\n");
}

TEST_F(CertificatesTest, WarnsOfTimesAndOfWhatHasNoEffect) {
  add("a", make_party(make_ec_key(), Wish{.ends = 3 * 86'400 + 60}, &authority_));
  add("b", make_party(make_ec_key(), Wish{.begins = -7200, .ends = -60}, &authority_));
  add("c", make_party(make_ec_key(), Wish{.begins = 600}, &authority_));
  EXPECT_EQ(load(both +
                 "pki c cert \"/c.pem\" key \"/c.key\" dhe auto\n"
                 "listen on 127.0.0.1 tls pki a\n" +
                 rule),
            "1: the certificate in /a.pem expires in 3 days\n"
            "2: the certificate in /b.pem has expired\n"
            "3: the certificate in /c.pem is not yet valid\n"
            "3: \"dhe\" has no effect: key exchange is by elliptic curves alone\n");
}

TEST_F(CertificatesTest, AuthoritiesAreParsedOnce) {
  const auto first = known_->parse(authority_.pem);
  ASSERT_TRUE(first);
  EXPECT_EQ(known_->parse(authority_.pem), first);
  EXPECT_FALSE(known_->parse("nonsense"));
  // Whatever is loaded in between, what it holds is bounded.
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(known_->parse(authority_.pem + std::string(static_cast<std::size_t>(i), '\n')));
  EXPECT_EQ((*known_->parse(authority_.pem))->identity(), (*first)->identity());
}

}  // namespace
}  // namespace ringpost::mta
