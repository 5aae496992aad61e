// `ringpostctl auth` and `psl` as a caller sees them, without a name server: what is asked of a
// port that refuses is a temporary error.
#include "tools/ringpostctl/auth_command.h"

#include <gtest/gtest.h>

#include "engine/mta/control.h"
#include "proto/base/base64.h"
#include "tests/tools/ringpostctl/running_command.h"
#include "tools/ringpostctl/auth_judge.h"
#include "tools/ringpostctl/line_reader.h"
#include "tools/ringpostctl/psl.h"

namespace ringpost::ctl {
namespace {

using mta::Json;

Ran auth(const std::vector<std::string>& words, std::string input) {
  return run_with(std::move(input), [&](std::FILE* in, const Output& output) {
    return run_auth(words, in, WallTime{}, output);
  });
}

// A port of loopback at which nobody listens.
const std::string nobody = "127.0.0.1:1";

TEST(AuthCommand, OneMessageGivesOneObjectWithAllKeys) {
  const Ran ran = auth({"--dns", nobody, "--ip=192.0.2.1", "--helo", "mail.example.com",
                        "--mail-from", "<a@example.com>"},
                       "From: a@example.com\n\nhello\n");
  EXPECT_EQ(ran.status, exit_ok);
  EXPECT_EQ(ran.out,
            "{\"spf\":{\"result\":\"temperror\",\"domain\":\"example.com\",\"identity\":"
            "\"mailfrom\",\"explanation\":\"the DNS could not be asked about example.com: "
            "unreachable\",\"mechanism\":\"\"},\"dkim\":[],\"dmarc\":{\"result\":\"temperror\","
            "\"domain\":\"example.com\",\"policy\":\"\",\"disposition\":\"none\",\"alignment\":"
            "{\"spf\":false,\"dkim\":false}},\"arc\":{\"result\":\"none\",\"instances\":0}}\n");
}

TEST(AuthCommand, InternationalDomainsAreAskedForInAscii) {
  const Ran ran = auth({"--dns", nobody, "--ip", "192.0.2.1", "--helo", "mail.example.com",
                        "--mail-from", "j\u00fcrg@b\u00fccher.example"},
                       "From: j\u00fcrg@b\u00fccher.example\n\n");
  const Json object = Json::parse(ran.out, nullptr, false);
  EXPECT_EQ(object["spf"]["domain"], "xn--bcher-kva.example");
  EXPECT_EQ(object["spf"]["result"], "temperror");
  EXPECT_EQ(object["dmarc"]["domain"], "xn--bcher-kva.example");
}

TEST(AuthCommand, TheFieldStandsBesideTheResults) {
  const Ran ran = auth({"--dns", nobody, "--ip", "192.0.2.1", "--helo", "mail.example.com",
                        "--mail-from", "a@example.com", "--auth-results", "--auth-serv-id", "mx.x"},
                       "Subject: x\n\n");
  const Json object = Json::parse(ran.out, nullptr, false);
  EXPECT_EQ(object["arc"]["result"], "none");
  EXPECT_EQ(object["auth_results"],
            "Authentication-Results: mx.x;\n\tspf=temperror (the DNS could not be asked "
            "about example.com: unreachable)\n\t smtp.mailfrom=a@example.com;\n\tdkim=none;\n"
            "\tdmarc=none (no domain in a From field);\n\tarc=none\n");
}

TEST(AuthCommand, WithoutFromThereIsNoDmarc) {
  const Ran ran = auth({"--dns", nobody, "--ip", "192.0.2.1", "--helo", "[192.0.2.1]"}, "x");
  const Json object = Json::parse(ran.out, nullptr, false);
  EXPECT_EQ(object["spf"]["result"], "none");
  EXPECT_EQ(object["spf"]["identity"], "helo");
  EXPECT_EQ(object["dmarc"]["result"], "none");
  EXPECT_EQ(object["dmarc"]["domain"], "");
}

TEST(AuthCommand, AHeaderThatIsTooLargeHidesNoAuthor) {
  const Ran ran = auth({"--dns", nobody, "--ip", "192.0.2.1", "--helo", "[192.0.2.1]"},
                       "X: " + std::string(600'000, 'x') + "\nFrom: a@example.com\n\nhello\n");
  const Json object = Json::parse(ran.out, nullptr, false);
  EXPECT_EQ(object["dmarc"]["result"], "permerror");
  EXPECT_EQ(object["dmarc"]["disposition"], "reject");
}

TEST(AuthCommand, WrongWordsAreAUsageError) {
  EXPECT_EQ(auth({}, "x").status, exit_usage);
  EXPECT_EQ(auth({"--ip"}, "x").status, exit_usage);
  EXPECT_EQ(auth({"--ip", "x"}, "x").err, "ringpostctl: \"x\" is no IP address\n");
  EXPECT_EQ(auth({"--ip", "::1", "--dns", "ns.example"}, "x").err,
            "ringpostctl: \"ns.example\" is no address of a name server\n");
  EXPECT_EQ(auth({"--ip", "::1", "--what"}, "x").status, exit_usage);
}

Json row(const std::string& id, const std::string& message) {
  return {{"id", id},
          {"dns", nobody},
          {"ip", "192.0.2.1"},
          {"helo", "[x]"},
          {"mail_from", nullptr},
          {"now", nullptr},
          {"message", base64_encode(message)}};
}

TEST(AuthCommand, ABatchAnswersEveryLineInOrder) {
  Json no_time = row("3", "x");
  no_time["now"] = "soon";
  Json no_text = row("4", "x");
  no_text["helo"] = 5;
  Json no_base64 = row("5", "x");
  no_base64["message"] = "%%";
  const Ran ran =
      auth({"--batch"}, row("1", "Subject: x\n\n").dump() + "\n{\n[1]\n" + no_time.dump() + "\n" +
                            no_text.dump() + "\n" + no_base64.dump() + "\n{\"id\":{\"a\":[7]}}\n" +
                            row("8", "").dump());
  EXPECT_EQ(ran.status, exit_ok);
  std::vector<Json> answers;
  for (std::size_t at = 0; at < ran.out.size(); at = ran.out.find('\n', at) + 1)
    answers.push_back(Json::parse(ran.out.substr(at, ran.out.find('\n', at) - at), nullptr, false));
  ASSERT_EQ(answers.size(), 8u);
  EXPECT_EQ(answers[0]["id"], "1");
  EXPECT_EQ(answers[0]["spf"]["result"], "none");
  EXPECT_FALSE(answers[0].contains("error"));
  EXPECT_EQ(answers[1]["error"], "the line is no JSON object");
  EXPECT_TRUE(answers[2]["id"].is_null());
  EXPECT_EQ(answers[3]["error"], "\"now\" is no Unix time");
  EXPECT_EQ(answers[4]["error"], "\"helo\" is no text");
  EXPECT_EQ(answers[5]["error"], "\"message\" is not base64");
  EXPECT_EQ(answers[6]["id"].dump(), "{\"a\":[7]}");
  EXPECT_EQ(answers[6]["error"], "\"\" is no IP address");
  EXPECT_EQ(answers[7]["id"], "8");
}

TEST(AuthCommand, ALineOfValuesInValuesIsRefused) {
  const std::string deep =
      "{\"id\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}\n";
  const Ran ran = auth({"--batch"}, deep + "{\"id\":\"[\\\"[{\"}\n");
  EXPECT_EQ(ran.status, exit_ok);
  const std::size_t end = ran.out.find('\n');
  const Json first = Json::parse(ran.out.substr(0, end), nullptr, false);
  const Json second = Json::parse(ran.out.substr(end + 1), nullptr, false);
  EXPECT_EQ(first["id"], nullptr);
  EXPECT_EQ(first["error"], "the line is no JSON object");
  EXPECT_EQ(first["spf"]["result"], "none") << "all keys are there";
  EXPECT_EQ(second["id"], "[\"[{");
  EXPECT_EQ(second["error"], "\"\" is no IP address");
}

TEST(AuthCommand, AddressesMayStandInBrackets) {
  EXPECT_EQ(bare_address(" <a@b> "), "a@b");
  EXPECT_EQ(bare_address("<>"), "");
  EXPECT_EQ(bare_address("a@b"), "a@b");
}

TEST(AuthCommand, PslAnswersEveryLine) {
  const Ran ran =
      run_with("www.example.com\r\n\nCOM\n a.b.co.uk",
               [&](std::FILE* in, const Output& output) { return run_psl({}, in, output); });
  EXPECT_EQ(ran.status, exit_ok);
  EXPECT_EQ(ran.out, "example.com\nnull\nnull\nb.co.uk\n");
}

TEST(AuthCommand, AnswersALineThatIsTooLong) {
  const Ran ran = auth({"--batch"}, std::string(LineReader::line_octets_max + 1, 'x') + "\n{\n");
  EXPECT_EQ(ran.status, exit_ok);
  const std::size_t end = ran.out.find('\n');
  EXPECT_NE(ran.out.find("\"error\":\"the line has more than 64 MiB\""), std::string::npos);
  EXPECT_NE(ran.out.find("\"id\":null", end + 1), std::string::npos) << "the next line is answered";
}

}  // namespace
}  // namespace ringpost::ctl
