// The command line: prefixes, options, and what each mistake is told.
#include "tools/ringpostctl/command.h"

#include <gtest/gtest.h>

namespace ringpost::ctl {
namespace {

std::expected<Invocation, std::string> parse(const std::vector<std::string>& words,
                                             std::string_view home = "") {
  return parse_command_line(words, home);
}

TEST(CommandLine, KnowsEveryCommandInFullAndShort) {
  const std::string id = "0100123456789abc";
  const std::tuple<std::vector<std::string>, Verb, std::string, std::vector<std::string>> cases[] =
      {
          {{"show", "queue"}, Verb::ShowQueue, "show queue", {}},
          {{"sh", "q"}, Verb::ShowQueue, "show queue", {}},
          {{"show", "queue", id}, Verb::ShowQueue, "show queue", {id}},
          {{"show", "queue", "domain", "a.test", "held"},
           Verb::ShowQueue,
           "show queue",
           {"domain", "a.test", "held"}},
          {{"remove", id + ".3"}, Verb::Remove, "remove", {id + ".3"}},
          {{"show", "m", id}, Verb::ShowMessage, "show message", {id}},
          {{"show", "e", id}, Verb::ShowEnvelope, "show envelope", {id}},
          {{"sh", "st"}, Verb::ShowStats, "show stats", {}},
          {{"sc", "all"}, Verb::Schedule, "schedule", {"all"}},
          {{"schedule", id, id}, Verb::Schedule, "schedule", {id, id}},
          {{"rem", id}, Verb::Remove, "remove", {id}},
          {{"b", "held"}, Verb::Bounce, "bounce", {"held"}},
          {{"hold", "all"}, Verb::Hold, "hold", {"all"}},
          {{"release", id}, Verb::Release, "release", {id}},
          {{"rer", "all", "to", "b.test"}, Verb::Reroute, "reroute", {"all", "to", "b.test"}},
          {{"p"}, Verb::Pause, "pause", {}},
          {{"pause", "md"}, Verb::Pause, "pause", {"mda"}},
          {{"pause", "mt", "for", "A.test"}, Verb::Pause, "pause", {"mta", "for", "A.test"}},
          {{"w", id + ".2"}, Verb::Why, "why", {id + ".2"}},
          {{"show", "de", "limit", "5"},
           Verb::ShowDestinations,
           "show destinations",
           {"limit", "5"}},
          {{"show", "dm"}, Verb::ShowDmarc, "show dmarc", {}},
          {{"send", "d"}, Verb::SendDmarc, "send dmarc", {}},
          {{"show", "h"}, Verb::ShowHosts, "show hosts", {}},
          {{"show", "r", "a.test"}, Verb::ShowRoutes, "show routes", {"a.test"}},
          {{"res", "smtp"}, Verb::Resume, "resume", {"smtp"}},
          {{"log", "v"}, Verb::Log, "log", {"verbose"}},
          {{"l", "brief"}, Verb::Log, "log", {"brief"}},
          {{"log", "reopen"}, Verb::Log, "log", {"reopen"}},
          {{"explain", id}, Verb::Explain, "explain", {id}},
          {{"e", "k7q2m9xa"}, Verb::Explain, "explain", {"k7q2m9xa"}},
          {{"trace", "f"}, Verb::Trace, "trace", {"filters"}},
          {{"untrace", "all"}, Verb::Untrace, "untrace", {"all"}},
          {{"stop"}, Verb::Stop, "stop", {}},
          {{"spool", "ls"}, Verb::SpoolList, "spool ls", {}},
          {{"sp", "c", id}, Verb::SpoolCat, "spool cat", {id}},
          {{"sp", "v"}, Verb::SpoolVerify, "spool verify", {}},
          {{"sp", "e", "/some/folder"}, Verb::SpoolExport, "spool export", {"/some/folder"}},
      };
  for (const auto& [words, verb, command, arguments] : cases) {
    const auto invocation = parse(words);
    ASSERT_TRUE(invocation) << invocation.error();
    EXPECT_EQ(invocation->verb, verb);
    EXPECT_EQ(invocation->command, command);
    EXPECT_EQ(invocation->arguments, arguments);
  }
}

TEST(CommandLine, SaysWhatIsWrong) {
  const std::pair<std::vector<std::string>, std::string_view> cases[] = {
      {{}, "no command given"},
      {{""}, "unknown word \"\""},
      {{"s"}, "\"s\" is ambiguous: show, schedule, send, stop, spool"},
      {{"re"}, "\"re\" is ambiguous: remove, release, reroute, resume"},
      {{"fly"}, "unknown word \"fly\"; expected one of: show, why, schedule"},
      {{"show"}, "show what? One of: queue, message, envelope, stats, destinations"},
      {{"show", "x"}, "unknown word \"x\"; expected one of: queue, message, envelope, stats"},
      {{"show", "queue", "not-an-id"}, "\"not-an-id\" is neither a queue id (16 hex digits) nor"},
      {{"show", "envelope", "all"}, "\"all\" is not a message id"},
      {{"show", "message"}, "expected: show message ID"},
      {{"show", "stats", "x"}, "expected: show stats"},
      {{"schedule"}, "name queue ids, or all, or conditions: domain NAME"},
      {{"remove", "0100123456789abc", "all"}, "\"all\" is not a queue id"},
      {{"remove", "older", "ten"}, "\"ten\" is not a time"},
      {{"pause", "mua"}, "unknown word \"mua\"; expected one of: mda, mta, smtp"},
      {{"pause", "m"}, "\"m\" is ambiguous: mda, mta"},
      {{"pause", "mta", "for"}, "expected: pause [mda|mta|mta for DOMAIN|smtp]"},
      {{"pause", "mda", "for", "a.test"}, "expected: pause [mda|mta|mta for DOMAIN|smtp]"},
      {{"resume"}, "expected: resume mda|mta|mta for DOMAIN|smtp"},
      {{"reroute", "all"}, "expected: reroute WHICH to HOST"},
      {{"reroute", "nobody", "to", "b.test"}, "\"nobody\" is neither a queue id"},
      {{"why"}, "expected: why ID[.N]"},
      {{"why", "me"}, "\"me\" is not a queue id (16 hex digits, or ID.N)"},
      {{"log"}, "expected: log brief|verbose|reopen"},
      {{"log", "loud"}, "expected one of: brief, verbose, reopen"},
      {{"explain"}, "expected: explain ID|TOKEN"},
      {{"explain", "me"}, "\"me\" is neither an id (16 hex digits) nor a token"},
      {{"trace", "s"}, "\"s\" is ambiguous: smtp, scheduler, stat"},
      {{"u"}, "\"u\" is ambiguous: untrace, update"},
      {{"spool", "export"}, "expected: spool export DIR"},
      {{"--home"}, "--home needs a folder"},
      {{"--jsn", "stop"}, "unknown option --jsn"},
      {{"--homes=x", "stop"}, "unknown option --homes=x"},
  };
  for (const auto& [words, error] : cases) {
    const auto invocation = parse(words);
    ASSERT_FALSE(invocation) << error;
    EXPECT_TRUE(invocation.error().contains(error)) << invocation.error();
  }
}

TEST(CommandLine, FindsTheSocketAndTheSpool) {
  const auto system = parse({"stop"});
  EXPECT_EQ(system->socket_path, "/run/ringpost/control.sock");
  EXPECT_EQ(system->spool_path, "/var/spool/ringpost");
  const auto environment = parse({"stop"}, "/env");
  EXPECT_EQ(environment->socket_path, "/env/run/control.sock");
  EXPECT_EQ(environment->spool_path, "/env/spool");
  const auto option = parse({"--home", "/opt", "stop"}, "/env");
  EXPECT_EQ(option->socket_path, "/opt/run/control.sock");
  const auto spool = parse({"stop", "--spool=/elsewhere", "--home=/opt"}, "/env");
  EXPECT_EQ(spool->socket_path, "/opt/run/control.sock");
  EXPECT_EQ(spool->spool_path, "/elsewhere");
}

TEST(CommandLine, TakesOptionsAnywhereUntilTheyAreEnded) {
  EXPECT_TRUE(parse({"show", "queue", "--json"})->json);
  EXPECT_TRUE(parse({"--json", "show", "queue"})->json);
  EXPECT_FALSE(parse({"show", "queue"})->json);
  EXPECT_EQ(parse({"spool", "export", "--", "--json"})->arguments[0], "--json");
  EXPECT_TRUE(parse({"--help"})->help);
  EXPECT_TRUE(parse({"-h", "nonsense"})->help);
}

TEST(CommandLine, UsageNamesEveryCommand) {
  for (const std::string_view command :
       {"show queue", "show message", "show envelope", "show stats", "schedule", "remove", "bounce",
        "hold", "release", "pause", "resume", "log", "stop", "spool ls", "spool cat",
        "spool verify", "spool export"}) {
    EXPECT_TRUE(usage().contains("  " + std::string(command))) << command;
  }
}

}  // namespace
}  // namespace ringpost::ctl
