// GreetDelayFilter: `builtin greet-delay`: lets a client wait for the greeting, and decides about
// one that does not. Who has waited once is remembered. Nothing but a timer is held meanwhile.
// Owner: a FilterRun.
#pragma once

#include "engine/mta/native_filter.h"
#include "engine/mta/rate_table.h"
#include "engine/ring/timer.h"

namespace ringpost::mta {

class GreetDelayFilter final : public NativeFilter {
 public:
  GreetDelayFilter(const NativeFilterSetup& setup, const conf::GreetDelaySettings& settings)
      : setup_(setup), settings_(settings) {}
  ~GreetDelayFilter() override { setup_.parts.core.timers().disarm(timer_); }

  bool decides(filter::Phase phase) const override { return phase == filter::Phase::Connect; }
  std::optional<FilterAnswer> ask(filter::Phase phase) override;
  void hurry() override;
  void client_spoke() override;

 private:
  void waited();
  FilterAnswer too_early() const;

  NativeFilterSetup setup_;
  const conf::GreetDelaySettings& settings_;
  std::string key_;
  bool is_hurried_ = false;
  ring::TimerOf<GreetDelayFilter, &GreetDelayFilter::waited> timer_{*this};
};

}  // namespace ringpost::mta
