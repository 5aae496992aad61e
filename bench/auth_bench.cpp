// What judging a sender costs beside cryptography and the DNS: SPF and DMARC over answers that are
// known already.
#include <memory>

#include <benchmark/benchmark.h>

#include "proto/auth/dmarc.h"
#include "proto/auth/spf.h"
#include "proto/auth/spf_macro.h"

namespace ringpost::auth {
namespace {

void put_text(DnsMemo& memo, std::string_view owner, std::string_view text) {
  dns::Answer answer{.outcome = dns::Outcome::Found};
  answer.records.emplace_back(dns::Text{{std::string(text)}});
  memo.put({plain_name(owner).value(), dns::Type::Txt},
           std::make_shared<const dns::Answer>(std::move(answer)));
}

// A record as large senders have it: three includes, the last of them matches.
void evaluate_spf_of_a_large_sender(benchmark::State& state) {
  DnsMemo memo;
  put_text(memo, "example.com",
           "v=spf1 include:a.example include:b.example include:c.example ~all");
  for (const char* owner : {"a.example", "b.example"})
    put_text(memo, owner,
             "v=spf1 ip4:198.51.100.0/25 ip4:198.51.100.128/25 ip4:203.0.113.0/26 "
             "ip4:203.0.113.64/26 ip6:2001:db8:1::/48 ip6:2001:db8:2::/48 ~all");
  put_text(memo, "c.example", "v=spf1 ip4:203.0.113.128/25 ip4:192.0.2.0/24 ~all");
  const SpfInput input{.client = conf::parse_net_address("192.0.2.1").value(),
                       .helo = "mail.example.com",
                       .mail_from = "a@example.com"};
  for (auto _ : state) benchmark::DoNotOptimize(evaluate_spf(input, memo));
}
BENCHMARK(evaluate_spf_of_a_large_sender);

void parse_a_dmarc_record(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(
        parse_dmarc_record("v=DMARC1; p=reject; sp=quarantine; adkim=r; aspf=r; pct=100; fo=1; "
                           "rua=mailto:a@example.com; ruf=mailto:f@example.com"));
}
BENCHMARK(parse_a_dmarc_record);

void evaluate_dmarc_of_a_known_domain(benchmark::State& state) {
  DnsMemo memo;
  put_text(memo, "_dmarc.example.com", "v=DMARC1; p=reject; rua=mailto:a@example.com");
  const std::vector<std::string> domains{"example.com"};
  const DkimResult signature{.result = Result::Pass, .domain = "example.com"};
  const DmarcInput input{domains, Result::Pass, "example.com", std::span(&signature, 1)};
  for (auto _ : state) benchmark::DoNotOptimize(evaluate_dmarc(input, nullptr, memo));
}
BENCHMARK(evaluate_dmarc_of_a_known_domain);

}  // namespace
}  // namespace ringpost::auth
