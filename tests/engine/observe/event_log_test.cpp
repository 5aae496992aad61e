// The log as a whole: rings, writer thread, files that are rotated, full or not read by anybody.
#include "engine/observe/event_log.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace ringpost::observe {
namespace {

namespace fs = std::filesystem;

class EventLogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ringpost-log-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return (folder_ / name).string(); }

  static std::string contents(const std::string& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  static std::size_t count(std::string_view text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
  }

  // Waits until `condition` holds; the writer works in a thread of its own.
  template <class Condition>
  static bool eventually(Condition condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  fs::path folder_;
};

TEST_F(EventLogTest, WritesEveryLineOfEveryCoreInItsOrder) {
  constexpr unsigned cores = 3;
  constexpr std::uint32_t lines = 2'000;
  auto log = EventLog::open({.cores = cores, .path = path("log")});
  ASSERT_TRUE(log);
  std::vector<std::thread> threads;
  for (unsigned core = 0; core < cores; ++core) {
    threads.emplace_back([&log, core] {
      EventSink& sink = (*log)->core(core);
      for (std::uint32_t i = 0; i < lines; ++i) sink.emit({0}, MessageAccepted{.recipients = i});
    });
  }
  for (std::uint32_t i = 0; i < lines; ++i) (*log)->emit({0}, Stopping{.sessions = i});
  for (auto& thread : threads) thread.join();
  EXPECT_EQ((*log)->lines_dropped(), 0u);
  log->reset();

  std::array<std::uint32_t, cores + 1> next{};
  std::istringstream stream(contents(path("log")));
  for (std::string line; std::getline(stream, line);) {
    const bool shared = line.contains(" core=- ");
    const std::size_t at =
        shared ? cores : static_cast<std::size_t>(line[line.find("core=") + 5] - '0');
    const std::string field = shared ? " sessions=" : " recipients=";
    const std::size_t start = line.find(field);
    ASSERT_NE(start, std::string::npos) << line;
    ASSERT_EQ(std::stoul(line.substr(start + field.size())), next[at]++) << line;
  }
  for (const std::uint32_t seen : next) EXPECT_EQ(seen, lines);
}

TEST_F(EventLogTest, WakesAWriterThatSleeps) {
  auto log = EventLog::open({.path = path("log")});
  ASSERT_TRUE(log);
  for (int i = 1; i <= 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    (*log)->core(0).emit({0}, SessionClosed{});
    ASSERT_TRUE(eventually(
        [&] { return count(contents(path("log")), "\n") == static_cast<std::size_t>(i); }));
  }
}

TEST_F(EventLogTest, WritesVerboseLinesOnlyWhileTheyAreWanted) {
  auto log = EventLog::open({.path = path("log")});
  ASSERT_TRUE(log);
  EventSink& sink = (*log)->core(0);
  EXPECT_FALSE(sink.wants<LineReceived>());
  sink.emit({0}, LineReceived{.line = "NOOP first"});
  (*log)->set_level(Level::Verbose);
  EXPECT_TRUE(sink.wants<LineReceived>());
  sink.emit({0}, LineReceived{.line = "NOOP second"});
  (*log)->set_level(Level::Brief);
  sink.emit({0}, LineReceived{.line = "NOOP third"});
  log->reset();
  const std::string text = contents(path("log"));
  EXPECT_EQ(count(text, "\n"), 1u);
  EXPECT_TRUE(text.contains("line=\"NOOP second\""));
}

TEST_F(EventLogTest, TracesASubsystemWithoutTheOthers) {
  auto log = EventLog::open({.path = path("log")});
  ASSERT_TRUE(log);
  EventSink& sink = (*log)->core(0);
  (*log)->set_shown(Shown::of(Subsystem::Smtp), true);
  EXPECT_TRUE(sink.wants<LineReceived>());
  EXPECT_FALSE(sink.wants<FilterPassed>());
  (*log)->set_shown(Shown::of(Subsystem::Filters), true);
  EXPECT_TRUE(sink.wants<FilterPassed>());
  (*log)->set_level(Level::Brief);
  EXPECT_TRUE(sink.wants<LineReceived>());
  (*log)->set_shown(Shown::all_subsystems(), false);
  EXPECT_FALSE(sink.wants<LineReceived>());
  EXPECT_FALSE(sink.wants<FilterPassed>());
  // Verbose is what it always was: no traces.
  (*log)->set_level(Level::Verbose);
  EXPECT_TRUE(sink.wants<LineReceived>());
  EXPECT_FALSE(sink.wants<FilterPassed>());
  EXPECT_TRUE(sink.wants<SessionClosed>());
}

TEST_F(EventLogTest, ReopensItsFileAfterARotation) {
  auto log = EventLog::open({.path = path("log")});
  ASSERT_TRUE(log);
  (*log)->core(0).emit({0}, Started{.version = "before"});
  ASSERT_TRUE(eventually([&] { return contents(path("log")).contains("before"); }));
  fs::rename(path("log"), path("log.1"));
  (*log)->request_reopen();
  ASSERT_TRUE(eventually([&] { return fs::exists(path("log")); }));
  (*log)->core(0).emit({0}, Started{.version = "after"});
  log->reset();
  EXPECT_TRUE(contents(path("log")).contains("after"));
  EXPECT_FALSE(contents(path("log.1")).contains("after"));
}

TEST_F(EventLogTest, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  fs::create_directory(path("dir"));
  auto log = EventLog::open({.path = path("dir/log")});
  ASSERT_TRUE(log);
  fs::rename(path("dir"), path("moved"));
  (*log)->request_reopen();
  ASSERT_TRUE(
      eventually([&] { return contents(path("moved/log")).contains("event=fault where=log"); }));
  (*log)->core(0).emit({0}, Started{.version = "still"});
  log->reset();
  EXPECT_TRUE(contents(path("moved/log")).contains("still"));
}

TEST_F(EventLogTest, SaysWhyAFileCannotBeOpened) {
  const auto log = EventLog::open({.path = path("no/such/folder/log")});
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().operation, "open");
  EXPECT_EQ(log.error().code, ENOENT);
}

TEST_F(EventLogTest, CountsAndReportsWhatTheDiskDidNotTake) {
  auto log = EventLog::open({.path = "/dev/full"});
  if (!log) GTEST_SKIP() << "this system has no /dev/full";
  for (int i = 0; i < 10; ++i) (*log)->core(0).emit({0}, SessionClosed{});
  EXPECT_TRUE(eventually([&] { return (*log)->lines_dropped() == 10; }));
}

TEST_F(EventLogTest, NeverMakesACoreWaitForAPipeThatNobodyReads) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  auto log = EventLog::open({.descriptor = pipe[1], .ring_octets = 1u << 16});
  ASSERT_TRUE(log);
  for (int i = 0; i < 10'000; ++i) (*log)->core(0).emit({0}, SessionClosed{});
  EXPECT_GT((*log)->lines_dropped(), 0u);

  // Once somebody reads, what was kept comes as whole lines, and the loss is reported.
  std::string text;
  std::thread reader([&] {
    std::array<char, 65536> room;
    for (ssize_t n; (n = read(pipe[0], room.data(), room.size())) > 0;) {
      text.append(room.data(), static_cast<std::size_t>(n));
    }
  });
  log->reset();
  close(pipe[1]);
  reader.join();
  close(pipe[0]);
  EXPECT_TRUE(text.contains("event=log.dropped lines="));
  EXPECT_EQ(count(text, "\n"), count(text, "time="));
}

TEST_F(EventLogTest, GivesUpOnAPipeThatNobodyReadsWhenItMustStop) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  auto log = EventLog::open({.descriptor = pipe[1]});
  ASSERT_TRUE(log);
  for (int i = 0; i < 2'000; ++i) (*log)->core(0).emit({0}, SessionClosed{});
  const auto start = std::chrono::steady_clock::now();
  log->reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  close(pipe[0]);
  close(pipe[1]);
}

TEST_F(EventLogTest, SurvivesAPipeWhoseReaderIsGone) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(pipe2(pipe.data(), O_CLOEXEC), 0);
  close(pipe[0]);
  auto log = EventLog::open({.descriptor = pipe[1]});
  ASSERT_TRUE(log);
  (*log)->core(0).emit({0}, SessionClosed{});
  EXPECT_TRUE(eventually([&] { return (*log)->lines_dropped() == 1; }));
  log->reset();
  close(pipe[1]);
}

}  // namespace
}  // namespace ringpost::observe
