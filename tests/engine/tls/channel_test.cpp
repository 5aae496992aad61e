// Two channels against each other in memory: what a session is, what is refused, and that a
// signature may take its time.
#include "engine/tls/channel.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/engine/tls/test_authority.h"

namespace ringpost::tls {
namespace {

using testing::LocalSigner;
using testing::make_ec_key;
using testing::make_party;
using testing::make_rsa_key;
using testing::Party;
using testing::Wish;
using State = Channel::State;

struct Awake final : ChannelOwner {
  void channel_resumes() override { ++times; }
  int times = 0;
};

// One channel and what has come out of it.
struct End {
  Channel* channel = nullptr;
  std::string plain{};
  std::string unread{};  // octets of the peer that it has not taken
};

void feed(End& end, std::size_t piece) {
  std::string room(300, '\0');
  for (;;) {
    const Bytes octets = bytes_of(end.unread).first(std::min(piece, end.unread.size()));
    const auto progress = end.channel->receive(octets, std::as_writable_bytes(std::span(room)));
    end.plain.append(room, 0, progress.produced);
    end.unread.erase(0, progress.consumed);
    if (progress.none()) return;
  }
}

bool move_octets(End& from, End& to) {
  std::string octets;
  from.channel->take_output(octets);
  to.unread += octets;
  return !octets.empty();
}

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest()
      : authority_(make_party(make_ec_key(),
                              Wish{.names = "", .common_name = "Authority", .authority = true})),
        party_(make_party(make_ec_key(), {}, &authority_)) {
    signer_.add(party_);
    server_options_ = {.certificates = {party_.parsed}, .tickets = tickets_};
    trust_ = *TrustStore::parse(authority_.pem);
    client_options_ = {.authorities = trust_};
    aim_ = {.server_name = "mail.example.org",
            .names = {"mail.example.org"},
            .must_verify = true,
            .sessions = &sessions_,
            .session_name = "mail"};
  }

  void make_contexts() {
    auto server = ServerContext::make(server_options_);
    ASSERT_TRUE(server) << server.error();
    server_context_ = *server;
    auto client = ClientContext::make(client_options_);
    ASSERT_TRUE(client) << client.error();
    client_context_ = *client;
  }

  // Contexts are kept from one session to the next, as sessions are resumed only then.
  void begin() {
    if (!server_context_) make_contexts();
    server_.emplace(*server_context_, signer_, awake_);
    client_.emplace(*client_context_, aim_, signer_, awake_);
    server_end_ = {.channel = &*server_};
    client_end_ = {.channel = &*client_};
  }

  void run(std::size_t piece = 1u << 20) {
    for (bool more = true; more;) {
      more = move_octets(client_end_, server_end_);
      feed(server_end_, piece);
      more = move_octets(server_end_, client_end_) || more;
      feed(client_end_, piece);
      more = more || client_->has_output() || signer_.any();
      signer_.deliver();
    }
  }

  void handshake() {
    begin();
    run();
  }

  void expect_open() {
    ASSERT_EQ(server_->state(), State::Open) << server_->problem();
    ASSERT_EQ(client_->state(), State::Open) << client_->problem();
  }

  void exchange() {
    client_->send(bytes_of("EHLO client\r\n"));
    run();
    EXPECT_EQ(server_end_.plain, "EHLO client\r\n");
    server_->send(bytes_of("250 server\r\n"));
    run();
    EXPECT_EQ(client_end_.plain, "250 server\r\n");
  }

  const std::shared_ptr<TicketKeys> tickets_ = std::make_shared<TicketKeys>();
  SessionStore sessions_{8};
  LocalSigner signer_;
  Awake awake_;
  Party authority_, party_;
  std::shared_ptr<const TrustStore> trust_;
  ServerOptions server_options_;
  ClientOptions client_options_;
  ClientAim aim_;
  std::shared_ptr<const ServerContext> server_context_;
  std::shared_ptr<const ClientContext> client_context_;
  std::optional<Channel> server_, client_;
  End server_end_, client_end_;
};

TEST_F(ChannelTest, TwoEndsTalk) {
  handshake();
  expect_open();
  exchange();
  const ChannelFacts facts = server_->facts();
  EXPECT_EQ(facts.version, "TLSv1.3");
  EXPECT_TRUE(facts.cipher.starts_with("TLS_")) << facts.cipher;
  EXPECT_GE(facts.cipher_bits, 128u);
  EXPECT_EQ(facts.group, "X25519");
  EXPECT_EQ(facts.server_name, "mail.example.org");
  EXPECT_FALSE(facts.resumed);
  EXPECT_FALSE(facts.peer);
  ASSERT_TRUE(client_->facts().peer);
  EXPECT_TRUE(client_->facts().peer->verified);
  EXPECT_EQ(client_->facts().peer->subject, "CN=mail.example.org");
  EXPECT_EQ(client_->facts().peer->fingerprint, party_.parsed->fingerprint);
  EXPECT_EQ(server_->certificate(), party_.parsed.get());
}

TEST_F(ChannelTest, AnyCuttingOfTheOctetsGivesTheSame) {
  for (const std::size_t piece : {1u, 2u, 7u, 100u}) {
    begin();
    run(piece);
    expect_open();
    client_->send(bytes_of(std::string(40'000, 'x')));
    run(piece);
    EXPECT_EQ(server_end_.plain, std::string(40'000, 'x'));
  }
}

TEST_F(ChannelTest, AHandshakeWaitsForItsSignature) {
  begin();
  move_octets(client_end_, server_end_);
  feed(server_end_, 1u << 20);
  EXPECT_TRUE(server_->awaits_signature());
  // Whatever comes meanwhile stays with the owner.
  server_end_.unread += "more";
  std::string room(10, '\0');
  EXPECT_TRUE(
      server_->receive(bytes_of(server_end_.unread), std::as_writable_bytes(std::span(room)))
          .none());
  server_end_.unread.clear();
  EXPECT_EQ(awake_.times, 0);
  signer_.deliver();
  EXPECT_EQ(awake_.times, 1);
  EXPECT_FALSE(server_->awaits_signature());
  feed(server_end_, 1u << 20);
  EXPECT_TRUE(server_->has_output());
  run();
  expect_open();
}

TEST_F(ChannelTest, WithoutASignatureThereIsNoSession) {
  signer_.broken = true;
  handshake();
  EXPECT_EQ(server_->state(), State::Failed);
  EXPECT_TRUE(server_->problem().starts_with("no signature: sign: ")) << server_->problem();
  EXPECT_EQ(client_->state(), State::Failed);
}

TEST_F(ChannelTest, AChannelMayGoWhileItWaits) {
  begin();
  move_octets(client_end_, server_end_);
  feed(server_end_, 1u << 20);
  ASSERT_TRUE(signer_.any());
  server_.reset();
  EXPECT_FALSE(signer_.any());
}

class ChannelVersionTest : public ChannelTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(ChannelVersionTest, ASecondSessionIsResumed) {
  server_options_.protocols = GetParam();
  handshake();
  expect_open();
  EXPECT_FALSE(server_->facts().resumed);
  exchange();
  const std::size_t signatures = signer_.schemes.size();
  handshake();
  expect_open();
  EXPECT_TRUE(server_->facts().resumed);
  EXPECT_TRUE(client_->facts().resumed);
  EXPECT_TRUE(client_->facts().peer->verified);
  EXPECT_EQ(signer_.schemes.size(), signatures);
  exchange();
}

TEST_P(ChannelVersionTest, TicketsAreGoodForTwoRotationsAndInOtherContexts) {
  server_options_.protocols = GetParam();
  handshake();
  exchange();
  tickets_->rotate();
  tickets_->rotate();
  server_context_ = *ServerContext::make(server_options_);
  handshake();
  expect_open();
  EXPECT_TRUE(server_->facts().resumed);
  exchange();
  for (int i = 0; i < 3; ++i) tickets_->rotate();
  handshake();
  expect_open();
  EXPECT_FALSE(server_->facts().resumed);
}

TEST_P(ChannelVersionTest, ASessionIsNotResumedWhereClientsAreJudgedOtherwise) {
  server_options_.protocols = GetParam();
  handshake();
  exchange();
  server_options_.client_certificates = ClientCertificates::Asked;
  server_options_.client_authorities = trust_;
  server_context_ = *ServerContext::make(server_options_);
  handshake();
  expect_open();
  EXPECT_FALSE(server_->facts().resumed);
}

TEST_P(ChannelVersionTest, AResumedServerMustHaveTheNameAskedForNow) {
  server_options_.protocols = GetParam();
  handshake();
  exchange();
  aim_.names = {"other.example.org"};
  handshake();
  EXPECT_EQ(client_->state(), State::Failed);
  EXPECT_TRUE(client_->problem().starts_with("certificate: ")) << client_->problem();
}

TEST_P(ChannelVersionTest, TheBindingIsTheSameOnBothSidesAndOnceOnly) {
  server_options_.protocols = GetParam();
  begin();
  EXPECT_FALSE(server_->binding());
  run();
  expect_open();
  const auto first = server_->binding();
  if (server_options_.protocols == "tlsv1.2") {
    EXPECT_FALSE(first);
    return;
  }
  ASSERT_TRUE(first);
  EXPECT_EQ(first, client_->binding());
  handshake();
  EXPECT_NE(first, server_->binding());
}

TEST_P(ChannelVersionTest, AClientCanShowACertificate) {
  server_options_.protocols = GetParam();
  const Party known = make_party(
      make_ec_key(), Wish{.names = "DNS:client.example.org", .common_name = "client"}, &authority_);
  const Party stranger = make_party(make_rsa_key(), Wish{.common_name = "stranger"});
  signer_.add(known);
  signer_.add(stranger);
  server_options_.client_certificates = ClientCertificates::Asked;
  server_options_.client_authorities = trust_;
  client_options_.certificate = known.parsed;
  handshake();
  expect_open();
  exchange();
  ASSERT_TRUE(server_->facts().peer);
  EXPECT_TRUE(server_->facts().peer->verified) << server_->facts().peer->problem;
  EXPECT_EQ(server_->facts().peer->subject, "CN=client");

  handshake();
  expect_open();
  EXPECT_TRUE(server_->facts().resumed);
  ASSERT_TRUE(server_->facts().peer);
  EXPECT_TRUE(server_->facts().peer->verified);

  client_options_.certificate = stranger.parsed;
  aim_.sessions = nullptr;
  make_contexts();
  handshake();
  expect_open();
  ASSERT_TRUE(server_->facts().peer);
  EXPECT_FALSE(server_->facts().peer->verified);
  EXPECT_FALSE(server_->facts().peer->problem.empty());
}

TEST_P(ChannelVersionTest, ACertificateCanBeDemandedOfClients) {
  server_options_.protocols = GetParam();
  server_options_.client_certificates = ClientCertificates::Required;
  server_options_.client_authorities = trust_;
  handshake();
  EXPECT_EQ(server_->state(), State::Failed);
  const Party stranger = make_party(make_ec_key(), Wish{.common_name = "stranger"});
  signer_.add(stranger);
  client_options_.certificate = stranger.parsed;
  make_contexts();
  handshake();
  EXPECT_EQ(server_->state(), State::Failed);
  EXPECT_TRUE(server_->problem().starts_with("certificate: ")) << server_->problem();
}

INSTANTIATE_TEST_SUITE_P(Versions, ChannelVersionTest, ::testing::Values("tlsv1.2", "tlsv1.3"));

TEST_F(ChannelTest, AServerThatCannotBeVerifiedIsRefusedOrNoted) {
  aim_.names = {"elsewhere.example.org"};
  handshake();
  EXPECT_EQ(client_->state(), State::Failed);
  EXPECT_EQ(client_->problem(), "certificate: Hostname mismatch");
  EXPECT_EQ(server_->state(), State::Failed);
  aim_.must_verify = false;
  handshake();
  expect_open();
  EXPECT_FALSE(client_->facts().peer->verified);
  EXPECT_EQ(client_->facts().peer->problem, "Hostname mismatch");
}

TEST_F(ChannelTest, TheCertificateFollowsTheNameAndWhatTheClientCanVerify) {
  const Party rsa = make_party(make_rsa_key(), {}, &authority_);
  const Party other =
      make_party(make_ec_key(NID_secp384r1), Wish{.names = "DNS:*.example.net"}, &authority_);
  signer_.add(rsa);
  signer_.add(other);
  server_options_.certificates = {rsa.parsed, party_.parsed, other.parsed};
  aim_.sessions = nullptr;
  handshake();
  expect_open();
  EXPECT_EQ(server_->certificate(), party_.parsed.get());
  aim_.server_name = "mx.example.net";
  aim_.names = {"mx.example.net"};
  handshake();
  expect_open();
  EXPECT_EQ(server_->certificate(), other.parsed.get());
  aim_.server_name = "";
  aim_.names = {};
  handshake();
  EXPECT_EQ(server_->certificate(), party_.parsed.get());
  client_options_.protocols = "tlsv1.2";
  client_options_.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  make_contexts();
  handshake();
  expect_open();
  EXPECT_EQ(server_->certificate(), rsa.parsed.get());
  EXPECT_EQ(server_->facts().cipher, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
}

TEST_F(ChannelTest, EndsAreTold) {
  handshake();
  client_->send(bytes_of("QUIT\r\n"));
  client_->finish();
  run();
  EXPECT_EQ(server_end_.plain, "QUIT\r\n");
  EXPECT_EQ(server_->state(), State::PeerEnded);
  ASSERT_TRUE(server_->may_send());
  server_->send(bytes_of("221\r\n"));
  server_->finish();
  server_->finish();
  run();
  EXPECT_EQ(client_end_.plain, "221\r\n");
  EXPECT_EQ(client_->state(), State::PeerEnded);
}

TEST_F(ChannelTest, GarbageFailsWithAnAlert) {
  begin();
  server_end_.unread = "EHLO in the clear\r\n";
  feed(server_end_, 1u << 20);
  EXPECT_EQ(server_->state(), State::Failed);
  EXPECT_FALSE(server_->problem().empty());
  EXPECT_FALSE(server_->may_send());
  server_->finish();
  server_end_.unread = "more";
  feed(server_end_, 1u << 20);
  EXPECT_EQ(server_end_.unread, "more");
}

TEST_F(ChannelTest, AChangedOctetIsFound) {
  handshake();
  client_->send(bytes_of("DATA\r\n"));
  move_octets(client_end_, server_end_);
  server_end_.unread.back() = static_cast<char>(server_end_.unread.back() ^ 1);
  feed(server_end_, 1u << 20);
  EXPECT_EQ(server_->state(), State::Failed);
  EXPECT_EQ(server_end_.plain, "");
}

TEST_F(ChannelTest, VersionsWithoutACommonOneFail) {
  server_options_.protocols = "tlsv1.3";
  client_options_.protocols = "tlsv1.2";
  handshake();
  EXPECT_EQ(server_->state(), State::Failed);
  EXPECT_EQ(server_->problem(), "unsupported protocol");
  EXPECT_EQ(client_->state(), State::Failed);
}

TEST_F(ChannelTest, SettingsThatCannotBeAreTold) {
  server_options_.protocols = "sslv3";
  EXPECT_EQ(ServerContext::make(server_options_).error(), "unknown protocol \"sslv3\"");
  server_options_.protocols = "tlsv1.0";
  EXPECT_EQ(ServerContext::make(server_options_).error(), "only TLSv1.2 and TLSv1.3 exist here");
  server_options_.protocols = "";
  server_options_.ciphers = "AES128-SHA";
  EXPECT_FALSE(ServerContext::make(server_options_));
  server_options_.ciphers = "HIGH:!aNULL:!MD5";
  EXPECT_TRUE(ServerContext::make(server_options_));
}

}  // namespace
}  // namespace ringpost::tls
