// SpfEvaluation: one run of check_host() over what is known (RFC 7208 4.6, 5, 6). A run that lacks
// an answer ends at once; the next one begins from the start.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/auth/dns_memo.h"
#include "proto/auth/spf.h"
#include "proto/auth/spf_macro.h"
#include "proto/auth/spf_record.h"

namespace ringpost::auth {

// What is the same for the whole evaluation. Views of the caller's.
struct SpfSession {
  conf::NetAddress client = {};
  std::string_view local_part = {};
  std::string_view sender_domain = {};
  std::string_view helo = {};
  std::string_view receiver = {};
  WallTime now = {};
};

class SpfEvaluation {
 public:
  // Both must outlive it.
  SpfEvaluation(const SpfSession& session, DnsMemo& memo) : session_(session), memo_(memo) {}

  // False: waits for what the memo wants. Fills in all but the identity; once.
  bool run(SpfResult& result);

 private:
  // What a domain says, before its explanation is looked for.
  struct Verdict {
    Result result = Result::None;
    std::string mechanism = {};
    std::string problem = {};
    // exp= of the record that decided, and the domain whose record it is.
    std::optional<std::string> explanation_spec = {};
    std::string explanation_domain = {};
  };
  enum class Match { No, Yes, Waits, Ended };

  // Nothing: waits.
  std::optional<Verdict> check_host(const std::string& domain);
  std::optional<Verdict> apply(const SpfRecord& record, const std::string& domain);
  std::optional<Verdict> redirect(std::string_view spec, const std::string& domain);
  Match matches(const SpfTerm& term, const std::string& domain);
  Match matches_include(const dns::Name& target);
  Match matches_exchangers(const SpfTerm& term, const dns::Name& target);
  Match matches_exists(const dns::Name& target);
  Match matches_pointer(const dns::Name& target);

  Match compare(const SpfTerm& term, const dns::Name& host);
  // The answer to one of the questions that count; null: waits, or the run has ended.
  const dns::Answer* look_up(const dns::Name& name, dns::Type type);
  bool take_lookup();
  Match end(Result result, std::string problem);
  Match missing() const { return ended_ ? Match::Ended : Match::Waits; }

  // Names of the client that lead back to it (RFC 7208 5.5); nothing: waits.
  std::optional<std::vector<dns::Name>> validated_names(bool counts);
  std::optional<std::string> validated_name(std::string_view domain);
  // Nothing: waits.
  std::optional<MacroValues> values_for(std::string_view spec, std::string_view domain);
  std::optional<std::string> explain(const Verdict& verdict);
  dns::Type address_type() const;

  const SpfSession& session_;
  DnsMemo& memo_;
  unsigned lookups_ = 0;
  unsigned void_lookups_ = 0;
  std::optional<Verdict> ended_ = {};  // an error that is the result, whatever else stands there
  std::string name_room_ = {};         // what %{p} is a view of
};

}  // namespace ringpost::auth
