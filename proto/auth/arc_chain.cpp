// The structure of chains: see arc_chain.h.
// RFC 8617 4.2.1 (instances), 5.2 (what must be there, and what seals may say).
#include "proto/auth/arc_chain.h"

#include <algorithm>
#include <array>
#include <optional>

#include "proto/base/ascii.h"

namespace ringpost::auth {
namespace {

using Reason = std::optional<std::string_view>;

// Fields of one kind by instance; the fourth of a kind is as bad as the second.
using Places = std::array<const HeaderField*, arc_instances_max + 1>;

std::optional<unsigned> instance_of(const HeaderField& field) {
  const auto tags = TagList::parse(field.value);
  if (!tags) return std::nullopt;
  const auto text = tags->find("i");
  return text ? parse_instance(*text) : std::nullopt;
}

std::optional<unsigned> results_instance_of(const HeaderField& field) {
  const auto results = parse_arc_results(field.value);
  if (!results) return std::nullopt;
  return results->instance;
}

Reason gather(const MessageHeader& header, const char* name,
              std::optional<unsigned> (*read)(const HeaderField&), Places& places, unsigned& most) {
  const auto all = header.places(name);
  if (all.size() > arc_instances_max) return "more than 50 sets";
  for (const std::size_t place : all) {
    const HeaderField& field = header.fields()[place];
    const auto instance = read(field);
    if (!instance) return "an ARC field without a valid instance";
    most = std::max(most, *instance);
    if (places[*instance] != nullptr) return "two ARC fields of one kind and instance";
    places[*instance] = &field;
  }
  return std::nullopt;
}

// RFC 8617 5.2, step 3.B: the first seal has no chain to judge, every other one found it good.
Reason seal_complaint(const ArcChain& chain) {
  for (const ArcSet& set : chain.sets) {
    const bool is_first = set.seal_signature.instance == 1;
    const ChainStatus status = set.seal_signature.chain;
    if (status == ChainStatus::Fail) return "a seal says that the chain failed";
    if ((status == ChainStatus::None) != is_first) return "cv= of a seal does not fit its place";
  }
  return std::nullopt;
}

}  // namespace

std::optional<ArcResults> parse_arc_results(std::string_view value) {
  const std::size_t end = value.find(';');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view tag = trim_folding(value.substr(0, end));
  const std::size_t equals = tag.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  if (trim_folding(tag.substr(0, equals)) != "i") return std::nullopt;
  const auto instance = parse_instance(trim_folding(tag.substr(equals + 1)));
  if (!instance) return std::nullopt;
  return ArcResults{*instance, trim_folding(value.substr(end + 1))};
}

std::expected<ArcChain, ArcFlaw> parse_chain(const MessageHeader& header) {
  Places results{}, messages{}, seals{};
  ArcFlaw flaw;
  const auto fail = [&flaw](std::string_view reason) {
    flaw.reason = reason;
    return std::unexpected(flaw);
  };
  for (const Reason reason :
       {gather(header, "arc-authentication-results", results_instance_of, results, flaw.instances),
        gather(header, "arc-message-signature", instance_of, messages, flaw.instances),
        gather(header, "arc-seal", instance_of, seals, flaw.instances)})
    if (reason) return fail(*reason);
  ArcChain chain;
  // The newest seal is looked at first: when it says that the chain failed, nothing else matters.
  for (unsigned i = flaw.instances; i >= 1; --i) {
    if (results[i] == nullptr || messages[i] == nullptr || seals[i] == nullptr)
      return fail("an ARC set is not complete");
    auto seal = parse_signature(SignatureKind::ArcSeal, *seals[i]);
    if (!seal) return fail(seal.error().reason);
    if (i == flaw.instances) flaw.ends_here = seal->chain == ChainStatus::Fail;
    chain.sets.push_back({*results[i], *messages[i], *seals[i], std::move(*seal)});
  }
  std::ranges::reverse(chain.sets);
  if (const auto reason = seal_complaint(chain)) return fail(*reason);
  if (chain.sets.empty()) return chain;
  auto message = parse_signature(SignatureKind::ArcMessage, chain.sets.back().message);
  if (!message) return fail(message.error().reason);
  chain.message_signature = std::move(*message);
  return chain;
}

void append_set_for_seal(const ArcSet& set, std::string& target) {
  for (const HeaderField* field : {&set.results, &set.message, &set.seal})
    append_canonical_field(Canonical::Relaxed, field->whole, target);
}

}  // namespace ringpost::auth
