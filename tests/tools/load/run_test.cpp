// Whole runs over loopback: the source against the sink, and against servers that refuse or break
// off.
#include "tools/load/run.h"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/net/listener.h"
#include "engine/tls/problem.h"
#include "tests/engine/tls/test_authority.h"
#include "tests/tools/load/running_sink.h"

namespace ringpost::load {
namespace {

Options source(const Port& port) {
  Options options;
  options.target = port.address();
  options.connections = 5;
  options.messages = 103;
  options.messages_per_connection = 10;
  return options;
}

Report run_source(const Options& options) {
  const auto report = run(options);
  EXPECT_TRUE(report);
  return report.value_or(Report{});
}

TEST(LoadRun, EveryMessageArrivesInEveryManner) {
  const Port port;
  std::uint64_t octets = 0;
  const Report taken = with_sink(sink_at(port), [&] {
    for (const auto [pipelining, chunking] :
         std::to_array<std::pair<bool, bool>>({{true, false}, {false, false}, {true, true}})) {
      Options options = source(port);
      options.pipelining = pipelining;
      options.chunking = chunking;
      options.sizes = {{.octets = 600, .weight = 1}, {.octets = 100'000, .weight = 1}};
      const Report report = run_source(options);
      EXPECT_TRUE(report.is_clean()) << to_line(report, options);
      EXPECT_EQ(report.messages, 103u);
      EXPECT_GE(report.connections, 11u);
      octets += report.octets;
    }
  });
  EXPECT_EQ(taken.messages, 309u);
  EXPECT_EQ(taken.octets, octets);
}

// A certificate of our own and its key, in files.
std::shared_ptr<const SinkEncryption> sink_keys() {
  const auto folder = std::filesystem::path(testing::TempDir());
  const auto certificate = folder / ("load-cert-" + std::to_string(getpid()));
  const auto key = folder / ("load-key-" + std::to_string(getpid()));
  const auto party = tls::testing::make_party(tls::testing::make_ec_key());
  std::ofstream(certificate) << party.pem;
  const bssl::UniquePtr<BIO> sink(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(sink.get(), party.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  const std::uint8_t* data = nullptr;
  std::size_t octets = 0;
  BIO_mem_contents(sink.get(), &data, &octets);
  std::ofstream(key) << text_of(tls::bytes_at(data, octets));
  std::filesystem::permissions(key, std::filesystem::perms::owner_read);
  auto keys = SinkEncryption::load(certificate, key);
  EXPECT_TRUE(keys) << keys.error();
  const auto wrong = SinkEncryption::load(key, key);
  EXPECT_FALSE(wrong);
  const auto none = SinkEncryption::load(certificate, certificate);
  EXPECT_FALSE(none);
  std::filesystem::remove(certificate);
  std::filesystem::remove(key);
  return keys ? *keys : nullptr;
}

TEST(LoadRun, EveryMessageArrivesThroughTls) {
  const auto keys = sink_keys();
  for (const Encryption encryption : {Encryption::Implicit, Encryption::StartTls}) {
    const Port port;
    Options sink = sink_at(port);
    sink.encryption = encryption;
    sink.keys = keys;
    std::uint64_t octets = 0;
    const Report taken = with_sink(sink, [&] {
      for (const auto [chunking, resumption] :
           std::to_array<std::pair<bool, bool>>({{false, true}, {true, false}})) {
        Options options = source(port);
        options.encryption = encryption;
        options.chunking = chunking;
        options.resumption = resumption;
        options.sizes = {{.octets = 600, .weight = 1}, {.octets = 300'000, .weight = 1}};
        const Report report = run_source(options);
        EXPECT_TRUE(report.is_clean()) << to_line(report, options);
        EXPECT_EQ(report.messages, 103u);
        EXPECT_EQ(report.sessions_lost, 0u);
        EXPECT_EQ(report.handshakes.full + report.handshakes.resumed, report.connections);
        EXPECT_EQ(report.handshakes.failed, 0u);
        EXPECT_EQ(report.handshakes.full, resumption ? options.connections : report.connections);
        octets += report.octets;
      }
    });
    EXPECT_EQ(taken.messages, 206u);
    EXPECT_EQ(taken.octets, octets);
    EXPECT_EQ(taken.handshakes.full + taken.handshakes.resumed, taken.connections);
    EXPECT_GT(taken.handshakes.resumed, 0u);
  }
}

TEST(LoadRun, AHandshakeThatFailsIsCounted) {
  const Port port;
  Options plain_sink = sink_at(port);
  with_sink(plain_sink, [&] {
    Options options = source(port);
    options.encryption = Encryption::Implicit;
    options.connections = 1;
    options.messages = 1;
    options.patience = seconds(1);
    const Report report = run_source(options);
    EXPECT_FALSE(report.is_clean());
    EXPECT_GT(report.handshakes.failed, 0u) << to_line(report, options);
    options.encryption = Encryption::StartTls;  // which this sink does not offer
    EXPECT_FALSE(run_source(options).is_clean());
  });
}

TEST(LoadRun, ThreadsShareTheMessagesAndTheLedgerNamesEachOnce) {
  const Port port;
  const auto path =
      std::filesystem::path(testing::TempDir()) / ("load-ledger-" + std::to_string(getpid()));
  std::filesystem::remove(path);
  Options options = source(port);
  options.threads = 3;
  options.ledger = path;
  with_sink(sink_at(port), [&] { EXPECT_EQ(run_source(options).messages, 103u); });
  std::ifstream file(path);
  std::set<std::string> ids;
  for (std::string line; std::getline(file, line);) EXPECT_TRUE(ids.insert(line).second) << line;
  EXPECT_EQ(ids.size(), 103u);
  std::filesystem::remove(path);
}

TEST(LoadRun, KeepsToARate) {
  const Port port;
  Options options = source(port);
  options.messages = 50;
  options.messages_per_second = 100;
  with_sink(sink_at(port), [&] {
    const Report report = run_source(options);
    EXPECT_TRUE(report.is_clean()) << to_line(report, options);
    EXPECT_GE(report.seconds(), 0.45);
  });
}

TEST(LoadRun, HoldsIdleSessions) {
  const Port port;
  Options options = source(port);
  options.messages.reset();
  options.idle_sessions = 300;
  options.run_time = seconds(1);
  const Report taken = with_sink(sink_at(port), [&] {
    const Report report = run_source(options);
    EXPECT_EQ(report.connections, 300u);
  });
  EXPECT_EQ(taken.connections, 300u);
}

TEST(LoadRun, GivesUpWhereNobodyListens) {
  const Port port;
  Options options = source(port);
  options.patience = seconds(1);
  const Report report = run_source(options);
  EXPECT_TRUE(report.gave_up);
  EXPECT_FALSE(report.is_clean());
  EXPECT_TRUE(report.errors.by_text().contains("connect: Connection refused"))
      << to_line(report, options);
}

// A server that plays one script to every connection and then breaks it off.
class Scripted {
 public:
  Scripted(const Port& port, std::string script) : script_(std::move(script)) {
    EXPECT_EQ(listen(port.file(), 64), 0);
    thread_ = std::thread([this, file = port.file()] { serve(file); });
  }
  // To be called before the port goes.
  void end(const Port& port) {
    ending_ = true;
    shutdown(port.file(), SHUT_RDWR);
    thread_.join();
  }

 private:
  void serve(int listener) {
    while (!ending_) {
      const int file = accept(listener, nullptr, nullptr);
      if (file < 0) return;
      EXPECT_EQ(send(file, script_.data(), script_.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(script_.size()));
      shutdown(file, SHUT_WR);
      std::array<char, 4096> room;
      while (recv(file, room.data(), room.size(), 0) > 0) continue;
      close(file);
    }
  }

  std::string script_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

// Events are taken as they come, so a script may run ahead of the dialogue only in one piece.
TEST(LoadRun, CountsWhatAServerRefuses) {
  const Port port;
  Scripted server(port,
                  "220 mx\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n550 5.1.1 no such user\r\n");
  Options options = source(port);
  options.connections = 1;
  options.messages = 3;
  options.messages_per_connection = 1;
  const Report report = run_source(options);
  EXPECT_EQ(report.messages, 0u);
  EXPECT_EQ(report.failed, 3u);
  EXPECT_EQ(report.errors.by_text().find("550 no such user")->second, 3u)
      << to_line(report, options);
  EXPECT_EQ(report.sessions_lost, 3u);
  EXPECT_FALSE(report.is_clean());
  server.end(port);
}

TEST(LoadRun, DoesNotAskABusyServerForEver) {
  const Port port;
  Scripted server(port, "421 busy\r\n");
  Options options = source(port);
  options.patience = seconds(1);
  const Report report = run_source(options);
  EXPECT_TRUE(report.gave_up);
  EXPECT_TRUE(report.errors.by_text().contains("session: 421 busy")) << to_line(report, options);
  server.end(port);
}

TEST(LoadRun, FailsWhereItCannotListenOrWrite) {
  const Port port;
  Options options = source(port);
  options.ledger = "/nonexistent/ledger";
  EXPECT_FALSE(run(options));

  const int squatter = socket(AF_INET, SOCK_STREAM, 0);  // without SO_REUSEPORT
  ASSERT_EQ(listen(squatter, 1), 0);
  Options sink;
  sink.mode = Mode::Sink;
  sink.threads = 2;
  sink.listen = {*net::Address::parse("127.0.0.1", net::bound_address(squatter)->port())};
  EXPECT_FALSE(run(sink));
  close(squatter);
}

}  // namespace
}  // namespace ringpost::load
