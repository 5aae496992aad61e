// The parent as a process: the engine's end is its end, signals are passed on, agents become who
// they are asked to be and nobody else, and ports are bound for an engine that may not.
#include "engine/process/parent.h"

#include <fstream>

#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "engine/process/agent_frame.h"
#include "engine/process/content.h"
#include "engine/process/rights.h"
#include "tests/engine/process/engine_fixture.h"

namespace ringpost::process {
namespace {

using test::end_of;
using test::ParentTest;
using test::sleep_until_signal;
using test::start_parent;

bool is_alive(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  return std::getline(file, text) && !text.contains(") Z");
}

TEST_F(ParentTest, EndsAsTheEngineEnds) {
  for (const int status : {0, 1, 7}) {
    const int end = end_of(start_parent([=](ParentLink&) { return status; }, log_));
    EXPECT_TRUE(WIFEXITED(end));
    EXPECT_EQ(WEXITSTATUS(end), status);
  }
  EXPECT_EQ(log(), "");
}

TEST_F(ParentTest, ACrashOfTheEngineIsReported) {
  const int end = end_of(start_parent(
      [](ParentLink&) {
        raise(SIGKILL);
        return 0;
      },
      log_));
  EXPECT_TRUE(WIFEXITED(end));
  EXPECT_EQ(WEXITSTATUS(end), 1);
  EXPECT_EQ(log(), "ringpostd: the engine was ended by signal 9 (Killed)\n");
}

// What served comes back after a crash, with the sockets of before; what ends in order does not.
TEST_F(ParentTest, AnEngineThatCrashesIsMadeAnew) {
  const auto engine = [](ParentLink& link) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* const plain = reinterpret_cast<const sockaddr*>(&address);
    const int kept = link.find_socket(plain, sizeof address, 1);
    if (link.find_socket(plain, sizeof address, 2) >= 0) return 5;
    link.tell_ready();
    if (link.restarts() == 0) {
      const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (kept >= 0 || bind(file, plain, sizeof address) != 0 || listen(file, 5) != 0) return 6;
      link.keep_socket(file, plain, sizeof address, 1);
      raise(SIGKILL);  // leaves no core file behind
    }
    int listening = 0;
    socklen_t octets = sizeof listening;
    getsockopt(kept, SOL_SOCKET, SO_ACCEPTCONN, &listening, &octets);
    link.drop_socket(plain, sizeof address);
    if (link.find_socket(plain, sizeof address, 1) >= 0) return 7;
    if (link.restarts() == 1 && listening == 1) raise(SIGKILL);
    return link.restarts() == 2 && kept == -1 ? 0 : 8;
  };
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent(engine, log_))), 0);
  EXPECT_EQ(log(),
            "ringpostd: the engine was ended by signal 9 (Killed); it is made anew in "
            "1 s\nringpostd: the engine was ended by signal 9 (Killed); it is made anew in 2 s\n");
}

TEST_F(ParentTest, AnEngineThatWasToStopIsNotMadeAnew) {
  const auto engine = [](ParentLink& link) {
    link.tell_ready();
    link.tell_stopping();
    return 3;
  };
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent(engine, log_))), 3);
}

TEST_F(ParentTest, SignalsArePassedOn) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    int told[2];
    ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
    const auto engine = [&](ParentLink&) {
      return write(told[1], "x", 1) == 1 ? sleep_until_signal() : 0;
    };
    const pid_t parent = start_parent(engine, log_);
    char octet = 0;
    ASSERT_EQ(read(told[0], &octet, 1), 1);
    kill(parent, signal);
    EXPECT_EQ(WEXITSTATUS(end_of(parent)), signal);
    for (const int end : told) close(end);
  }
}

TEST_F(ParentTest, TheEngineDiesWithItsParent) {
  int told[2];
  ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
  const pid_t parent = start_parent(
      [&](ParentLink&) {
        const pid_t self = getpid();
        EXPECT_EQ(write(told[1], &self, sizeof self), ssize_t{sizeof self});
        return sleep_until_signal();
      },
      log_);
  pid_t engine = 0;
  ASSERT_EQ(read(told[0], &engine, sizeof engine), ssize_t{sizeof engine});
  kill(parent, SIGKILL);
  end_of(parent);
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    gone = !is_alive(engine);
    usleep(10'000);
  }
  EXPECT_TRUE(gone);
  for (const int end : told) close(end);
}

TEST_F(ParentTest, TellsWhoWaitsForTheStart) {
  for (const bool is_ready : {true, false}) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t parent = start_parent(
        [&](ParentLink& link) {
          if (is_ready) link.tell_ready();
          return is_ready ? sleep_until_signal() : 1;
        },
        log_, {.ready_pipe = ends[1], .read_configuration = {}});
    close(ends[1]);
    char octet = 0;
    EXPECT_EQ(read(ends[0], &octet, 1), is_ready ? 1 : 0);
    if (is_ready) kill(parent, SIGTERM);
    EXPECT_EQ(WEXITSTATUS(end_of(parent)), is_ready ? SIGTERM : 1);
    close(ends[0]);
  }
}

class AgentTest : public testing::Test {
 protected:
  std::optional<AgentReply> ask(int socket, const AgentOrder& order, std::string_view text = {}) {
    if (!write_frame(socket, order_frame(order))) return std::nullopt;
    if (takes_content(order)) {
      if (!text.empty()) write_frame(socket, frame_header(text.size()) + std::string(text));
      write_frame(socket, frame_header(0));
    }
    std::string payload;
    if (!read_frame(socket, payload, reply_octets_max)) return std::nullopt;
    return decode_reply(bytes_of(payload));
  }
  // The first reply of a new agent of `user`.
  std::optional<AgentReply> first_reply(const AgentUser& user, const AgentOrder& order) {
    const auto socket = parent_.link->start_agent(user);
    EXPECT_TRUE(socket) << to_text(socket.error());
    if (!socket) return std::nullopt;
    const auto reply = ask(*socket, order, "message\n");
    close(*socket);
    return reply;
  }
  CommandOrder command(const std::string& text) const {
    return {.command = text, .environment = {}, .folder = "/", .seconds_max = 20};
  }
  AgentUser self() const { return {.uid = geteuid(), .gid = getegid(), .name = "self"}; }
  AgentUser stranger() const { return {.uid = 20001, .gid = 20002, .name = "stranger"}; }
  void SetUp() override { ASSERT_EQ(chmod(folder_.path().c_str(), 0777), 0); }

  test::TemporaryDirectory folder_;
  test::ParentProcess parent_;
};

TEST_F(AgentTest, BecomesTheUserForGood) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
  const auto reply = first_reply(
      stranger(), command("grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|NoNewPrivs)' /proc/self/status;"
                          " ls /proc/self/fd; exit 1"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text,
            "exit status 1: Uid:\t20001\t20001\t20001\t20001\nGid:\t20002\t20002\t20002\t20002\n"
            "Groups:\t20002 \nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
            "NoNewPrivs:\t1\n0\n1\n2\n3\n");  // 3: the folder that ls reads
}

TEST_F(AgentTest, ServesOneOrderAfterTheOther) {
  AgentUser user = geteuid() == 0 ? stranger() : self();
  const auto socket = parent_.link->start_agent(user);
  ASSERT_TRUE(socket);
  for (int i = 0; i < 3; ++i) {
    const std::string folder = folder_.file("Maildir");
    const auto delivered =
        ask(*socket, MaildirOrder{folder, "", std::to_string(i) + ".R1.host"}, "x\n");
    ASSERT_TRUE(delivered);
    EXPECT_EQ(*delivered, (AgentReply{AgentStatus::Done, 0, folder, ""}));
    struct stat status{};
    ASSERT_EQ(stat((folder + "/new/" + std::to_string(i) + ".R1.host").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, user.uid);
    // One that fails does not disturb the next.
    const auto failed = ask(*socket, MaildirOrder{"/proc/x", "", "1.R1.host"}, "x\n");
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->status, AgentStatus::Temporary);
    EXPECT_EQ(ask(*socket, ForwardOrder{folder_.path()})->status, AgentStatus::Absent);
    EXPECT_EQ(ask(*socket, FileOrder{"/etc/passwd"})->status, AgentStatus::Done);
    EXPECT_EQ(ask(*socket, AppendOrder{"/dev/null", "From a"}, "x\n")->status, AgentStatus::Done);
    EXPECT_EQ(ask(*socket, AppendOrder{folder_.file("file"), "From a"}, "x\n")->status,
              AgentStatus::Done);
    EXPECT_EQ(ask(*socket, command("cat >/dev/null; exit 75"), "x\n")->code, 75);
  }
  EXPECT_EQ(ask(*socket, MboxOrder{"From a"}, "x\n")->status, AgentStatus::Temporary);
  close(*socket);
}

TEST_F(AgentTest, HasOnlyTheRightsOfItsUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
  std::ofstream(folder_.file("secret")) << "x";
  ASSERT_EQ(chmod(folder_.file("secret").c_str(), 0600), 0);
  const auto read = first_reply(stranger(), FileOrder{folder_.file("secret")});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->code, EACCES);
  EXPECT_EQ(first_reply(stranger(), command("cat " + folder_.file("secret")))->status,
            AgentStatus::Permanent);
}

// A virtual user who is called as a member of many groups gets none of them.
TEST_F(AgentTest, ANameBringsNoGroups) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
  const AgentUser impostor{.uid = 20001, .gid = 20002, .name = "root"};
  EXPECT_EQ(first_reply(impostor, command("id -G; exit 1"))->text, "exit status 1: 20002\n");
}

// Whatever the engine asks for: an agent of root reads a .forward, and that is all.
TEST_F(AgentTest, NothingElseIsDoneAsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become root";
  const AgentUser root{.uid = 0, .gid = 0, .name = "root"};
  for (const AgentOrder& order :
       {AgentOrder(command("touch " + folder_.file("made"))), AgentOrder(FileOrder{"/etc/shadow"}),
        AgentOrder(MaildirOrder{folder_.file("Maildir"), "", "1.R1.host"}),
        AgentOrder(AppendOrder{folder_.file("made"), "From a"}), AgentOrder(MboxOrder{"From a"})}) {
    const auto reply = first_reply(root, order);
    ASSERT_TRUE(reply) << order.index();
    EXPECT_EQ(reply->status, AgentStatus::Permanent) << order.index();
    EXPECT_EQ(reply->code, EPERM);
  }
  EXPECT_EQ(first_reply(root, ForwardOrder{folder_.file("no-home")})->status, AgentStatus::Absent);
  EXPECT_FALSE(std::filesystem::exists(folder_.file("made")));
  AgentUser mailbox = stranger();
  mailbox.mailbox = true;
  mailbox.name = "ringpost-test-" + std::to_string(getpid());
  EXPECT_EQ(first_reply(mailbox, command("true"))->code, EPERM);
  std::filesystem::remove(std::string(mail_folder) + "/" + mailbox.name);
}

TEST_F(AgentTest, AMailboxInTheSystemsFolder) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make mailboxes";
  AgentUser user = stranger();
  user.mailbox = true;
  user.name = "ringpost-test-" + std::to_string(getpid());
  const std::string path = std::string(mail_folder) + "/" + user.name;
  const auto reply = first_reply(user, MboxOrder{"From a@b.example"});
  struct stat status{};
  const bool made = stat(path.c_str(), &status) == 0;
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  ASSERT_TRUE(reply);
  EXPECT_EQ(*reply, (AgentReply{AgentStatus::Done, 0, path, ""}));
  ASSERT_TRUE(made);
  EXPECT_EQ(status.st_uid, user.uid);
  EXPECT_EQ(text, "From a@b.example\nmessage\n\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".lock"));
}

TEST_F(AgentTest, OnlyRootMakesAgentsOfOthers) {
  ParentLink link(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), false);
  const auto other = link.start_agent({.uid = geteuid() + 1, .gid = 1, .name = "alice"});
  ASSERT_FALSE(other);
  EXPECT_TRUE(to_text(other.error()).starts_with("not started as root, cannot act as alice"))
      << to_text(other.error());
}

// Nothing is asked of the parent for a user who cannot be one, and the engine goes on.
TEST_F(AgentTest, NobodyIsCalledLikeAFolder) {
  AgentUser user = self();
  for (const char* name : {"", ".alice", "sales/alice"}) {
    user.name = name;
    const auto socket = parent_.link->start_agent(user);
    ASSERT_FALSE(socket);
    EXPECT_EQ(socket.error().code, EINVAL);
  }
  const auto reply = first_reply(self(), ForwardOrder{folder_.file("no-home")});
  ASSERT_TRUE(reply);
}

// A user may stop the own agents for ever: others still get some.
TEST_F(AgentTest, OneUserDoesNotTakeThePlacesOfAll) {
  constexpr std::size_t agents_of_user_max = 1024;
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_cur < 2 * agents_of_user_max) GTEST_SKIP() << "too few descriptors";
  std::vector<int> sockets;
  for (int tries = 0; sockets.size() <= agents_of_user_max && tries < 100'000; ++tries) {
    const auto socket = parent_.link->start_agent(self());
    if (socket) {
      sockets.push_back(*socket);
    } else {
      ASSERT_EQ(socket.error().code, EAGAIN) << to_text(socket.error());  // the parent is behind
      usleep(1'000);
    }
  }
  const auto first = ask(sockets.front(), ForwardOrder{folder_.file("no-home")});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, AgentStatus::Absent);
  std::string payload;  // said, and closed, without an order
  ASSERT_TRUE(read_frame(sockets.back(), payload, reply_octets_max));
  const auto last = decode_reply(bytes_of(payload));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->status, AgentStatus::Temporary);
  EXPECT_EQ(last->code, EAGAIN);
  if (geteuid() == 0) {
    EXPECT_EQ(first_reply(stranger(), ForwardOrder{folder_.file("no-home")})->status,
              AgentStatus::Absent);
  }
  for (const int socket : sockets) close(socket);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  // When they have ended there is room again.
  bool served = false;
  for (int tries = 0; !served && tries < 500; ++tries) {
    const auto reply = first_reply(self(), ForwardOrder{folder_.file("no-home")});
    served = reply && reply->status == AgentStatus::Absent;
    usleep(10'000);
  }
  EXPECT_TRUE(served);
}

TEST_F(AgentTest, NonsenseEndsTheAgent) {
  for (const std::string& nonsense :
       {frame_header(order_octets_max + 1), frame_header(3) + "abc", frame_header(0)}) {
    const auto socket = parent_.link->start_agent(self());
    ASSERT_TRUE(socket);
    EXPECT_TRUE(write_frame(*socket, nonsense));
    char octet = 0;
    EXPECT_LE(recv(*socket, &octet, 1, 0), 0);
    close(*socket);
  }
}

// What a signal did not reach is ended by the end of its socket.
TEST_F(AgentTest, ACommandEndsWithItsEngine) {
  const auto socket = parent_.link->start_agent(geteuid() == 0 ? stranger() : self());
  ASSERT_TRUE(socket);
  const std::string path = folder_.file("pid");
  ASSERT_TRUE(write_frame(*socket, order_frame(command("echo $$ > " + path + "; sleep 1000"))));
  ASSERT_TRUE(write_frame(*socket, frame_header(0)));
  pid_t pid = 0;
  for (int i = 0; i < 500 && pid == 0; ++i) {
    std::ifstream(path) >> pid;
    usleep(10'000);
  }
  ASSERT_NE(pid, 0);
  EXPECT_TRUE(is_alive(pid));
  close(*socket);
  for (int i = 0; i < 500 && is_alive(pid); ++i) usleep(10'000);
  EXPECT_FALSE(is_alive(pid));
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

// The engine of this one has given root up.
TEST_F(ParentTest, BindsForAnEngineThatMayNot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can bind any port";
  constexpr std::uint16_t port = 579;  // unassigned
  const auto try_bind = [](ParentLink& link, int type) {
    const int file = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    const auto* const plain = reinterpret_cast<const sockaddr*>(&address);
    const auto bound = link.bind(file, plain, sizeof address);
    const int code = bound ? 0 : bound.error().code;
    const int second = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    const auto again = link.bind(second, plain, sizeof address);
    if (code == 0 && (again || again.error().code != EADDRINUSE)) return 200;
    return code;
  };
  const auto engine = [&](int type) {
    return [&try_bind, type](ParentLink& link) {
      if (!become({20001, 20001, {20001}})) return 201;
      return try_bind(link, type);
    };
  };
  const int end = WEXITSTATUS(end_of(start_parent(engine(SOCK_STREAM), log_)));
  if (end == EADDRINUSE) GTEST_SKIP() << "somebody uses port " << port;
  EXPECT_EQ(end, 0);
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent(engine(SOCK_DGRAM), log_))), EBADF);
}

TEST_F(ParentTest, BecomingIsForGood) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become others";
  const auto engine = [](ParentLink&) {
    if (!become({20001, 20002, {20002, 20003}})) return 1;
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setgroups(0, nullptr) == 0) return 2;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 3;
    if (become({0, 0, {}})) return 4;
    return getgroups(0, nullptr) == 2 ? 0 : 5;
  };
  EXPECT_EQ(WEXITSTATUS(end_of(start_parent(engine, log_))), 0);
}

}  // namespace
}  // namespace ringpost::process
