// See dns_lists.h. The sum is made once for a session; questions that are known already cost no
// turn.
#include "engine/mta/dns_lists.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/mta/native_figures.h"

namespace ringpost::mta {
namespace {

using conf::FilterDecision;
using dns::Listing;

constexpr std::size_t reason_octets_max = 200;

bool refuses(FilterDecision decision) {
  return decision == FilterDecision::Reject || decision == FilterDecision::Disconnect;
}

}  // namespace

DnsListsFilter::DnsListsFilter(const NativeFilterSetup& setup,
                               const conf::DnsListSettings& settings)
    : setup_(setup), settings_(settings) {}

DnsListsFilter::~DnsListsFilter() {
  for (const auto& list : lists_) setup_.parts.resolver->forget(*list);
  setup_.parts.resolver->forget(reason_);
}

std::optional<FilterAnswer> DnsListsFilter::ask(filter::Phase) {
  // Who has logged in is known better than by an address.
  if (!setup_.owner.session_facts().user.empty()) return FilterAnswer{FilterAnswer::Kind::Proceed};
  if (!std::exchange(has_begun_, true)) begin();
  is_awaited_ = open_ > 0;
  if (is_awaited_) return std::nullopt;
  return decide();
}

// All at once. What is known is taken from within.
void DnsListsFilter::begin() {
  const auto client = setup_.owner.session_facts().client;
  if (!client) return;
  if (settings_.allowed != nullptr && settings_.allowed->matches_address(*client)) return;
  client_ = *client;
  open_ = 1;
  const Instant deadline = setup_.parts.core.now() + settings_.timeout;
  for (const conf::ListZone& zone : settings_.zones) {
    auto name = dns::listing_name(*client, zone.name);
    if (!name) continue;
    Enquiry& list = *lists_.emplace_back(std::make_unique<Enquiry>(*this, &zone));
    ++open_;
    setup_.parts.resolver->ask({std::move(*name), dns::Type::A}, deadline, list);
  }
  if (--open_ == 0) ask_reason();
}

void DnsListsFilter::take(Enquiry& enquiry, const dns::Answer& answer) {
  if (enquiry.zone != nullptr) {
    take_listing(enquiry, answer);
  } else {
    reason_text_ = dns::listing_reason(answer, reason_octets_max);
  }
  if (--open_ == 0) ask_reason();
  if (open_ == 0 && std::exchange(is_awaited_, false)) setup_.owner.native_answered(decide());
}

void DnsListsFilter::take_listing(Enquiry& enquiry, const dns::Answer& answer) {
  const conf::ListZone& zone = *enquiry.zone;
  enquiry.listing = dns::judge_listing(answer, zone.codes);
  ListFigures& figures = setup_.parts.native->list(setup_.filter.name, zone.text);
  figures.answers[std::to_underlying(enquiry.listing)]->add();
  if (enquiry.listing == Listing::Listed) total_ += zone.weight;
  if (enquiry.listing == Listing::Refused)
    complain_of_list(setup_.parts, figures, setup_.filter.name, zone.text, answer);
  setup_.owner.native_looked_up(zone.text, dns::word_of(enquiry.listing));
  // What a list of friends would have said can only lower the sum.
  any_failed_ = any_failed_ || enquiry.listing == Listing::Failed;
}

// Only for a refusal that has no text of its own; of the list that weighs most.
void DnsListsFilter::ask_reason() {
  const conf::ListStep* const reached = step();
  if (std::exchange(has_asked_reason_, true) || reached == nullptr || !refuses(reached->decision) ||
      !reached->text.empty())
    return;
  const auto heaviest = std::ranges::max_element(lists_, {}, [](const auto& list) {
    return list->listing == Listing::Listed ? list->zone->weight : 0;
  });
  heaviest_ = (*heaviest)->zone;
  auto name = dns::listing_name(client_, heaviest_->name);
  ++open_;
  setup_.parts.resolver->ask({std::move(*name), dns::Type::Txt},
                             setup_.parts.core.now() + settings_.timeout, reason_);
}

// The last one that is reached.
const conf::ListStep* DnsListsFilter::step() const {
  const conf::ListStep* reached = nullptr;
  for (const conf::ListStep& one : settings_.steps)
    if (total_ >= one.at) reached = &one;
  return reached;
}

FilterAnswer DnsListsFilter::decide() const {
  const conf::ListStep* const reached = step();
  if (reached != nullptr && refuses(reached->decision))
    return {answer_kind_of(reached->decision), refusal(*reached)};
  if (any_failed_ && settings_.defers) return {.text = "a list cannot be asked"};
  if (reached == nullptr) return {FilterAnswer::Kind::Proceed};
  return {answer_kind_of(reached->decision), listed()};
}

std::string DnsListsFilter::refusal(const conf::ListStep& step) const {
  if (!step.text.empty()) return step.text;
  std::string text =
      fmt::format("554 5.7.1 {} is listed by {}", conf::to_text(client_), heaviest_->text);
  if (!reason_text_.empty()) text += ": " + reason_text_;
  return text;
}

// "3: zen.example.org bl.example.net"
std::string DnsListsFilter::listed() const {
  std::string text = fmt::format("{}:", total_);
  for (const auto& list : lists_)
    if (list->listing == Listing::Listed) text += " " + list->zone->text;
  return text;
}

}  // namespace ringpost::mta
