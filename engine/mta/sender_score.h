// SenderScoreFilter: `builtin senderscore`: what the program filter-senderscore does, by the core's
// resolver and timers. Only IPv4 has scores; who has none, or whose score cannot be had in time, is
// let through. Owner: a FilterRun.
#pragma once

#include "engine/mta/native_filter.h"
#include "engine/mta/resolver.h"

namespace ringpost::mta {

class SenderScoreFilter final : public NativeFilter, DnsAsker {
 public:
  SenderScoreFilter(const NativeFilterSetup& setup, const conf::SenderScoreSettings& settings)
      : setup_(setup), settings_(settings) {}
  ~SenderScoreFilter() override;

  bool decides(filter::Phase phase) const override;
  std::optional<FilterAnswer> ask(filter::Phase phase) override;
  void hurry() override;
  void append_fields(std::string& fields) const override;

 private:
  enum class State : std::uint8_t { New, Beginning, Asking, Known };

  void found(dns::AnswerPointer answer) override;
  void begin();
  std::optional<FilterAnswer> give();
  FilterAnswer decide() const;
  Duration delay() const;
  void time_is_up();

  NativeFilterSetup setup_;
  const conf::SenderScoreSettings& settings_;
  State state_ = State::New;
  int score_ = -1;  // none
  bool is_hurried_ = false;
  filter::Phase phase_ = filter::Phase::Connect;
  ring::TimerOf<SenderScoreFilter, &SenderScoreFilter::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
