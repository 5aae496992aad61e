// smtpd.conf(5): any text gives either a Config or at least one error, and every diagnostic stands
// inside the text it speaks of. The octets behind a NUL are the file that includes and tables read.
#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/conf/parse.h"
#include "proto/conf/ruleset.h"

namespace {

using namespace ringpost;

struct Extent {
  std::size_t lines = 0;
  std::size_t longest = 0;
};

Extent extent_of(std::string_view text) {
  Extent extent;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    extent.longest = std::max(extent.longest, end - at);
    ++extent.lines;
    at = end + 1;
  }
  return extent;
}

void check_diagnostics(const conf::ParseResult& result, Extent main, Extent other) {
  for (const conf::Diagnostic& d : result.diagnostics) {
    const Extent extent = d.file == "main" ? main : other;
    CHECK(d.line <= extent.lines);
    CHECK(d.column <= extent.longest + 1);
    CHECK(!d.text.empty());
    CHECK(!to_text_with_caret(d).empty());
  }
  CHECK(result.config.has_value() != conf::has_error(result.diagnostics));
}

// No table is asked in vain, and patterns match nothing.
class NoLookups final : public conf::Lookups {
 public:
  conf::Answer ask(const conf::Question&) override { return {conf::AnswerState::NotFound, {}, {}}; }
  bool matches_regex(const conf::Table&, std::string_view) override { return false; }
};

// A configuration that was accepted can be asked anything.
void use(const conf::Config& config) {
  const conf::LocalHost host("mx.example.org", {});
  const conf::SessionFacts facts{.client = conf::parse_net_address("192.0.2.1"),
                                 .tag = "t",
                                 .helo = "mx.example.net",
                                 .sender = {"alice", "example.com"}};
  NoLookups lookups;
  const auto decision = decide(config, host, facts, {"bob+x", "example.org"}, lookups);
  CHECK(!trace(config, decision.rule).empty());
  for (const auto& listener : config.listeners) CHECK(listener.is_socket || listener.port > 0);
  for (const auto& one : config.rules)
    CHECK(one.from != conf::FromKind::Source || one.from_test.table);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view input = text_of(std::as_bytes(std::span(octets, size)));
  const std::size_t nul = input.find('\0');
  const std::string_view text = input.substr(0, nul);
  const std::string_view other = nul == std::string_view::npos ? "" : input.substr(nul + 1);
  conf::FileReader reader = [other](const std::string& path) -> std::expected<std::string, Fault> {
    if (path.size() % 2 == 0) return std::unexpected(Fault{"open", ENOENT, path});
    return std::string(other);
  };
  conf::ParseInput in{.path = "main",
                      .text = std::string(text),
                      .server_name = "mx.example.org",
                      .macros = {{"fixed", "lo port 2525"}}};
  const conf::ParseResult result = conf::parse(std::move(in), reader);
  check_diagnostics(result, extent_of(text), extent_of(other));
  if (result.config) use(*result.config);
  return 0;
}
