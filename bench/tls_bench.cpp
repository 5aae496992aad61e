// What the server's side of TLS costs in processor time: our Channel beside bare BoringSSL with
// memory BIOs, both with the private key in this process; the client's work is not counted.
#include <ctime>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <openssl/ssl.h>

#include "engine/tls/channel.h"
#include "proto/base/check.h"
#include "tests/engine/tls/test_authority.h"

namespace ringpost::tls {
namespace {

using testing::Party;

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

const Party& party(bool rsa) {
  static const Party ecdsa_party = testing::make_party(testing::make_ec_key());
  static const Party rsa_party = testing::make_party(testing::make_rsa_key());
  return rsa ? rsa_party : ecdsa_party;
}

// One end in bare BoringSSL.
class Bare {
 public:
  Bare(SSL_CTX* context, bool server, SSL_SESSION* session) : ssl_(SSL_new(context)) {
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
    if (session != nullptr) SSL_set_session(ssl_.get(), session);
  }
  // Takes octets of the other end and gives those for it.
  std::string step(const std::string& octets) {
    BIO_write(SSL_get_rbio(ssl_.get()), octets.data(), static_cast<int>(octets.size()));
    char room[64];
    if (SSL_do_handshake(ssl_.get()) == 1) SSL_read(ssl_.get(), room, sizeof room);
    return output();
  }
  std::string write(const std::string& text) {
    SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size()));
    return output();
  }
  std::size_t read(const std::string& octets, MutableBytes room) {
    BIO_write(SSL_get_rbio(ssl_.get()), octets.data(), static_cast<int>(octets.size()));
    std::size_t total = 0;
    for (int got = 0; (got = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()))) > 0;)
      total += static_cast<std::size_t>(got);
    return total;
  }
  bool done() const { return SSL_in_init(ssl_.get()) == 0; }
  SSL* handle() { return ssl_.get(); }

 private:
  std::string output() {
    const std::uint8_t* data = nullptr;
    std::size_t octets = 0;
    BIO_mem_contents(SSL_get_wbio(ssl_.get()), &data, &octets);
    std::string text(text_of(bytes_at(data, octets)));
    BIO_reset(SSL_get_wbio(ssl_.get()));
    return text;
  }

  bssl::UniquePtr<SSL> ssl_;
};

// The same end by our Channel.
class Ours final : ChannelOwner {
 public:
  Ours(const ServerContext& context, testing::LocalSigner& signer)
      : signer_(signer), channel_(context, signer, *this) {}
  std::string step(const std::string& octets) {
    receive(bytes_of(octets));
    if (channel_.awaits_signature()) {
      signer_.deliver();
      receive({});
    }
    return output();
  }
  std::string write(const std::string& text) {
    channel_.send(bytes_of(text));
    return output();
  }
  std::size_t read(const std::string& octets, MutableBytes room) {
    std::size_t total = 0;
    for (Bytes rest = bytes_of(octets);;) {
      const auto progress = channel_.receive(rest, room);
      rest = rest.subspan(progress.consumed);
      total += progress.produced;
      if (progress.none()) return total;
    }
  }
  bool done() const { return channel_.state() == Channel::State::Open; }

 private:
  void channel_resumes() override {}
  void receive(Bytes rest) {
    std::byte room[64];
    for (;;) {
      const auto progress = channel_.receive(rest, room);
      rest = rest.subspan(progress.consumed);
      if (progress.none()) return;
    }
  }
  std::string output() {
    std::string text;
    channel_.take_output(text);
    return text;
  }

  testing::LocalSigner& signer_;
  Channel channel_;
};

struct Setup {
  Setup(bool rsa, bool modern)
      : bare(SSL_CTX_new(TLS_method())), client(SSL_CTX_new(TLS_method())) {
    const Party& ours = party(rsa);
    signer.add(ours);
    auto made = ServerContext::make({.certificates = {ours.parsed},
                                     .protocols = modern ? "tlsv1.3" : "tlsv1.2",
                                     .tickets = std::make_shared<TicketKeys>()});
    CHECK(made.has_value());
    context = *made;
    SSL_CTX_use_certificate(bare.get(), ours.certificate.get());
    SSL_CTX_use_PrivateKey(bare.get(), ours.key.get());
    SSL_CTX_set_session_cache_mode(bare.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_proto_version(bare.get(), modern ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_app_data(client.get(), this);
    SSL_CTX_set_session_cache_mode(client.get(), SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client.get(), [](SSL* ssl, SSL_SESSION* one) {
      static_cast<Setup*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->session.reset(one);
      return 1;
    });
  }

  bssl::UniquePtr<SSL_CTX> bare, client;
  bssl::UniquePtr<SSL_SESSION> session;
  std::shared_ptr<const ServerContext> context;
  testing::LocalSigner signer;
};

template <class Server>
std::unique_ptr<Server> make(Setup& setup) {
  if constexpr (std::is_same_v<Server, Bare>) {
    return std::make_unique<Bare>(setup.bare.get(), true, nullptr);
  } else {
    return std::make_unique<Ours>(*setup.context, setup.signer);
  }
}

// A whole handshake and its end; gives the server's seconds.
template <class Server>
double shake_hands(Setup& setup, bool resumed) {
  Bare client(setup.client.get(), false, resumed ? setup.session.get() : nullptr);
  double began = thread_seconds();
  std::unique_ptr<Server> server = make<Server>(setup);
  double used = thread_seconds() - began;
  for (std::string octets = client.step(""); !octets.empty(); octets = client.step(octets)) {
    began = thread_seconds();
    octets = server->step(octets);
    used += thread_seconds() - began;
  }
  CHECK(server->done() && client.done());
  CHECK((SSL_session_reused(client.handle()) != 0) == resumed);
  began = thread_seconds();
  const std::string greeting = server->write("220 mx.example ESMTP\r\n");  // tickets go with it
  used += thread_seconds() - began;
  client.step(greeting);
  began = thread_seconds();
  server.reset();
  return used + thread_seconds() - began;
}

template <class Server>
void handshake(benchmark::State& state) {
  const bool rsa = state.range(0) != 0, modern = state.range(1) != 0, resumed = state.range(2) != 0;
  Setup setup(rsa, modern);
  shake_hands<Server>(setup, false);
  for (auto _ : state) state.SetIterationTime(shake_hands<Server>(setup, resumed));
  state.SetItemsProcessed(state.iterations());
}
void every_kind(benchmark::internal::Benchmark* one) {
  one->ArgNames({"rsa", "tls13", "resumed"})->ArgsProduct({{0, 1}, {0, 1}, {0, 1}});
  one->UseManualTime();
}
BENCHMARK(handshake<Bare>)->Apply(every_kind);
BENCHMARK(handshake<Ours>)->Apply(every_kind);

template <class Server>
void content(benchmark::State& state) {
  Setup setup(false, true);
  Bare client(setup.client.get(), false, nullptr);
  auto server = make<Server>(setup);
  for (std::string octets = client.step(""); !octets.empty();
       octets = client.step(server->step(octets))) {
  }
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  std::string room(16'384, '\0');
  for (auto _ : state) {
    const std::string octets = client.write(text);
    const double began = thread_seconds();
    const std::size_t read = server->read(octets, std::as_writable_bytes(std::span(room)));
    state.SetIterationTime(thread_seconds() - began);
    CHECK(read == text.size());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(content<Bare>)->Arg(64)->Arg(16'384)->UseManualTime();
BENCHMARK(content<Ours>)->Arg(64)->Arg(16'384)->UseManualTime();

}  // namespace
}  // namespace ringpost::tls
