// What the engine may ask its parent: what is written is read back, and what nobody writes is not
// taken.
#include "engine/process/parent_request.h"

#include <gtest/gtest.h>

#include "engine/process/agent_frame.h"

namespace ringpost::process {
namespace {

TEST(ParentRequestTest, RequestsComeBack) {
  const AgentUser alice{.uid = 1000, .gid = 100, .name = "alice", .mailbox = true};
  const auto address = bytes_of("an address");
  for (const ParentRequest& request :
       {ParentRequest(StartAgent{alice}),
        ParentRequest(Ready{}),
        ParentRequest(ReadConfiguration{}),
        ParentRequest(BindSocket{std::vector<std::byte>(address.begin(), address.end())}),
        ParentRequest(LoadKey{"/etc/ssl/private/a.key"}),
        ParentRequest(ConnectKeys{}),
        ParentRequest(ConnectAuth{}),
        ParentRequest(WatchFile{"/etc/ssl/a.pem"}),
        ParentRequest(ForgetFiles{Instant{-7}}),
        ParentRequest(KeepSocket{{address.begin(), address.end()}, 3}),
        ParentRequest(FindSocket{{address.begin(), address.end()}, 4}),
        ParentRequest(DropSocket{{address.begin(), address.end()}}),
        ParentRequest(Stopping{}),
        ParentRequest(Alive{}),
        ParentRequest(AdoptConfiguration{}),
        ParentRequest(StartProgram{"people", {"/usr/bin/table", "-v", ""}}),
        ParentRequest(EndProgram{-5}),
        ParentRequest(StartFilter{7, {"spam", "filter-x -v | tee", "u", "g", "/srv"}}),
        ParentRequest(StartFilter{~0ull, {"spam", "/usr/bin/filter", "", "", ""}}),
        ParentRequest(EndFilter{7, true}),
        ParentRequest(EndFilter{8, false})})
    EXPECT_EQ(decode_request(bytes_of(encode(request))), request) << request.index();
}

TEST(ParentRequestTest, ProgramsThatAreNone) {
  const StartProgram good{"people", {"/usr/bin/table"}};
  EXPECT_TRUE(is_within_limits(good));
  EXPECT_FALSE(is_within_limits(StartProgram{"people", {}}));
  EXPECT_FALSE(is_within_limits(StartProgram{"people", {"table"}}));
  EXPECT_FALSE(is_within_limits(
      StartProgram{"people", std::vector<std::string>(program_words_max + 1, "/x")}));
}

TEST(ParentRequestTest, PathsThatAreNone) {
  for (const std::string& path : {std::string(), std::string("relative"), std::string("/a\0b", 4),
                                  "/" + std::string(path_octets_max, 'x')}) {
    EXPECT_FALSE(is_within_limits(LoadKey{path})) << path;
    EXPECT_FALSE(is_within_limits(WatchFile{path})) << path;
  }
}

TEST(ParentRequestTest, RequestsThatAreNotTaken) {
  const std::string good = encode(StartAgent{{.uid = 1, .gid = 1, .name = "alice"}});
  for (std::size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_FALSE(decode_request(bytes_of(std::string_view(good).substr(0, cut)))) << cut;
  EXPECT_FALSE(decode_request(bytes_of(good + "x")));
  std::string nobody_at_all = good;
  nobody_at_all.replace(1, 4, "\xff\xff\xff\xff");
  EXPECT_FALSE(decode_request(bytes_of(nobody_at_all)));
  std::string other_folder = good;
  other_folder.replace(other_folder.size() - 5, 5, "../al");
  EXPECT_FALSE(decode_request(bytes_of(other_folder)));
  EXPECT_FALSE(decode_request(bytes_of("\x40")));
}

// A table of users may hold any key, and a process that looks users up any number.
TEST(ParentRequestTest, UsersThatNoAgentBecomes) {
  const AgentUser alice{.uid = 1000, .gid = 1000, .name = "alice@example.test"};
  EXPECT_TRUE(is_within_limits(StartAgent{alice}));
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".alice"), std::string("sales/alice"),
        std::string("alice\0", 6), std::string(name_octets_max + 1, 'x')}) {
    AgentUser user = alice;
    user.name = name;
    EXPECT_FALSE(is_within_limits(StartAgent{user})) << name;
  }
  AgentUser nobody = alice;
  nobody.uid = static_cast<uid_t>(-1);
  EXPECT_FALSE(is_within_limits(StartAgent{nobody}));
  nobody = alice;
  nobody.gid = static_cast<gid_t>(-1);
  EXPECT_FALSE(is_within_limits(StartAgent{nobody}));
}

}  // namespace
}  // namespace ringpost::process
