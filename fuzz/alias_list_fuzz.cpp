// aliases(5) and forward(5): any text is a list of targets and explanations; as .forward, included
// file and alias at once it expands to an answer, with deliveries exactly when there are some.
#include <algorithm>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/conf/alias.h"
#include "proto/conf/expand.h"
#include "proto/conf/parse.h"

namespace {

using namespace ringpost;

// Every user exists, and every file holds the same text.
class SameText final : public conf::Lookups {
 public:
  explicit SameText(std::string_view text) : text_(text) {}
  conf::Answer ask(const conf::Question& question) override {
    if (const auto* user = std::get_if<conf::UserQuestion>(&question)) {
      return {conf::AnswerState::Found, {user->name, 1000, 1000, "/home"}, {}};
    }
    return {conf::AnswerState::Found, {}, std::string(text_)};
  }
  bool matches_regex(const conf::Table&, std::string_view) override { return false; }

 private:
  std::string_view text_;
};

void check_target(const conf::AliasTarget& target) {
  switch (target.kind) {
    case conf::AliasKind::Address:
      CHECK(!target.domain.empty());
      [[fallthrough]];
    case conf::AliasKind::User:
      CHECK(!target.user.empty());
      break;
    case conf::AliasKind::Error:
      CHECK(target.code >= 400 && target.code < 600 && !target.text.empty());
      break;
    case conf::AliasKind::File:
    case conf::AliasKind::Include:
      CHECK(target.text.starts_with('/'));
      break;
    case conf::AliasKind::Command:
      CHECK(!target.text.empty());
      break;
  }
  CHECK(target.text.size() <= conf::alias_item_octets_max);
}

template <class Targets>
void walk(std::string_view text) {
  Targets targets(text);
  while (const auto target = targets.next()) {
    if (*target) check_target(**target);
    if (!*target) CHECK(!target->error().empty());
  }
}

const conf::Config& config() {
  static const conf::Config made = [] {
    conf::FileReader none = [](const std::string& path) -> std::expected<std::string, Fault> {
      return std::unexpected(Fault{"open", 2, path});
    };
    auto result = conf::parse({.path = "main",
                               .text = "table t proc:/t\naction l maildir alias <t>\n"
                                       "match from any for any action l\n",
                               .server_name = "mx.example.org"},
                              none);
    CHECK(result.config.has_value());
    return std::move(*result.config);
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view text = text_of(std::as_bytes(std::span(octets, size)));
  walk<conf::AliasTargets>(text);
  walk<conf::AliasFile>(text);
  SameText lookups(text);
  const conf::LocalHost host;
  const auto expansion = expand(config(), host, {}, {"alice", "example.org"}, lookups);
  CHECK((expansion.outcome == conf::Outcome::Deliver) == !expansion.deliveries.empty());
  CHECK(expansion.deliveries.size() <= conf::expansion_nodes_max);
  return 0;
}
