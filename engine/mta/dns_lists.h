// DnsListsFilter: `builtin dnsbl`: asks all lists about a client at once and decides by the sum of
// their weights. A list that cannot be asked, or says that it does not answer us, counts nothing.
// Owner: a FilterRun.
#pragma once

#include <memory>
#include <vector>

#include "engine/mta/native_filter.h"
#include "engine/mta/resolver.h"

namespace ringpost::mta {

class DnsListsFilter final : public NativeFilter {
 public:
  DnsListsFilter(const NativeFilterSetup& setup, const conf::DnsListSettings& settings);
  ~DnsListsFilter() override;

  bool decides(filter::Phase phase) const override { return phase == settings_.phase; }
  std::optional<FilterAnswer> ask(filter::Phase phase) override;

 private:
  // A list, or the question for a reason.
  struct Enquiry final : DnsAsker {
    Enquiry(DnsListsFilter& of, const conf::ListZone* about) : filter(of), zone(about) {}
    void found(dns::AnswerPointer answer) override { filter.take(*this, *answer); }
    DnsListsFilter& filter;
    const conf::ListZone* zone;
    dns::Listing listing = dns::Listing::NotListed;
  };

  void begin();
  void take(Enquiry& enquiry, const dns::Answer& answer);
  void take_listing(Enquiry& enquiry, const dns::Answer& answer);
  void ask_reason();
  const conf::ListStep* step() const;
  FilterAnswer decide() const;
  std::string refusal(const conf::ListStep& step) const;
  std::string listed() const;

  NativeFilterSetup setup_;
  const conf::DnsListSettings& settings_;
  std::vector<std::unique_ptr<Enquiry>> lists_;  // from the first question on
  Enquiry reason_{*this, nullptr};
  conf::NetAddress client_;
  std::size_t open_ = 0;  // questions, and begin()
  bool has_begun_ = false, has_asked_reason_ = false;
  bool is_awaited_ = false;
  int total_ = 0;
  bool any_failed_ = false;
  const conf::ListZone* heaviest_ = nullptr;  // of those that list the client
  std::string reason_text_;
};

}  // namespace ringpost::mta
