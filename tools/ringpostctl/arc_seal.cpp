// Sealing one message: see arc_seal.h. The chain that the message came with is judged first.
// What is wrong is a sentence, and then nothing is written.
#include "tools/ringpostctl/arc_seal.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <sysexits.h>

#include "engine/ring/clock.h"
#include "proto/auth/tag_list.h"
#include "proto/base/ascii.h"
#include "scan/sign/arc_sealer.h"
#include "scan/sign/message_verifier.h"
#include "tools/ringpostctl/dkim_keys.h"
#include "tools/ringpostctl/dns_client.h"
#include "tools/ringpostctl/long_options.h"
#include "tools/ringpostctl/message_input.h"

namespace ringpost::ctl {
namespace {

using namespace std::string_view_literals;

constexpr std::array known{"dns"sv,          "domain"sv,  "selector"sv, "key"sv,
                           "auth-serv-id"sv, "headers"sv, "timestamp"sv};
constexpr std::array needed{"domain"sv, "selector"sv, "key"sv, "auth-serv-id"sv};

constexpr Duration dns_patience = seconds(30);

// What is signed when nobody says so.
constexpr std::string_view names_default =
    "from:to:cc:subject:date:message-id:reply-to:mime-version:content-type:"
    "content-transfer-encoding:in-reply-to:references:list-id:dkim-signature";

std::vector<std::string> names_of(std::string_view list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    const std::string_view name = auth::trim_folding(list.substr(at, end - at));
    if (!name.empty()) names.push_back(ascii::lower(name));
    at = end + 1;
  }
  return names;
}

std::expected<scan::SealWish, std::string> wish_of(const LongOptions& options, WallTime now) {
  if (auto complaint = options.missing(needed)) return std::unexpected(std::move(*complaint));
  scan::SealWish wish{
      .domain = ascii::lower(*options.find("domain")),
      .selector = *options.find("selector"),
      .authserv_id = *options.find("auth-serv-id"),
      .names = names_of(options.find("headers").value_or(std::string(names_default))),
      .signed_at_s = static_cast<std::uint64_t>(std::max<std::int64_t>(now.seconds(), 0))};
  if (const auto timestamp = options.find("timestamp")) {
    const auto seconds = ascii::parse_decimal(*timestamp);
    if (!seconds) return std::unexpected("--timestamp is no number of seconds");
    wish.signed_at_s = *seconds;
  }
  if (std::ranges::find(wish.names, "arc-seal") != wish.names.end())
    return std::unexpected("--headers names ARC-Seal, which is never signed there");
  return wish;
}

auth::ArcResult judge_chain(const std::string& message, const dns::ResolverSettings& resolver,
                            WallTime now) {
  scan::MessageVerifier verifier;
  verifier.take(bytes_of(message));
  verifier.finish();
  auth::DnsMemo memo;
  DnsClient client(resolver);
  const Instant deadline = ring::monotonic_now() + dns_patience;
  while (true) {
    if (const auto result = verifier.evaluate_arc(memo, now)) return *result;
    client.answer_all(memo, deadline);
  }
}

// What our own server found out when the message came counts where it says that the chain failed.
bool found_failed(const auth::MessageHeader& header, std::string_view authserv_id) {
  const std::string results = ascii::lower(scan::own_results(header, authserv_id));
  return results.starts_with("arc=fail") || results.contains("\n arc=fail");
}

}  // namespace

const std::string_view arc_seal_usage =
    "arc-seal [--dns ADDR:PORT] --domain D --selector S --key FILE --auth-serv-id ID "
    "[--headers H1:H2:...] [--timestamp T] < MESSAGE";

int run_arc_seal(std::span<const std::string> words, std::FILE* in, WallTime now,
                 const Output& output) {
  const auto refuse = [&](std::string_view text) {
    output.fail(text);
    output.fail(fmt::format("usage: {}", arc_seal_usage));
    return exit_usage;
  };
  const auto options = LongOptions::parse(words, known);
  if (!options) return refuse(options.error());
  auto wish = wish_of(*options, now);
  if (!wish) return refuse(wish.error());
  const auto server = options->find("dns");
  const auto resolver = server ? resolver_at(*server) : resolver_of_system();
  if (!resolver) return refuse("--dns is no ADDR:PORT");
  const auto key = load_key(*options->find("key"));
  if (!key) return output.fail(key.error());
  wish->algorithm = key->algorithm();
  const auto given = read_message(in);
  if (!given) return output.fail(to_text(given.error()));

  const std::string message = with_crlf(*given);
  auto chain = judge_chain(message, *resolver, now);
  if (chain.is_temporary) {
    output.fail(fmt::format("the chain cannot be judged now: {}", chain.reason));
    return EX_TEMPFAIL;
  }
  scan::SigningContent content(auth::Canonical::Relaxed);
  content.take(bytes_of(message));
  content.finish();
  if (chain.instances > 0 && found_failed(content.header(), wish->authserv_id))
    chain.result = auth::Result::Fail;
  std::string set;
  if (auto sealer = scan::ArcSealer::begin(content, chain, std::move(*wish))) {
    const scan::UnsignedField first = sealer->message_field();
    const scan::UnsignedField second = sealer->seal_field(first.complete(key->sign(first.hash)));
    set = sealer->set(second.complete(key->sign(second.hash)));
  } else {
    output.fail("this chain may not go on: the message is as it was");
  }
  if (!has_crlf(*given)) std::erase(set, '\r');
  output.put(set);
  output.put(*given);
  return std::fflush(output.out) == 0 ? exit_ok : output.fail("the output cannot be written");
}

}  // namespace ringpost::ctl
