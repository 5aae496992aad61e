// Rounds of evaluation and questions: see auth_judge.h.
#include "tools/ringpostctl/auth_judge.h"

#include <optional>

#include "engine/mta/ascii_domain.h"
#include "engine/ring/clock.h"
#include "proto/auth/auth_results.h"
#include "proto/auth/dns_memo.h"
#include "proto/base/ascii.h"
#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/base/crc32c.h"
#include "scan/sign/message_verifier.h"
#include "tools/ringpostctl/dns_client.h"
#include "tools/ringpostctl/message_input.h"

namespace ringpost::ctl {
namespace {

std::string_view identity_text(auth::SpfIdentity identity) {
  return identity == auth::SpfIdentity::Helo ? "helo" : "mailfrom";
}

mta::Json json_of(const auth::DmarcResult& dmarc) {
  return {{"result", to_text(dmarc.result)},
          {"domain", dmarc.domain},
          {"policy", dmarc.policy ? to_text(*dmarc.policy) : std::string_view()},
          {"disposition", to_text(dmarc.disposition)},
          {"alignment", {{"spf", dmarc.spf_aligned}, {"dkim", dmarc.dkim_aligned}}}};
}

}  // namespace

AuthReport judge(const AuthQuestion& question, const auth::SuffixList* suffixes) {
  const std::string message = with_crlf(question.message);
  scan::MessageVerifier verifier;
  verifier.take(bytes_of(message));
  verifier.finish();
  std::vector<std::string> authors = auth::author_domains(verifier.header());
  for (std::string& domain : authors) domain = mta::ascii_domain(domain);
  auth::SpfInput session = question.session;
  session.helo = mta::ascii_domain(session.helo);
  session.mail_from = mta::with_ascii_domain(session.mail_from);
  const unsigned sample = crc32c(0, bytes_of(message)) % 100;
  DnsClient client(question.resolver);
  auth::DnsMemo memo;
  const Instant deadline = ring::monotonic_now() + judge_time_max;
  while (true) {
    auto spf = auth::evaluate_spf(session, memo);
    auto dkim = verifier.evaluate_dkim(memo, question.session.now);
    auto arc = verifier.evaluate_arc(memo, question.session.now);
    std::optional<auth::DmarcResult> dmarc;
    if (spf && dkim) {
      const auth::DmarcInput input{authors, spf->result, spf->domain,
                                   *dkim,   sample,      verifier.header_is_cut()};
      dmarc = auth::evaluate_dmarc(input, suffixes, memo);
    }
    if (dmarc && arc)
      return {std::move(*spf), std::move(*dkim), std::move(*dmarc), std::move(*arc)};
    CHECK(!memo.wants_nothing());
    client.answer_all(memo, deadline);
  }
}

mta::Json json_of(const AuthReport& report) {
  const auth::SpfResult& spf = report.spf;
  mta::Json signatures = mta::Json::array();
  for (const auth::DkimResult& one : report.dkim) {
    signatures.push_back({{"result", to_text(one.result)},
                          {"domain", one.domain},
                          {"selector", one.selector},
                          {"algorithm", one.algorithm},
                          {"reason", one.reason}});
  }
  return {{"spf",
           {{"result", to_text(spf.result)},
            {"domain", spf.domain},
            {"identity", identity_text(spf.identity)},
            {"explanation", spf.problem.empty() ? spf.explanation : spf.problem},
            {"mechanism", spf.mechanism}}},
          {"dkim", signatures},
          {"dmarc", json_of(report.dmarc)},
          {"arc", {{"result", to_text(report.arc.result)}, {"instances", report.arc.instances}}}};
}

std::string field_of(const AuthReport& report, const AuthQuestion& question,
                     std::string_view authserv_id) {
  std::string field;
  auth::append_auth_results(field, {.service = authserv_id,
                                    .spf = &report.spf,
                                    .mail_from = question.session.mail_from,
                                    .helo = question.session.helo,
                                    .dkim = report.dkim,
                                    .dmarc = &report.dmarc,
                                    .disposition = to_text(report.dmarc.disposition),
                                    .arc = &report.arc});
  std::erase(field, '\r');
  return field;
}

std::string bare_address(std::string_view text) {
  text = ascii::trim(text);
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  return std::string(text);
}

}  // namespace ringpost::ctl
