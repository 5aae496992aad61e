// The command line of ringpost-load: what is understood, and that every mistake is refused by name.
#include "tools/load/options.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ringpost::load {
namespace {

std::expected<Options, UsageText> parse(std::vector<std::string_view> words) {
  return parse_options(words);
}

std::string error_of(const std::vector<std::string_view>& words) {
  const auto options = parse_options(words);
  if (options || !options.error().is_error) return "";
  return options.error().text;
}

TEST(LoadOptions, HasUsefulDefaults) {
  const auto options = parse({"127.0.0.1:2525"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mode, Mode::Source);
  EXPECT_EQ(options->target.to_text(), "127.0.0.1:2525");
  EXPECT_TRUE(options->pipelining);
  EXPECT_FALSE(options->chunking);
  EXPECT_EQ(options->sizes, (std::vector<SizeShare>{{4096, 1}}));
}

TEST(LoadOptions, ReadsEveryOptionOfTheSource) {
  const auto options =
      parse({"source",     "-c",        "7",      "-m",      "8",      "-n",         "9",
             "--sizes",    "2k:3,1m:1", "-t",     "2",       "--bdat", "--from=",    "--to",
             "u%d@b.test", "--seconds", "3",      "--rate",  "100",    "--patience", "1",
             "--ledger",   "ids",       "--json", "[::1]:25"});
  ASSERT_TRUE(options) << options.error().text;
  EXPECT_EQ(parse({"--message", "file", "[::1]:25"})->message_file, "file");
  EXPECT_EQ(options->connections, 7u);
  EXPECT_EQ(options->messages_per_connection, 8u);
  EXPECT_EQ(options->messages, 9u);
  EXPECT_EQ(options->sizes, (std::vector<SizeShare>{{2048, 3}, {1u << 20, 1}}));
  EXPECT_EQ(options->threads, 2u);
  EXPECT_TRUE(options->pipelining && options->chunking && options->json);
  EXPECT_EQ(options->sender, "");
  EXPECT_EQ(options->recipient, "u%d@b.test");
  EXPECT_EQ(options->run_time, seconds(3));
  EXPECT_EQ(options->messages_per_second, 100u);
  EXPECT_EQ(options->patience, seconds(1));
  EXPECT_EQ(options->ledger, "ids");
  EXPECT_EQ(options->target.to_text(), "[::1]:25");
}

TEST(LoadOptions, TheLastWordOnPipeliningCounts) {
  EXPECT_FALSE(parse({"--no-pipeline", "localhost:25"})->pipelining);
  const auto options = parse({"--bdat", "--no-pipeline", "localhost:25"});
  EXPECT_FALSE(options->pipelining || options->chunking);
  EXPECT_EQ(parse({"--one-per-connection", "localhost:25"})->messages_per_connection, 1u);
}

TEST(LoadOptions, ASinkTakesWhatMakesSenseForIt) {
  const auto options = parse({"sink", "-t", "2", "--json", "--seconds", "5", "127.0.0.1:25"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mode, Mode::Sink);
  EXPECT_NE(error_of({"sink", "-c", "2", "127.0.0.1:25"}).find("'-c'"), std::string::npos);
}

TEST(LoadOptions, ReadsEveryOptionOfTheSink) {
  const auto options =
      parse({"sink", "--listen", "127.1.0.254-127.1.1.1:2525", "--lmtp", "--script", "rules",
             "--ledger=ids", "--announce", "pipelining,SIZE=1000,8BITMIME", "[::1]:24"});
  ASSERT_TRUE(options) << options.error().text;
  std::vector<std::string> listen;
  for (const net::Address& address : options->listen) listen.push_back(address.to_text());
  EXPECT_EQ(listen, (std::vector<std::string>{"127.1.0.254:2525", "127.1.0.255:2525",
                                              "127.1.1.0:2525", "127.1.1.1:2525", "[::1]:24"}));
  EXPECT_TRUE(options->lmtp);
  EXPECT_EQ(options->script, "rules");
  EXPECT_EQ(options->ledger, "ids");
  EXPECT_EQ(
      options->announced,
      (smtp::Announced{
          .pipelining = true, .eight_bit_mime = true, .size = true, .size_octets_max = 1000}));
}

TEST(LoadOptions, Encryption) {
  EXPECT_EQ(parse({"[::1]:25"})->encryption, Encryption::None);
  EXPECT_EQ(parse({"--tls", "[::1]:25"})->encryption, Encryption::Implicit);
  const auto source = parse({"--starttls", "--no-resumption", "[::1]:25"});
  ASSERT_TRUE(source);
  EXPECT_EQ(source->encryption, Encryption::StartTls);
  EXPECT_FALSE(source->resumption);
  const auto sink = parse({"sink", "--tls", "--certificate", "c", "--key", "k", "[::1]:25"});
  ASSERT_TRUE(sink);
  EXPECT_EQ(sink->certificate + sink->key, "ck");
  EXPECT_FALSE(parse({"sink", "--tls", "--certificate", "c", "[::1]:25"}));
  EXPECT_FALSE(parse({"--key", "k", "[::1]:25"}));
}

TEST(LoadOptions, ASinkAnnouncesEverythingItKnowsUnlessTold) {
  EXPECT_EQ(parse({"sink", "[::1]:24"})->announced, announced_by_default);
  EXPECT_EQ(parse({"sink", "--announce", "none", "[::1]:24"})->announced, smtp::Announced{});
  EXPECT_EQ(parse({"sink", "--announce", "SMTPUTF8,DSN,CHUNKING,SIZE", "[::1]:24"})->announced,
            (smtp::Announced{.smtputf8 = true, .dsn = true, .chunking = true, .size = true}));
}

TEST(LoadOptions, RefusesMistakesOfASinkByName) {
  struct Mistake {
    std::vector<std::string_view> words;
    std::string_view said;
  };
  for (const Mistake& mistake : std::vector<Mistake>{
           {{"sink"}, "HOST:PORT"},
           {{"sink", "--announce", "STARTTLS", "[::1]:24"}, "by --starttls"},
           {{"sink", "--announce", "DSN,", "[::1]:24"}, "'' cannot"},
           {{"sink", "--announce", "XCLIENT", "[::1]:24"}, "'XCLIENT'"},
           {{"sink", "--announce", "SIZE=x", "[::1]:24"}, "'SIZE=x'"},
           {{"sink", "--announce", "DSN=1", "[::1]:24"}, "'DSN=1'"},
           {{"sink", "127.1.0.2-127.1.0.1:25"}, "FIRST-LAST"},
           {{"sink", "127.1.0.2-:25"}, "FIRST-LAST"},
           {{"sink", "127.1.0.2:25-127.1.0.3"}, "with a port"},
           {{"sink", "127.1.0.1-127.1.0.2:0"}, "port"},
           {{"sink", "127.0.0.0-127.1.0.0:25"}, "more than 16384"},
           {{"sink", "127.0.0.0-127.0.63.255:25", "127.1.0.0:25"}, "more than 16384"},
           {{"sink", "126.255.255.255-127.0.0.1:25"}, "loopback"},
           {{"sink", "--listen", "192.0.2.1:25"}, "loopback"},
           {{"sink", "--script", "", "[::1]:24"}, "--script"},
           {{"--lmtp", "[::1]:24"}, "for a source"}})
    EXPECT_NE(error_of(mistake.words).find(mistake.said), std::string::npos)
        << mistake.words.back() << ": " << error_of(mistake.words);
}

TEST(LoadOptions, HelpIsNoError) {
  const auto options = parse({"--help"});
  ASSERT_FALSE(options);
  EXPECT_FALSE(options.error().is_error);
  EXPECT_NE(options.error().text.find("--ledger"), std::string::npos);
}

TEST(LoadOptions, RefusesEveryOtherMachine) {
  for (const std::string_view target : {"192.0.2.1:25", "[2001:db8::1]:25", "0.0.0.0:25"})
    EXPECT_NE(error_of({target}).find("loopback"), std::string::npos) << target;
  EXPECT_TRUE(parse({"127.9.9.9:25"}));
}

TEST(LoadOptions, RefusesMistakesByName) {
  const std::vector<std::vector<std::string_view>> mistakes{
      {"-c", "0", "::1:25"},
      {"-c", "x", "127.0.0.1:25"},
      {"-m", "-1", "127.0.0.1:25"},
      {"-n", "0", "127.0.0.1:25"},
      {"-s", "511", "127.0.0.1:25"},
      {"-s", "2g", "127.0.0.1:25"},
      {"-s", "k", "127.0.0.1:25"},
      {"-t", "65", "127.0.0.1:25"},
      {"--sizes", "", "127.0.0.1:25"},
      {"--rate", "0"},
      {"--sizes", "4k", "127.0.0.1:1"},
      {"--sizes", "4k:0", "::1:25"},
      {"--sizes", "4k:1,"},
      {"--to", "a b@c", "127.0.0.1:1"},
      {"--from", "nobody", "::1:25"},
      {"--ledger", ""},
      {"--message", ""},
      {"--seconds", "0"},
      {"--patience", "x"},
      {"--no-pipeline=yes", "::1"},
      {"--frobnicate", "127.0.0.1:1"},
      {"-c"},
  };
  for (const auto& words : mistakes)
    EXPECT_NE(error_of(words).find(words[0].substr(0, words[0].find('='))), std::string::npos)
        << words[0] << ": " << error_of(words);
  EXPECT_NE(error_of({}).find("HOST:PORT"), std::string::npos);
  for (const std::string_view target : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "host:25"})
    EXPECT_NE(error_of({target}).find(target), std::string::npos);
  EXPECT_NE(error_of({"127.0.0.1:1", "127.0.0.1:2"}).find("too many"), std::string::npos);
  EXPECT_NE(error_of({"--message", "m", "--ledger", "l", "::1:1"}).find("--ledger"),
            std::string::npos);
  EXPECT_NE(error_of({"--idle", "5", "-n", "5", "127.0.0.1:1"}).find("--idle"), std::string::npos);
}

}  // namespace
}  // namespace ringpost::load
