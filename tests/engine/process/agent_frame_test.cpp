// The language between engine and agents: what is written is read back, and what nobody
// writes is not taken.
#include "engine/process/agent_frame.h"

#include <gtest/gtest.h>

namespace ringpost::process {
namespace {

Bytes payload_of(const std::string& frame) {
  const Bytes octets = bytes_of(frame);
  EXPECT_EQ(frame_length(octets.first(frame_header_octets)), octets.size() - frame_header_octets);
  return octets.subspan(frame_header_octets);
}

CommandOrder command() {
  return {.command = "exec procmail -d alice",
          .environment = {"HOME=/home/alice", "SENDER=", "EXTENSION=a=b"},
          .folder = "/home/alice",
          .seconds_max = 300};
}

TEST(AgentFrameTest, OrdersComeBack) {
  for (const AgentOrder& order :
       {AgentOrder(ForwardOrder{"/home/alice"}), AgentOrder(FileOrder{"/etc/lists/staff"}),
        AgentOrder(MaildirOrder{"/home/alice/Maildir", "/home/alice/Maildir/.tag", "1.R1.host"}),
        AgentOrder(MaildirOrder{"/m", "", "1.R1.host"}),
        AgentOrder(MboxOrder{"From a@b.example Mon Nov 23 02:40:49 2026"}),
        AgentOrder(AppendOrder{"/tmp/file", "From MAILER-DAEMON Mon Nov 23 02:40:49 2026"}),
        AgentOrder(command())}) {
    EXPECT_TRUE(is_within_limits(order)) << order.index();
    EXPECT_EQ(decode_order(payload_of(order_frame(order))), order) << order.index();
  }
}

TEST(AgentFrameTest, RepliesComeBack) {
  for (const AgentStatus status :
       {AgentStatus::Done, AgentStatus::Absent, AgentStatus::Temporary, AgentStatus::Permanent}) {
    const AgentReply reply{status, -75, "why", std::string("a file\0with anything", 20)};
    EXPECT_EQ(decode_reply(payload_of(reply_frame(reply))), reply);
  }
}

TEST(AgentFrameTest, ALongTextIsCut) {
  const AgentReply reply{AgentStatus::Temporary, 1, std::string(10'000, 'x'), ""};
  const auto read = decode_reply(payload_of(reply_frame(reply)));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, std::string(text_octets_max, 'x'));
}

// What an alias, a .forward or a configuration can bring about, and no agent may act on.
TEST(AgentFrameTest, OrdersThatAreNotTaken) {
  const std::string nul("/home/alice\0/x", 14);
  CommandOrder foreign = command();
  foreign.environment.push_back("LD_PRELOAD=/tmp/x.so");
  CommandOrder nameless = command();
  nameless.environment.push_back("HOME");
  CommandOrder endless = command();
  endless.seconds_max = command_seconds_max + 1;
  CommandOrder no_time = command();
  no_time.seconds_max = 0;
  CommandOrder empty = command();
  empty.command.clear();
  CommandOrder huge = command();
  huge.command.assign(command_octets_max + 1, 'x');
  CommandOrder crowded = command();
  crowded.environment.assign(std::size(command_variables) + 1, "HOME=/");
  for (const AgentOrder& order :
       {AgentOrder(ForwardOrder{""}), AgentOrder(ForwardOrder{"home"}),
        AgentOrder(ForwardOrder{nul}), AgentOrder(FileOrder{"relative"}),
        AgentOrder(ForwardOrder{"/" + std::string(path_octets_max, 'x')}),
        AgentOrder(MaildirOrder{"/m", "tag", "1.R1.host"}),
        AgentOrder(MaildirOrder{"/m", "", "../1.R1.host"}),
        AgentOrder(MaildirOrder{"/m", "", ".hidden"}), AgentOrder(MaildirOrder{"/m", "", ""}),
        AgentOrder(MboxOrder{"From a\nFrom b"}), AgentOrder(MboxOrder{"Subject: x"}),
        AgentOrder(AppendOrder{"file", "From a"}), AgentOrder(foreign), AgentOrder(nameless),
        AgentOrder(endless), AgentOrder(no_time), AgentOrder(empty), AgentOrder(huge),
        AgentOrder(crowded)})
    EXPECT_FALSE(is_within_limits(order)) << order.index();
}

TEST(AgentFrameTest, WhichOrdersHaveContent) {
  EXPECT_FALSE(takes_content(ForwardOrder{"/"}));
  EXPECT_FALSE(takes_content(FileOrder{"/"}));
  EXPECT_TRUE(takes_content(MaildirOrder{}));
  EXPECT_TRUE(takes_content(MboxOrder{}));
  EXPECT_TRUE(takes_content(AppendOrder{}));
  EXPECT_TRUE(takes_content(command()));
}

}  // namespace
}  // namespace ringpost::process
