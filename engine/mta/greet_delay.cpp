// See greet_delay.h. RFC 5321 3.1: the client waits for the greeting; most programs that only send
// spam do not.
#include "engine/mta/greet_delay.h"

#include <fmt/format.h>

#include "proto/conf/table.h"

namespace ringpost::mta {
namespace {

// What one host may choose from.
constexpr unsigned inet6_bits = 64;

}  // namespace

std::optional<FilterAnswer> GreetDelayFilter::ask(filter::Phase) {
  using enum FilterAnswer::Kind;
  const auto client = setup_.owner.session_facts().client;
  // Under TLS from the first octet on it is the client that begins.
  if (!client || !setup_.owner.server_speaks_first()) return FilterAnswer{Proceed};
  if (settings_.allowed != nullptr && settings_.allowed->matches_address(*client))
    return FilterAnswer{Proceed};
  if (setup_.owner.client_has_spoken()) return too_early();
  if (is_hurried_) return FilterAnswer{Proceed};
  const unsigned bits = client->family == conf::Family::Inet4 ? 32 : inet6_bits;
  key_ = fmt::format("{}\n{}", setup_.filter.name, conf::to_text(conf::masked(*client, bits)));
  const Instant now = setup_.parts.core.now();
  if (setup_.parts.greeted->is_marked(key_, now)) return FilterAnswer{Proceed};
  setup_.parts.core.timers().arm(timer_, now + settings_.delay);
  return std::nullopt;
}

void GreetDelayFilter::client_spoke() {
  if (!timer_.armed()) return;
  setup_.parts.core.timers().disarm(timer_);
  setup_.owner.native_answered(too_early());
}

// It has gone, or we are about to: it has not shown that it waits.
void GreetDelayFilter::hurry() {
  is_hurried_ = true;
  if (!timer_.armed()) return;
  setup_.parts.core.timers().disarm(timer_);
  setup_.owner.native_answered({FilterAnswer::Kind::Proceed});
}

void GreetDelayFilter::waited() {
  setup_.parts.greeted->mark(key_, setup_.parts.core.now() + settings_.remembered);
  setup_.owner.native_answered({FilterAnswer::Kind::Proceed});
}

FilterAnswer GreetDelayFilter::too_early() const {
  std::string text = settings_.text;
  if (text.empty()) text = "554 5.5.1 Client spoke before it was greeted";
  return {answer_kind_of(settings_.decision), std::move(text)};
}

}  // namespace ringpost::mta
