// Answers by question, with a list from the last used to the first. Nothing here can fail.
#include "proto/dns/cache.h"

#include <utility>

namespace ringpost::dns {
namespace {

constexpr Type every_type{};  // where NoName is kept

// What the standard library adds to an entry: node, bucket, control block, rounded up.
constexpr std::size_t overhead_octets = 128;

std::size_t heap_of(const std::string& text) { return text.capacity() > 15 ? text.capacity() : 0; }

struct HeapOf {
  std::size_t operator()(const conf::NetAddress&) const { return 0; }
  std::size_t operator()(const Name& name) const { return heap_of(name.wire()); }
  std::size_t operator()(const MailExchanger& mx) const { return heap_of(mx.host.wire()); }
  std::size_t operator()(const Text& text) const {
    std::size_t sum = text.strings.capacity() * sizeof(std::string);
    for (const std::string& part : text.strings) sum += heap_of(part);
    return sum;
  }
  std::size_t operator()(const StartOfAuthority& soa) const {
    return heap_of(soa.server.wire()) + heap_of(soa.contact.wire());
  }
  std::size_t operator()(const TlsAssociation& tlsa) const { return heap_of(tlsa.data); }
  std::size_t operator()(const Opaque& opaque) const { return heap_of(opaque.octets); }
};

std::size_t octets_of(const Question& question, const Answer& answer) {
  std::size_t sum = overhead_octets + sizeof(Question) + sizeof(Answer);
  sum += heap_of(question.name.wire()) + heap_of(answer.owner.wire());
  sum += answer.records.capacity() * sizeof(RecordData);
  for (const RecordData& data : answer.records) sum += std::visit(HeapOf{}, data);
  return sum;
}

}  // namespace

std::size_t QuestionHash::operator()(const QuestionView& question) const {
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
  return keyed_hash(key, question.name.wire()) ^ std::to_underlying(question.type) * odd;
}

AnswerPointer Cache::find(const Question& question, Instant now) {
  if (AnswerPointer exact = find_at({question.name, question.type}, now)) return exact;
  return find_at({question.name, every_type}, now);
}

AnswerPointer Cache::find_at(const QuestionView& question, Instant now) {
  const auto found = entries_.find(question);
  if (found == entries_.end()) return nullptr;
  if (found->second.answer->expires <= now) {
    drop(found);
    return nullptr;
  }
  if (&*found != newest_) {
    unlink(*found);
    link(*found);
  }
  return found->second.answer;
}

void Cache::keep(const Question& question, AnswerPointer answer) {
  const bool exists = answer->outcome != Outcome::NoName;
  const auto [entry, is_new] =
      entries_.try_emplace({question.name, exists ? question.type : every_type});
  if (!is_new) {
    octets_ -= entry->second.octets;
    unlink(*entry);
  }
  entry->second.octets = sizeof(Entry) + octets_of(question, *answer);
  entry->second.answer = std::move(answer);
  octets_ += entry->second.octets;
  link(*entry);
  if (entry->second.octets > octets_max_ / 16) drop(entry);
  while (octets_ > octets_max_) drop(entries_.find(oldest_->first));
}

void Cache::link(Entries::value_type& entry) {
  entry.second.newer = nullptr;
  entry.second.older = newest_;
  (newest_ != nullptr ? newest_->second.newer : oldest_) = &entry;
  newest_ = &entry;
}

void Cache::unlink(Entries::value_type& entry) {
  const Entry& links = entry.second;
  (links.newer != nullptr ? links.newer->second.older : newest_) = links.older;
  (links.older != nullptr ? links.older->second.newer : oldest_) = links.newer;
}

void Cache::drop(Entries::iterator entry) {
  octets_ -= entry->second.octets;
  unlink(*entry);
  entries_.erase(entry);
}

}  // namespace ringpost::dns
