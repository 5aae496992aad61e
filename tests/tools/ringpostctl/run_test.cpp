// ringpostctl against a control socket: what is asked, what is printed, how it ends.
#include "tools/ringpostctl/run.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/mta/control_rows.h"
#include "engine/mta/control_socket.h"
#include "tests/tools/ringpostctl/captured.h"

namespace ringpost::ctl {
namespace {

namespace fs = std::filesystem;
using mta::ControlReply;
using mta::ControlRequest;

constexpr WallTime now{1'795'392'060'000'000};

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringpost-run-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    fs::create_directory(home_ / "run");
  }
  void TearDown() override { fs::remove_all(home_); }

  std::string socket_path() const { return (home_ / "run" / "control.sock").string(); }
  Captured ctl(std::vector<std::string> words) const { return {words, home_.string(), now}; }

  std::unique_ptr<mta::ControlServer> daemon(std::string command, mta::ControlHandler handler) {
    auto server = mta::ControlServer::open(socket_path());
    EXPECT_TRUE(server);
    if (!server) return nullptr;
    (*server)->on(std::move(command), std::move(handler));
    (*server)->start();
    return std::move(*server);
  }

  // Something that answers every connection with `answer`, like a daemon of another kind.
  std::thread answering(const std::string& answer) {
    const auto address = mta::ControlAddress::of(socket_path());
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listener, address->kernel(), mta::ControlAddress::kernel_octets), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    return std::thread([listener, answer] {
      const int file = accept(listener, nullptr, nullptr);
      std::array<char, 4096> room;
      recv(file, room.data(), room.size(), 0);
      send(file, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(file);
      close(listener);
    });
  }

  fs::path home_;
};

TEST_F(RunTest, AsksPageAfterPage) {
  std::vector<ControlRequest> seen;
  const auto server = daemon("show queue", [&](const ControlRequest& request, ControlReply& reply) {
    seen.push_back(request);
    const std::uint64_t page = request.after.empty() ? 1 : 2;
    reply.row(to_json(mta::QueueRow{.id = QueueId{page}, .accepted = now, .to = "b@example.test"}));
    if (page == 1) reply.next("page two");
  });
  const Captured json = ctl({"--json", "show", "queue"});
  EXPECT_EQ(json.status(), exit_ok) << json.err();
  EXPECT_EQ(std::ranges::count(json.out(), '\n'), 2);
  EXPECT_TRUE(json.out().contains("\"id\":\"0000000000000002\""));
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].after, "page two");
  const Captured human = ctl({"show", "queue"});
  EXPECT_TRUE(human.out().contains("0000000000000001   0s"));
  EXPECT_TRUE(human.out().contains("0000000000000002   0s"));
}

TEST_F(RunTest, DoesNotAskTheSamePageForEver) {
  const auto server =
      daemon("show queue", [](const ControlRequest&, ControlReply& reply) { reply.next("here"); });
  const Captured result = ctl({"show", "queue"});
  EXPECT_EQ(result.status(), exit_failed);
  EXPECT_TRUE(result.err().contains("does not go on"));
}

TEST_F(RunTest, PassesArgumentsAndTellsWhatHappened) {
  const auto server = daemon("remove", [](const ControlRequest& request, ControlReply& reply) {
    EXPECT_EQ(request.arguments, std::vector<std::string>{"0100123456789abc"});
    reply.set("removed", 1);
  });
  const Captured human = ctl({"remove", "0100123456789abc"});
  EXPECT_EQ(human.status(), exit_ok);
  EXPECT_EQ(human.out(), "1 recipient removed\n");
  EXPECT_EQ(ctl({"--json", "remove", "0100123456789abc"}).out(), "{\"ok\":true,\"removed\":1}\n");
}

TEST_F(RunTest, AddsUpWhatThePagesOfAnOrderDid) {
  const auto server = daemon("schedule", [](const ControlRequest& request, ControlReply& reply) {
    reply.set("scheduled", 1'000);
    if (request.after.empty()) reply.next("page two");
    if (!request.after.empty()) reply.set("busy", 2);
  });
  EXPECT_EQ(ctl({"schedule", "all"}).out(),
            "2000 recipients scheduled\n"
            "2 recipients under way, or changed at the moment: nothing was done to them\n");
  EXPECT_EQ(ctl({"--json", "schedule", "all"}).out(),
            "{\"ok\":true,\"scheduled\":2000,\"busy\":2}\n");
}

TEST_F(RunTest, ListsWhatIsPausedOnlyWithoutArgument) {
  const auto server = daemon("pause", [](const ControlRequest& request, ControlReply& reply) {
    if (request.arguments.empty()) reply.row(mta::Json{{"name", "mda"}, {"paused", true}});
  });
  EXPECT_EQ(ctl({"pause"}).out(), "mda paused\n");
  EXPECT_EQ(ctl({"pause", "smtp"}).out(), "smtp paused\n");
  EXPECT_EQ(ctl({"--json", "pause"}).out(), "{\"name\":\"mda\",\"paused\":true}\n");
}

TEST_F(RunTest, RepeatsWhatTheDaemonRefused) {
  const auto server = daemon("schedule", [](const ControlRequest&, ControlReply& reply) {
    reply.fail("no such message\x1b[31m");
  });
  const Captured result = ctl({"schedule", "0100123456789abc"});
  EXPECT_EQ(result.status(), exit_failed);
  EXPECT_EQ(result.err(), "ringpostctl: no such message?[31m\n");
  const Captured unknown = ctl({"stop"});
  EXPECT_EQ(unknown.status(), exit_failed);
  EXPECT_TRUE(unknown.err().contains("knows no command \"stop\""));
}

TEST_F(RunTest, NamesTheSocketWhereNobodyAnswers) {
  const Captured none = ctl({"show", "queue"});
  EXPECT_EQ(none.status(), exit_failed);
  EXPECT_EQ(none.err(), "ringpostctl: no daemon answers at " + socket_path() +
                            ": connect: No such file or directory\n");
}

TEST_F(RunTest, DoesNotBelieveABrokenAnswer) {
  for (const std::string_view answer :
       {"", "hello\n", "{\"ok\":true}", "{\"ok\":7}\n", "{\"row\":{}}\n", "[]\n", "{}\n",
        "{\"ok\":true}\n{\"row\":{}}\n", "{\"row\":{}\n"}) {
    std::thread fake = answering(std::string(answer));
    const Captured result = ctl({"show", "queue"});
    EXPECT_EQ(result.status(), exit_failed) << answer;
    EXPECT_TRUE(result.err().contains("cut off or not of this protocol")) << result.err();
    fake.join();
    fs::remove(socket_path());
  }
}

TEST_F(RunTest, ExplainsItsUse) {
  const Captured wrong = ctl({"frobnicate"});
  EXPECT_EQ(wrong.status(), exit_usage);
  EXPECT_EQ(wrong.out(), "");
  EXPECT_TRUE(wrong.err().starts_with("ringpostctl: unknown word \"frobnicate\""));
  EXPECT_TRUE(wrong.err().contains("usage: ringpostctl"));
  const Captured help = ctl({"--help"});
  EXPECT_EQ(help.status(), exit_ok);
  EXPECT_TRUE(help.out().starts_with("usage: ringpostctl"));
}

TEST_F(RunTest, NoticesThatItsOutputIsLost) {
  Output output{std::fopen("/dev/full", "w"), std::tmpfile()};
  ASSERT_NE(output.out, nullptr);
  const std::vector<std::string> words{"--help"};
  EXPECT_EQ(run(words, home_.string(), now, output), exit_failed);
  std::fclose(output.out);
  std::fclose(output.err);
}

}  // namespace
}  // namespace ringpost::ctl
