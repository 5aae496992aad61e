// See native_figures.h.
#include "engine/mta/native_figures.h"

#include <utility>

#include <fmt/format.h>

namespace ringpost::mta {
namespace {

constexpr std::array<std::string_view, 7> answer_words{
    "proceed", "junk", "reject", "disconnect", "rewrite", "report", "undecided"};
constexpr Duration complaint_pause = seconds(3600);

}  // namespace

ListFigures& NativeFigures::list(const std::string& filter, const std::string& zone) {
  auto& figures = lists_[fmt::format("{}\n{}", filter, zone)];
  if (figures != nullptr) return *figures;
  figures = std::make_unique<ListFigures>();
  for (std::size_t i = 0; i < dns::listings; ++i)
    figures->answers[i] = &counters_.of(
        "ringpost_filter_list_answers_total", "answers of lists in the DNS, by what they said",
        fmt::format("filter=\"{}\",zone=\"{}\",answer=\"{}\"", observe::label_value(filter),
                    observe::label_value(zone), dns::word_of(static_cast<dns::Listing>(i))),
        core_);
  return *figures;
}

void NativeFigures::answered(const std::string& filter, FilterAnswer::Kind kind) {
  auto [found, is_new] = filters_.try_emplace(filter);
  for (std::size_t i = 0; is_new && i < answer_words.size(); ++i)
    found->second.answers[i] = &counters_.of(
        "ringpost_filter_native_answers_total", "answers of filters without a program, by kind",
        fmt::format("filter=\"{}\",kind=\"{}\"", observe::label_value(filter), answer_words[i]),
        core_);
  found->second.answers[std::to_underlying(kind)]->add();
}

void complain_of_list(WorkerParts& parts, ListFigures& figures, std::string_view filter,
                      std::string_view zone, const dns::Answer& answer) {
  if (parts.core.now() < figures.next_complaint) return;
  figures.next_complaint = parts.core.now() + complaint_pause;
  const std::string address = dns::listing_address(answer);
  parts.events.emit(parts.core.wall(),
                    observe::ListRefused{.filter = filter, .zone = zone, .answer = address});
}

}  // namespace ringpost::mta
