// RateFilter: `builtin rate`: shares of an address, a network or an account in connections,
// messages, recipients and failures. The counts are the server's, exact over all cores, and stay
// over a reload as long as the filter keeps its name and the limit its value. Owner: a FilterRun.
#pragma once

#include "engine/mta/native_filter.h"
#include "engine/mta/rate_table.h"

namespace ringpost::mta {

class RateFilter final : public NativeFilter {
 public:
  RateFilter(const NativeFilterSetup& setup, const conf::RateSettings& settings)
      : setup_(setup), settings_(settings) {}

  bool decides(filter::Phase phase) const override;
  std::optional<FilterAnswer> ask(filter::Phase phase) override;
  void client_failed() override;

 private:
  enum class Use : std::uint8_t { Nothing, Look, Take };

  // Whose share it is; empty: nobody's.
  std::string subject() const;
  Use use_of(const conf::RateLimit& limit, filter::Phase phase) const;
  std::string key(const conf::RateLimit& limit, const std::string& subject) const;
  FilterAnswer exceeded(const conf::RateLimit& limit) const;

  NativeFilterSetup setup_;
  const conf::RateSettings& settings_;
  bool has_counted_session_ = false;
};

}  // namespace ringpost::mta
