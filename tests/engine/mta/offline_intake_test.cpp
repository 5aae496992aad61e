// The offline folder and the thread that empties it, against a scripted socket.
#include "engine/mta/offline_intake.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/mta/control_socket.h"
#include "engine/mta/local_socket.h"
#include "engine/mta/offline_folder.h"
#include "tests/engine/mta/rig.h"
#include "tests/engine/net/peer.h"

namespace ringpost::mta {
namespace {

namespace fs = std::filesystem;

submission::OfflineMessage sample(const std::string& recipient = "bob@b.example") {
  submission::OfflineMessage message;
  message.uid = geteuid();
  message.submission.sender = "alice@a.example";
  message.submission.recipients = {recipient};
  message.submission.content = "Subject: x\r\n\r\n.dot\r\n";
  return message;
}

// Accepts connections and answers every line; what RCPT and the end of the content get is given.
class FakeDaemon {
 public:
  FakeDaemon(const std::string& path, std::string rcpt, std::string end)
      : socket_(*LocalSocket::bind(path)),
        file_(listening(socket_)),
        rcpt_(std::move(rcpt)),
        end_(std::move(end)),
        thread_([this] { run(); }) {}
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon() {
    shutdown(file_, SHUT_RDWR);
    thread_.join();
    close(file_);
  }
  std::string contents() {
    const std::lock_guard guard(lock_);
    return contents_;
  }

 private:
  static int listening(const LocalSocket& socket) {
    const int file = *socket.duplicate();
    EXPECT_EQ(listen(file, 8), 0);
    return file;
  }
  void run() {
    for (int one = accept(file_, nullptr, nullptr); one >= 0; one = accept(file_, nullptr, nullptr))
      serve(test::Peer(one));
  }
  static std::string line_of(test::Peer& peer) {
    std::string line;
    while (!line.ends_with('\n')) {
      const std::string more = peer.receive(1);
      if (more.empty()) return {};
      line += more;
    }
    return line;
  }
  void serve(test::Peer peer) {
    peer.send("220 fake\r\n");
    for (std::string line = line_of(peer); !line.empty(); line = line_of(peer)) {
      if (line.starts_with("RCPT")) {
        peer.send(rcpt_ + "\r\n");
      } else if (line.starts_with("DATA")) {
        peer.send("354 go\r\n");
        take_content(peer);
        if (end_.empty()) return;
        peer.send(end_ + "\r\n");
      } else {
        peer.send("250 ok\r\n");
      }
    }
  }
  void take_content(test::Peer& peer) {
    for (std::string line = line_of(peer); line != ".\r\n" && !line.empty(); line = line_of(peer)) {
      const std::lock_guard guard(lock_);
      contents_ += line;
    }
  }

  LocalSocket socket_;
  int file_;
  std::string rcpt_, end_;
  std::mutex lock_;
  std::string contents_;
  std::thread thread_;
};

class OfflineIntakeTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(make_offline_folder(offline_)); }
  void start(Duration interval = seconds(30)) {
    OfflineIntakeOptions options;
    options.folder = offline_;
    options.socket_path = socket_;
    options.message_octets_max = 1'000'000;
    options.interval = interval;
    ASSERT_TRUE(intake_.start(std::move(options), *log_));
  }
  bool logged(const std::string& text) {
    return test::wait_for(
        [&] { return test::read_text(folder_.file("log")).find(text) != std::string::npos; });
  }
  std::size_t waiting() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(offline_), fs::directory_iterator()));
  }
  std::size_t refused() const {
    const std::string aside = offline_ + "-refused";
    if (!fs::exists(aside)) return 0;
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(aside), fs::directory_iterator()));
  }
  std::string put(const std::string& name, const std::string& text) const {
    const std::string path = offline_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  test::TemporaryDirectory folder_;
  std::string offline_ = folder_.file("spool/offline");
  std::string socket_ = folder_.file("smtp.sock");
  std::unique_ptr<observe::EventLog> log_ = test::open_log(folder_.file("log"));
  OfflineIntake intake_;
};

TEST_F(OfflineIntakeTest, HandsInWhatWaitsAndRemovesIt) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(keep_offline(offline_, sample()));
  FakeDaemon daemon(socket_, "250 ok", "250 2.0.0 Ok: queued as x");
  start();
  EXPECT_TRUE(test::wait_for([&] { return waiting() == 0; }));
  EXPECT_TRUE(logged("accepted=true"));
  EXPECT_EQ(daemon.contents().substr(0, 20), "Subject: x\r\n\r\n..dot\r");
  EXPECT_EQ(intake_.uid_under_way().load(), geteuid());
}

TEST_F(OfflineIntakeTest, WhatIsRefusedForNowGoesOnWaiting) {
  ASSERT_TRUE(keep_offline(offline_, sample()));
  {
    FakeDaemon daemon(socket_, "450 4.2.0 later", "250 ok");
    start(milliseconds(50));
    EXPECT_TRUE(logged("accepted=false detail=\"450 later\""));
    intake_.stop();
  }
  EXPECT_EQ(waiting(), 1u);
  FakeDaemon daemon(socket_, "250 ok", "250 ok");
  start();
  EXPECT_TRUE(test::wait_for([&] { return waiting() == 0; }));
}

TEST_F(OfflineIntakeTest, WhatIsRefusedForNowForDaysIsPutAside) {
  ASSERT_TRUE(keep_offline(offline_, sample()));
  for (const auto& entry : fs::directory_iterator(offline_))
    fs::last_write_time(entry.path(),
                        fs::file_time_type::clock::now() - std::chrono::hours(24 * 5));
  put("tmp.0000000000000001", "left by a program that died");
  fs::last_write_time(offline_ + "/tmp.0000000000000001",
                      fs::file_time_type::clock::now() - std::chrono::hours(25));
  put("tmp.0000000000000002", "being written");
  FakeDaemon daemon(socket_, "450 4.2.0 later", "250 ok");
  start();
  EXPECT_TRUE(logged("event=offline.set_aside"));
  EXPECT_TRUE(test::wait_for([&] { return waiting() == 1; }));
  EXPECT_TRUE(fs::exists(offline_ + "/tmp.0000000000000002"));
  EXPECT_EQ(refused(), 1u);
}

TEST_F(OfflineIntakeTest, WhatIsRefusedForGoodIsPutAside) {
  ASSERT_TRUE(keep_offline(offline_, sample()));
  FakeDaemon daemon(socket_, "550 5.1.1 unknown", "250 ok");
  start();
  EXPECT_TRUE(logged("event=offline.set_aside"));
  EXPECT_TRUE(logged("reason=\"550 unknown\""));
  EXPECT_EQ(waiting(), 0u);
  EXPECT_EQ(refused(), 1u);
}

// The daemon may have the message: it is sent again.
TEST_F(OfflineIntakeTest, AConnectionLostAfterTheContentKeepsTheFile) {
  ASSERT_TRUE(keep_offline(offline_, sample()));
  FakeDaemon daemon(socket_, "250 ok", "");
  start();
  EXPECT_TRUE(logged("accepted=false"));
  intake_.stop();
  EXPECT_EQ(waiting(), 1u);
  EXPECT_NE(daemon.contents(), "");
}

TEST_F(OfflineIntakeTest, NothingIsLostWithoutADaemon) {
  ASSERT_TRUE(keep_offline(offline_, sample()));
  start();
  EXPECT_TRUE(logged("accepted=false"));
  intake_.stop();
  EXPECT_EQ(waiting(), 1u);
}

TEST_F(OfflineIntakeTest, StopsWhileNobodyGreets) {
  ASSERT_TRUE(keep_offline(offline_, sample()));
  const LocalSocket silent = *LocalSocket::bind(socket_);
  const int file = *silent.duplicate();
  ASSERT_EQ(listen(file, 8), 0);
  start();
  usleep(50'000);
  const Instant begin = ring::monotonic_now();
  intake_.stop();
  EXPECT_LT(ring::monotonic_now() - begin, seconds(5));
  EXPECT_EQ(waiting(), 1u);
  close(file);
}

TEST_F(OfflineIntakeTest, HostileFilesArePutAside) {
  const std::string whole = submission::encode_offline(sample());
  put("msg.0000000000000001", whole.substr(0, whole.size() - 1));
  put("msg.0000000000000002", "");
  fs::create_symlink(put("elsewhere", whole), offline_ + "/msg.0000000000000003");
  ASSERT_EQ(mkfifo((offline_ + "/msg.0000000000000004").c_str(), 0600), 0);
  fs::create_directory(offline_ + "/msg.0000000000000005");
  fs::create_hard_link(folder_.file("log"), offline_ + "/msg.0000000000000006");
  submission::OfflineMessage other = sample();
  ++other.uid;
  put("msg.0000000000000007", submission::encode_offline(other));
  put("msg.0000000000000008", std::string(10'000'000, 'x'));
  put("msg.zzz", whole);
  FakeDaemon daemon(socket_, "250 ok", "250 ok");
  start();
  EXPECT_TRUE(test::wait_for([&] { return waiting() == 0; }));
  EXPECT_EQ(refused(), 10u);
  EXPECT_EQ(daemon.contents(), "");
  for (const char* reason :
       {"\"not a whole message\"", "\"symbolic link\"", "\"no file of its own\"",
        "\"not its owner's\"", "\"too large\"", "\"unknown name\""})
    EXPECT_TRUE(logged("reason=" + std::string(reason))) << reason;
}

TEST_F(OfflineIntakeTest, WhatCannotBePutAsideIsToldOnce) {
  put("msg.0000000000000001", "bad");
  std::ofstream(offline_ + "-refused") << "in the way";
  start(milliseconds(10));
  EXPECT_TRUE(logged("target=\"\""));
  usleep(200'000);
  intake_.stop();
  const std::string log = test::read_text(folder_.file("log"));
  EXPECT_EQ(log.find("set_aside"), log.rfind("set_aside"));
  EXPECT_EQ(waiting(), 1u);
}

TEST_F(OfflineIntakeTest, TheFolderIsNotALink) {
  const std::string link = folder_.file("link");
  fs::create_directory_symlink(offline_, link);
  EXPECT_EQ(make_offline_folder(link).error().code, ENOTDIR);
  OfflineIntakeOptions options;
  options.folder = link;
  EXPECT_FALSE(intake_.start(std::move(options), *log_));
}

TEST_F(OfflineIntakeTest, NothingIsLeftWhenAFileCannotBeKept) {
  EXPECT_EQ(keep_offline(folder_.file("none"), sample()).error().code, ENOENT);
}

}  // namespace
}  // namespace ringpost::mta
