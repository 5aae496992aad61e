// The one response and what it means: RFC 1034 3.6.2, RFC 2308 2 and 5. Fails as a judgement.
#include "proto/dns/answer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace ringpost::dns {
namespace {

bool is_of(const Record& record, const Name& owner, Type type) {
  return record.type == type && record.record_class == class_internet && record.owner == owner;
}

Judgement failed(Failure failure) { return {.failure = failure}; }

void limit(std::optional<std::uint32_t>& ttl_s, std::uint32_t bound) {
  ttl_s = std::min(ttl_s.value_or(bound), bound);
}

// Takes the records of the type that the name has itself.
bool take_records(Message& response, Type type, Judgement& judgement) {
  for (Record& record : response.answers) {
    if (!is_of(record, judgement.owner, type)) continue;
    limit(judgement.ttl_s, record.ttl_s);
    judgement.records.push_back(std::move(record.data));
  }
  return !judgement.records.empty();
}

// Goes one CNAME further.
bool follow(const Message& response, Judgement& judgement) {
  const auto link = std::ranges::find_if(response.answers, [&](const Record& record) {
    return is_of(record, judgement.owner, Type::Cname);
  });
  if (link == response.answers.end()) return false;
  limit(judgement.ttl_s, link->ttl_s);
  judgement.owner = std::get<Name>(link->data);
  ++judgement.links;
  return true;
}

// RFC 2308 5: the lesser of the SOA's own lifetime and its last field. Without it a negative
// answer is not kept, and what a chain's links allow does not count.
bool limit_by_soa(const Message& response, Judgement& judgement) {
  for (const Record& record : response.authorities) {
    if (record.type != Type::Soa || record.record_class != class_internet) continue;
    const auto& soa = std::get<StartOfAuthority>(record.data);
    limit(judgement.ttl_s, std::min(record.ttl_s, soa.minimum_s));
    return true;
  }
  judgement.ttl_s.reset();
  return false;
}

bool is_lame(const Header& header, const Message& response) {
  if (header.authoritative) return false;
  const bool refers = std::ranges::any_of(
      response.authorities, [](const Record& record) { return record.type == Type::Ns; });
  return !header.recursion_available || refers;
}

}  // namespace

Judgement judge(Message& response, const Question& asked) {
  const ResponseCode code = response.header.code;
  if (code == ResponseCode::Refused) return failed(Failure::Refused);
  if (code != ResponseCode::NoError && code != ResponseCode::NameError)
    return failed(Failure::ServerFailure);
  Judgement judgement{.owner = asked.name};
  while (!take_records(response, asked.type, judgement)) {
    if (!follow(response, judgement)) break;
    if (judgement.links > chain_links_max) return failed(Failure::LongChain);
  }
  if (!judgement.records.empty()) {
    judgement.kind = Judgement::Kind::Found;
    return judgement;
  }
  const std::optional<std::uint32_t> ttl_of_chain = judgement.ttl_s;
  const bool has_soa = limit_by_soa(response, judgement);
  if (code == ResponseCode::NameError) {
    judgement.kind = Judgement::Kind::NoName;
  } else if (has_soa) {
    judgement.kind = Judgement::Kind::NoData;
  } else if (judgement.links > 0) {
    judgement.kind = Judgement::Kind::Elsewhere;
    judgement.ttl_s = ttl_of_chain;
  } else if (is_lame(response.header, response)) {
    return failed(Failure::Lame);
  } else {
    judgement.kind = Judgement::Kind::NoData;
  }
  return judgement;
}

std::string_view to_text(Failure failure) {
  static constexpr std::array<std::string_view, 10> texts{
      "none",        "timeout",   "unreachable", "server failure", "refused",
      "lame server", "malformed", "long chain",  "overload",       "no server configured"};
  return texts[std::to_underlying(failure)];
}

}  // namespace ringpost::dns
