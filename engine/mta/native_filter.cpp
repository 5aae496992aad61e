// Which class serves which settings.
#include "engine/mta/native_filter.h"

#include "engine/mta/dns_lists.h"
#include "engine/mta/greet_delay.h"
#include "engine/mta/rates.h"
#include "engine/mta/sender_score.h"

namespace ringpost::mta {
namespace {

struct Maker {
  const NativeFilterSetup& setup;

  std::unique_ptr<NativeFilter> operator()(const conf::SenderScoreSettings& settings) const {
    return std::make_unique<SenderScoreFilter>(setup, settings);
  }
  std::unique_ptr<NativeFilter> operator()(const conf::DnsListSettings& settings) const {
    return std::make_unique<DnsListsFilter>(setup, settings);
  }
  std::unique_ptr<NativeFilter> operator()(const conf::GreetDelaySettings& settings) const {
    return std::make_unique<GreetDelayFilter>(setup, settings);
  }
  std::unique_ptr<NativeFilter> operator()(const conf::RateSettings& settings) const {
    return std::make_unique<RateFilter>(setup, settings);
  }
};

}  // namespace

FilterAnswer::Kind answer_kind_of(conf::FilterDecision decision) {
  switch (decision) {
    case conf::FilterDecision::Disconnect:
      return FilterAnswer::Kind::Disconnect;
    case conf::FilterDecision::Junk:
      return FilterAnswer::Kind::Junk;
    case conf::FilterDecision::Report:
      return FilterAnswer::Kind::Report;
    default:
      return FilterAnswer::Kind::Reject;
  }
}

std::unique_ptr<NativeFilter> make_native_filter(const NativeFilterSetup& setup) {
  return std::visit(Maker{setup}, *setup.filter.native);
}

}  // namespace ringpost::mta
