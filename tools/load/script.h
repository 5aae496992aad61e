// What a sink answers otherwise than with yes: a script of rules, one a line, as a value. Pure: the
// owner passes in what happened and does what the rule says. Mistakes are Diagnostics, one for each
// line that has any.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/clock.h"
#include "proto/conf/diagnostic.h"
#include "proto/conf/net_address.h"
#include "proto/smtp/reply.h"

namespace ringpost::load {

// Where in a session a rule may act, in the order of a session.
enum class Step : std::uint8_t { Greeting, Hello, Mail, Rcpt, Data, DataEnd };
inline constexpr std::array steps{Step::Greeting, Step::Hello, Step::Mail,
                                  Step::Rcpt,     Step::Data,  Step::DataEnd};
// As it stands in a script: "greeting", "hello", "mail", "rcpt", "data", "data-end".
std::string_view to_text(Step step);

enum class Ending : std::uint8_t {
  GoOn,
  Close,  // answer, then close
  Drop,   // no answer, no goodbye
};

struct Rule {
  std::uint32_t line = 0;  // of the script, from 1
  std::string text;        // as it stands there, without the blanks around it
  Step step = Step::Greeting;

  // All of those that are set must agree.
  std::optional<conf::NetPrefix> address{};  // that the client connected to
  std::optional<std::uint16_t> port{};       // likewise
  std::string domain{};                      // of a recipient, in lower case; "*.b.test": below it
  std::string recipient{};
  std::string sender{};
  std::uint32_t every = 1;        // of the occasions that agree only each n-th
  std::uint32_t per_million = 0;  // 0: all of them, otherwise so many by chance

  Duration delay{};
  Ending ending = Ending::GoOn;
  std::optional<smtp::Reply> reply{};  // otherwise what would have been said without the rule
};

// `file` is the name for the diagnostics.
std::expected<std::vector<Rule>, std::vector<conf::Diagnostic>> parse_script(std::string_view text,
                                                                             std::string_view file);

// What a rule is held against. Views the owner's text during Play::choose().
struct Occasion {
  Step step = Step::Greeting;
  conf::NetAddress address{};
  std::uint16_t port = 0;
  std::string_view sender{};
  std::span<const std::string> recipients{};  // that this is about; one that agrees is enough
};

// A script being played: counts and dice. Owner: one thread. Two plays with one seed that see the
// same occasions choose the same rules.
class Play {
 public:
  // `rules` must outlive the play.
  Play(std::span<const Rule> rules, std::uint32_t seed);

  // The first rule that agrees, or nullptr.
  const Rule* choose(const Occasion& occasion);

 private:
  bool takes_its_turn(std::size_t rule);

  std::span<const Rule> rules_;
  std::vector<std::uint64_t> agreed_;
  std::minstd_rand dice_;
};

}  // namespace ringpost::load
