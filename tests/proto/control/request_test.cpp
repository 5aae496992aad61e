// The request of the control socket: what is taken, and what each refusal says.
#include "proto/control/request.h"

#include <gtest/gtest.h>

namespace ringpost::control {
namespace {

std::string error_of(std::string_view line) {
  const auto request = parse_request(line);
  return request ? "accepted" : request.error();
}

TEST(ControlRequest, TakesEveryMember) {
  const auto request =
      parse_request(R"( { "limit" : 10 , "protocol":1,"arguments":["a","" , "c d"], )"
                    R"("command":"show queue","after":"x"} )"
                    "\r\n");
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(
      *request,
      (Request{.command = "show queue", .arguments = {"a", "", "c d"}, .after = "x", .limit = 10}));
}

TEST(ControlRequest, HasDefaultsForWhatIsOptional) {
  const auto request = parse_request(R"({"protocol":1,"command":"stop"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, (Request{.command = "stop"}));
  EXPECT_EQ(parse_request(R"({"protocol":1,"command":"stop","arguments":[]})")->arguments.size(),
            0u);
}

TEST(ControlRequest, ReadsEveryEscape) {
  const auto request =
      parse_request(R"({"protocol":1,"command":"\"\\\/\b\f\n\r\t\u0041\u00fc\u20ac\ud83d\udcee"})");
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->command, "\"\\/\b\f\n\r\tA\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\xae");
}

TEST(ControlRequest, SaysWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "expected '{'"},
      {"[]", "expected '{'"},
      {"{}", "\"protocol\" is missing"},
      {R"({"protocol":1})", "\"command\" is missing"},
      {R"({"protocol":1,"command":""})", "\"command\" is missing"},
      {R"({"command":"stop"})", "\"protocol\" is missing"},
      {R"({"protocol":1,"command":"stop"} x)", "something follows"},
      {R"({"protocol":1,"command":"stop",})", "expected '\"'"},
      {R"({"protocol":1 "command":"stop"})", "expected '}'"},
      {R"({"protocol":1,"command":"stop")", "expected '}'"},
      {R"({"protocol":1,"command":stop})", "expected '\"'"},
      {R"({"protocol":1,"command":"stop)", "string without end"},
      {R"({"protocol":1,"command":"a\x"})", "unknown escape"},
      {R"({"protocol":1,"command":"a\)", "unknown escape"},
      {R"({"protocol":1,"command":"\u12g4"})", "expected four hex digits"},
      {R"({"protocol":1,"command":"\u12)", "expected four hex digits"},
      {R"({"protocol":1,"command":"\ud800"})", "half a surrogate pair"},
      {R"({"protocol":1,"command":"\ud800\u0041"})", "half a surrogate pair"},
      {R"({"protocol":1,"command":"\udc00"})", "half a surrogate pair"},
      {"{\"protocol\":1,\"command\":\"a\nb\"}", "octet that may not stand"},
      {"{\"protocol\":1,\"command\":\"\xff\"}", "octet that may not stand"},
      {R"({"protocol":1,"command":"stop","command":"stop"})", "\"command\" stands twice"},
      {R"({"protocol":1,"command":"stop","other":1})", "unknown member"},
      {R"({"protocol":-1,"command":"stop"})", "expected a number"},
      {R"({"protocol":01,"command":"stop"})", "expected a number"},
      {R"({"protocol":4294967296,"command":"stop"})", "expected a number"},
      {R"({"protocol":"1","command":"stop"})", "expected a number"},
      {R"({"protocol":1,"command":"stop","limit":0})", "\"limit\" is not from 1 to 1000"},
      {R"({"protocol":1,"command":"stop","limit":1001})", "\"limit\" is not from 1 to 1000"},
      {R"({"protocol":1,"command":"stop","arguments":"x"})", "expected '['"},
      {R"({"protocol":1,"command":"stop","arguments":["x"})", "expected ']'"},
      {R"({"protocol":1,"command":"stop","arguments":[1]})", "expected '\"'"},
      {R"({"protocol":1,"command":"stop","arguments":[["x"]]})", "expected '\"'"},
  };
  for (const auto& [line, error] : cases) {
    EXPECT_TRUE(error_of(line).contains(error)) << line << " gave: " << error_of(line);
  }
}

TEST(ControlRequest, NamesTheVersionWhateverElseIsUnknown) {
  const std::string_view text = "this daemon speaks control protocol 1, not 2";
  EXPECT_EQ(error_of(R"({"protocol":2,"command":"stop"})"), text);
  EXPECT_EQ(error_of(R"({"protocol":2,"command":"stop","tenant":{"deep":[]}})"), text);
}

TEST(ControlRequest, HasLimits) {
  std::string many = R"({"protocol":1,"command":"remove","arguments":[)";
  for (std::size_t i = 0; i < arguments_max; ++i) many += i == 0 ? "\"a\"" : ",\"a\"";
  EXPECT_EQ(error_of(many + "]}"), "accepted");
  EXPECT_TRUE(error_of(many + ",\"a\"]}").contains("too many arguments"));
  EXPECT_EQ(error_of(std::string(request_octets_max + 1, ' ')), "the request is too long");
}

TEST(ControlRequest, PrintsWhatItReads) {
  const Request request{.command = "show \"queue\"\\",
                        .arguments = {"\x01\n", "gr\xc3\xbc\xc3\x9f", ""},
                        .after = "z",
                        .limit = 7};
  const std::string line = print_request(request);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto again = parse_request(line);
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(*again, request);
}

TEST(ControlRequest, PrintsWhatIsNotUtf8AsTheReplacementCharacter) {
  const auto again = parse_request(print_request({.command = "a\xff"}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->command, "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace ringpost::control
