// Cache: answers until they expire, within a bound on memory; what was not used longest goes first.
// RFC 2308 5, RFC 8020: a name that does not exist has no type at all, so that is kept once.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "proto/base/keyed_hash.h"
#include "proto/dns/answer.h"

namespace ringpost::dns {

// A question that somebody else owns, to look one up without a copy.
struct QuestionView {
  const Name& name;
  Type type;
};
// Keyed: names come from strangers, who could fill one bucket otherwise.
struct QuestionHash {
  using is_transparent = void;
  HashKey key;
  std::size_t operator()(const QuestionView& question) const;
  std::size_t operator()(const Question& question) const {
    return (*this)(QuestionView{question.name, question.type});
  }
};
struct SameQuestion {
  using is_transparent = void;
  bool operator()(const auto& a, const auto& b) const {
    return a.type == b.type && a.name == b.name;
  }
};

class Cache {
 public:
  // `key` must not be guessable.
  Cache(std::size_t octets_max, const HashKey& key)
      : octets_max_(octets_max), entries_(0, QuestionHash{key}) {}
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // Null when nothing is known at `now`.
  AnswerPointer find(const Question& question, Instant now);
  // Until answer->expires; in place of what was known. One that is larger than a sixteenth of the
  // whole room is not kept.
  void keep(const Question& question, AnswerPointer answer);

  std::size_t octets() const { return octets_; }
  std::size_t entries() const { return entries_.size(); }

 private:
  struct Entry;
  using Entries = std::unordered_map<Question, Entry, QuestionHash, SameQuestion>;
  struct Entry {
    AnswerPointer answer;
    std::size_t octets = 0;
    Entries::value_type* newer = nullptr;
    Entries::value_type* older = nullptr;
  };

  AnswerPointer find_at(const QuestionView& question, Instant now);
  void link(Entries::value_type& entry);
  void unlink(Entries::value_type& entry);
  void drop(Entries::iterator entry);

  std::size_t octets_max_;
  std::size_t octets_ = 0;
  Entries entries_;
  Entries::value_type* newest_ = nullptr;
  Entries::value_type* oldest_ = nullptr;
};

}  // namespace ringpost::dns
