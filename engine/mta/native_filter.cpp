// Which class serves which settings.
#include "engine/mta/native_filter.h"

#include "engine/mta/dns_lists.h"
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
};

}  // namespace

std::unique_ptr<NativeFilter> make_native_filter(const NativeFilterSetup& setup) {
  return std::visit(Maker{setup}, *setup.filter.native);
}

}  // namespace ringpost::mta
