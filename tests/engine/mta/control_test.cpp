// The control socket with good, slow, hostile and vanishing clients.
#include "engine/mta/control.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/control_socket.h"
#include "proto/base/ascii.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

// One end of a connection; closes itself.
class Client {
 public:
  explicit Client(const std::string& path) {
    const auto file = connect_control(path);
    EXPECT_TRUE(file) << to_text(file.error());
    file_ = file.value_or(-1);
    const timeval limit{10, 0};
    setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(file_); }

  void send(std::string_view text) const { ::send(file_, text.data(), text.size(), MSG_NOSIGNAL); }
  int file() const { return file_; }
  void end_of_input() const { shutdown(file_, SHUT_WR); }
  // All until the server closes; "(timeout)" when it does not within ten seconds.
  std::string receive() const {
    std::string text;
    std::array<char, 65536> room;
    while (true) {
      const ssize_t count = recv(file_, room.data(), room.size(), 0);
      // The kernel ends the rings of earlier tests on this thread.
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == ECONNRESET) return text;
      if (count < 0) return "(timeout)";
      if (count == 0) return text;
      text.append(room.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  int file_ = -1;
};

class ControlTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringpost-control-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = (folder_ / "control.sock").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<ControlServer> serve(ControlLimits limits = {}) {
    auto server = ControlServer::open(path_, limits);
    EXPECT_TRUE(server) << to_text(server.error());
    if (!server) return nullptr;
    (*server)->on("echo", [](const ControlRequest& request, ControlReply& reply) {
      for (const std::string& argument : request.arguments) reply.row(Json{{"text", argument}});
      reply.set("count", request.arguments.size());
    });
    (*server)->on("count to", [](const ControlRequest& request, ControlReply& reply) {
      const int last = ascii::parse_decimal<int>(request.arguments.at(0)).value();
      for (int i = ascii::parse_decimal<int>(request.after).value_or(0); i < last; ++i) {
        if (!reply.row(Json{{"i", i}})) return reply.next(std::to_string(i));
      }
    });
    (*server)->on("large", [](const ControlRequest&, ControlReply& reply) {
      while (reply.row(Json{{"filler", std::string(10'000, 'x')}})) {
      }
      reply.next("more");
    });
    (*server)->on("refuse", [](const ControlRequest&, ControlReply& reply) {
      reply.row(Json{{"half", "done"}});
      reply.fail("no such message");
    });
    (*server)->on("latin", [](const ControlRequest&, ControlReply& reply) {
      reply.row(Json{{"text", "gr\xfc\xdf"}});
    });
    (*server)->start();
    return std::move(*server);
  }

  std::string ask(std::string_view line) const {
    const Client client(path_);
    client.send(line);
    return client.receive();
  }
  std::string ask(const ControlRequest& request) const {
    return ask(control::print_request(request));
  }

  fs::path folder_;
  std::string path_;
};

TEST_F(ControlTest, AnswersWithRowsAndALastLine) {
  const auto server = serve();
  EXPECT_EQ(ask({.command = "echo", .arguments = {"a", "b \"c\""}}),
            "{\"row\":{\"text\":\"a\"}}\n{\"row\":{\"text\":\"b \\\"c\\\"\"}}\n"
            "{\"ok\":true,\"count\":2}\n");
  EXPECT_EQ(ask({.command = "echo"}), "{\"ok\":true,\"count\":0}\n");
}

TEST_F(ControlTest, DropsTheRowsOfAFailedRequest) {
  const auto server = serve();
  EXPECT_EQ(ask({.command = "refuse"}), "{\"ok\":false,\"error\":\"no such message\"}\n");
}

TEST_F(ControlTest, RefusesWhatItDoesNotKnow) {
  const auto server = serve();
  EXPECT_EQ(ask({.command = "fly"}),
            "{\"ok\":false,\"error\":\"this daemon knows no command \\\"fly\\\"\"}\n");
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\n").contains("\"error\":\"malformed request: expected '{'"));
  EXPECT_TRUE(ask("\n").contains("malformed request"));
  EXPECT_TRUE(
      ask("{\"protocol\":99,\"command\":\"echo\"}\n").contains("control protocol 1, not 99"));
}

TEST_F(ControlTest, TakesARequestInPiecesAndWithoutItsLineEnd) {
  const auto server = serve();
  const Client client(path_);
  for (const char c : control::print_request({.command = "echo"})) {
    if (c != '\n') client.send(std::string_view(&c, 1));
  }
  client.end_of_input();
  EXPECT_EQ(client.receive(), "{\"ok\":true,\"count\":0}\n");
}

TEST_F(ControlTest, GivesPagesOfTheAskedSize) {
  const auto server = serve();
  const std::string first = ask({.command = "count to", .arguments = {"5"}, .limit = 3});
  EXPECT_EQ(first,
            "{\"row\":{\"i\":0}}\n{\"row\":{\"i\":1}}\n{\"row\":{\"i\":2}}\n"
            "{\"ok\":true,\"next\":\"3\"}\n");
  const std::string second =
      ask({.command = "count to", .arguments = {"5"}, .after = "3", .limit = 3});
  EXPECT_EQ(second, "{\"row\":{\"i\":3}}\n{\"row\":{\"i\":4}}\n{\"ok\":true}\n");
}

TEST_F(ControlTest, BoundsTheOctetsOfAnAnswer) {
  const auto server = serve({.reply_octets_max = 100'000});
  const std::string answer = ask({.command = "large"});
  EXPECT_LT(answer.size(), 101'000u);
  EXPECT_GT(answer.size(), 80'000u);
  EXPECT_TRUE(answer.ends_with("{\"ok\":true,\"next\":\"more\"}\n"));
}

TEST_F(ControlTest, ShowsTextThatIsNotUtf8) {
  const auto server = serve();
  EXPECT_EQ(ask({.command = "latin"}),
            "{\"row\":{\"text\":\"gr\xef\xbf\xbd\xef\xbf\xbd\"}}\n{\"ok\":true}\n");
}

TEST_F(ControlTest, RefusesARequestWithoutEnd) {
  const auto server = serve();
  EXPECT_EQ(ask(std::string(control::request_octets_max + 4096, ' ')),
            "{\"ok\":false,\"error\":\"the request is too long\"}\n");
}

TEST_F(ControlTest, ClosesOnAClientThatSaysNothing) {
  const auto server = serve({.request_max = milliseconds(50)});
  const Client silent(path_);
  const Client half(path_);
  half.send("{\"protocol\":1,");
  EXPECT_EQ(silent.receive(), "");
  EXPECT_EQ(half.receive(), "");
}

TEST_F(ControlTest, IsNotHeldUpByClientsThatDoNotRead) {
  const auto server = serve({.answer_max = milliseconds(300), .reply_octets_max = 1u << 21});
  const Client lazy(path_);
  lazy.send(control::print_request({.command = "large"}));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ask({.command = "echo"}).contains("true"));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_FALSE(lazy.receive().ends_with("{\"ok\":true,\"next\":\"more\"}\n"))
      << "the answer should have been cut off";
}

TEST_F(ControlTest, LetsANewClientInWhenSilentOnesHoldAllPlaces) {
  const auto server = serve({.connections_max = 4, .request_max = seconds(60)});
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(std::make_unique<Client>(path_));
  EXPECT_EQ(ask({.command = "echo"}), "{\"ok\":true,\"count\":0}\n");
}

TEST_F(ControlTest, SurvivesClientsThatVanish) {
  const auto server = serve({.reply_octets_max = 1u << 20});
  for (int i = 0; i < 10; ++i) {
    const Client client(path_);
    client.send(control::print_request({.command = "large"}));
  }
  {
    const Client nothing(path_);
  }
  EXPECT_EQ(ask({.command = "echo"}), "{\"ok\":true,\"count\":0}\n");
}

TEST_F(ControlTest, FinishesItsAnswersBeforeItStops) {
  auto server = serve({.reply_octets_max = 1u << 21});
  const Client reading(path_);
  reading.send(control::print_request({.command = "large"}));
  const Client silent(path_);
  pollfd begun{reading.file(), POLLIN, 0};
  ASSERT_EQ(poll(&begun, 1, 10'000), 1);
  std::string answer;
  std::thread reader([&] { answer = reading.receive(); });
  server.reset();
  reader.join();
  EXPECT_TRUE(answer.ends_with("{\"ok\":true,\"next\":\"more\"}\n"));
  EXPECT_EQ(silent.receive(), "");
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(ControlTest, StopsAlthoughAClientDoesNotRead) {
  auto server = serve({.stop_max = milliseconds(100), .reply_octets_max = 1u << 21});
  const Client lazy(path_);
  lazy.send(control::print_request({.command = "large"}));
  pollfd begun{lazy.file(), POLLIN, 0};
  ASSERT_EQ(poll(&begun, 1, 10'000), 1);
  const auto start = steady_clock::now();
  server.reset();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(ControlTest, OpensItsSocketToItsOwnerOnly) {
  const auto server = serve();
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(ControlTest, RefusesThePlaceOfALivingDaemon) {
  const auto server = serve();
  const auto second = ControlServer::open(path_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
  EXPECT_EQ(ask({.command = "echo"}), "{\"ok\":true,\"count\":0}\n");
}

TEST_F(ControlTest, RefusesThePlaceOfAListenerThatTookNoLock) {
  const auto address = ControlAddress::of(path_);
  const int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(other, address->kernel(), ControlAddress::kernel_octets), 0);
  ASSERT_EQ(listen(other, 1), 0);
  const auto refused = ControlServer::open(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EADDRINUSE);
  close(other);

  // Nobody listens any more: the file it left is replaced.
  ASSERT_TRUE(fs::exists(path_));
  const auto server = serve();
  EXPECT_EQ(ask({.command = "echo"}), "{\"ok\":true,\"count\":0}\n");
}

TEST_F(ControlTest, LeavesAFileThatIsNoSocketAlone) {
  std::ofstream(path_) << "precious";
  const auto refused = ControlServer::open(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EEXIST);
  EXPECT_EQ(fs::file_size(path_), 8u);
}

TEST_F(ControlTest, NeedsItsFolder) {
  const auto refused = ControlServer::open((folder_ / "no" / "control.sock").string());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ENOENT);
}

TEST_F(ControlTest, WorksAtAPathLongerThanASocketAddress) {
  const fs::path deep = folder_ / std::string(100, 'a') / std::string(100, 'b');
  fs::create_directories(deep);
  path_ = (deep / "control.sock").string();
  auto server = serve();
  EXPECT_EQ(ask({.command = "echo"}), "{\"ok\":true,\"count\":0}\n");
  server.reset();
  EXPECT_FALSE(fs::exists(path_));
}

}  // namespace
}  // namespace ringpost::mta
