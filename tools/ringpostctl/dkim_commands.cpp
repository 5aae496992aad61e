// The commands of dkim: see dkim_commands.h. What is wrong is a sentence.
#include "tools/ringpostctl/dkim_commands.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>
#include <sysexits.h>

#include "engine/ring/clock.h"
#include "proto/auth/dkim_key.h"
#include "proto/base/ascii.h"
#include "proto/base/secret.h"
#include "scan/sign/dkim_signer.h"
#include "scan/sign/public_key.h"
#include "tools/ringpostctl/dkim_keys.h"
#include "tools/ringpostctl/dns_client.h"
#include "tools/ringpostctl/long_options.h"
#include "tools/ringpostctl/message_input.h"

namespace ringpost::ctl {
namespace {

using namespace std::string_view_literals;

constexpr std::array known{"dns"sv,  "domain"sv, "selector"sv, "key"sv,
                           "type"sv, "bits"sv,   "canon"sv};
constexpr std::array needed{"domain"sv, "selector"sv, "key"sv};
constexpr unsigned bits_default = 2048;
constexpr Duration dns_patience = seconds(30);

int refuse(const Output& output, std::string_view text) {
  output.fail(text);
  output.fail(fmt::format("usage:\n{}", dkim_usage));
  return exit_usage;
}

int keygen(const LongOptions& options, const Output& output) {
  const std::string type = options.find("type").value_or("rsa");
  const auto bits =
      ascii::parse_decimal<unsigned>(options.find("bits").value_or(std::to_string(bits_default)));
  if (type != "rsa" && type != "ed25519") return refuse(output, "--type is rsa or ed25519");
  if (!bits || *bits < bits_default || *bits > scan::rsa_bits_max || *bits % 256 != 0)
    return refuse(output, "--bits is 2048, 3072 or 4096");
  const std::string path = *options.find("key");
  const auto algorithm =
      type == "rsa" ? auth::Algorithm::RsaSha256 : auth::Algorithm::Ed25519Sha256;
  std::string pem = make_key(algorithm, *bits);
  const auto problem = store_key(path, pem);
  wipe(pem.data(), pem.size());
  return problem ? output.fail(*problem) : exit_ok;
}

int show(const LongOptions& options, const Output& output) {
  const auto key = load_key(*options.find("key"));
  if (!key) return output.fail(key.error());
  output.put(zone_line(*options.find("domain"), *options.find("selector"), key_record(*key)) +
             "\n");
  return exit_ok;
}

// A sentence about a record that is published for `key`; nothing when it is as it should be.
std::optional<std::string> complaint_about(const std::string& record, const scan::PrivateKey& key) {
  const auto published = auth::parse_key_record(record);
  if (!published) return std::string(published.error());
  if (published->algorithm != key.algorithm()) return "a key of another kind is published";
  const auto parsed = scan::PublicKey::parse(*published);
  if (!parsed) return std::string(parsed.error());
  const scan::Hash hash = scan::Sha256::of("does this key verify?");
  if (!parsed->verify(hash, key.sign(hash))) return "another key is published";
  if (published->is_testing) return "the record says that the key is only for tests (t=y)";
  return std::nullopt;
}

std::string joined(const dns::RecordData& data) {
  std::string record;
  if (const auto* text = std::get_if<dns::Text>(&data))
    for (const std::string& part : text->strings) record += part;
  return record;
}

int check(const LongOptions& options, const Output& output) {
  const auto server = options.find("dns");
  const auto resolver = server ? resolver_at(*server) : resolver_of_system();
  if (!resolver) return refuse(output, "--dns is no ADDR:PORT");
  const auto key = load_key(*options.find("key"));
  if (!key) return output.fail(key.error());
  const std::string place =
      fmt::format("{}._domainkey.{}", *options.find("selector"), *options.find("domain"));
  const auto name = dns::Name::parse(place);
  if (!name) return refuse(output, "--domain and --selector make no domain name");
  DnsClient client(*resolver);
  const dns::Question question{*name, dns::Type::Txt};
  const auto answer = client.ask({&question, 1}, ring::monotonic_now() + dns_patience).front();
  if (answer->outcome == dns::Outcome::Failed) {
    output.fail(fmt::format("{}: the DNS does not answer: {}", place, to_text(answer->failure)));
    return EX_TEMPFAIL;
  }
  if (answer->outcome != dns::Outcome::Found)
    return output.fail(fmt::format("{}: no record is published", place));
  int status = exit_ok;
  if (answer->records.size() > 1)
    status = output.fail(fmt::format("{}: {} records are published; there must be one", place,
                                     answer->records.size()));
  for (const dns::RecordData& data : answer->records)
    if (const auto complaint = complaint_about(joined(data), *key))
      status = output.fail(fmt::format("{}: {}", place, *complaint));
  if (status == exit_ok) output.put(fmt::format("{}: the published key is this one\n", place));
  return status;
}

std::optional<auth::Canonical> form_of(std::string_view word) {
  if (word == "simple") return auth::Canonical::Simple;
  if (word == "relaxed") return auth::Canonical::Relaxed;
  return std::nullopt;
}

int sign(const LongOptions& options, std::FILE* in, WallTime now, const Output& output) {
  const auto selectors = options.all("selector"), paths = options.all("key");
  if (selectors.size() != paths.size())
    return refuse(output, "as many --selector as --key are needed");
  const std::string forms = options.find("canon").value_or("relaxed/relaxed");
  const std::size_t slash = std::min(forms.find('/'), forms.size());
  const auto header_form = form_of(forms.substr(0, slash));
  const auto body_form = form_of(forms.substr(std::min(slash + 1, forms.size())));
  if (!header_form || !body_form)
    return refuse(output, "--canon is two of simple and relaxed, with a slash between them");
  std::vector<scan::PrivateKey> keys;
  for (const std::string& path : paths) {
    auto key = load_key(path);
    if (!key) return output.fail(key.error());
    keys.push_back(std::move(*key));
  }
  const auto given = read_message(in);
  if (!given) return output.fail(to_text(given.error()));
  const std::string message = with_crlf(*given);
  scan::SigningContent content(*body_form);
  content.take(bytes_of(message));
  content.finish();
  if (!content.can_be_signed()) return output.fail("the header of the message is too large");
  if (content.header().places("from").empty()) return output.fail("the message has no From field");
  std::string fields;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const scan::UnsignedField field = scan::dkim_field(content,
                                                       {.algorithm = keys[i].algorithm(),
                                                        .domain = *options.find("domain"),
                                                        .selector = selectors[i],
                                                        .header_form = *header_form,
                                                        .body_form = *body_form},
                                                       now);
    fields += field.complete(keys[i].sign(field.hash));
  }
  if (!has_crlf(*given)) std::erase(fields, '\r');
  output.put(fields);
  output.put(*given);
  return std::fflush(output.out) == 0 ? exit_ok : output.fail("the output cannot be written");
}

}  // namespace

const std::string_view dkim_usage =
    "  dkim keygen [--type rsa|ed25519] [--bits N] --domain D --selector S --key FILE\n"
    "  dkim show --domain D --selector S --key FILE\n"
    "  dkim check [--dns ADDR:PORT] --domain D --selector S --key FILE\n"
    "  dkim sign [--canon HEADER/BODY] --domain D (--selector S --key FILE)... < MESSAGE";

int run_dkim(std::span<const std::string> words, std::FILE* in, WallTime now,
             const Output& output) {
  if (words.empty()) return refuse(output, "dkim what?");
  const auto options = LongOptions::parse(words.subspan(1), known);
  if (!options) return refuse(output, options.error());
  if (words[0] == "keygen" && options->find("key")) {
    if (const int status = keygen(*options, output); status != exit_ok) return status;
    const bool named = options->find("domain") && options->find("selector");
    return named ? show(*options, output) : exit_ok;
  }
  if (const auto complaint = options->missing(needed)) return refuse(output, *complaint);
  if (words[0] == "show") return show(*options, output);
  if (words[0] == "check") return check(*options, output);
  if (words[0] == "sign") return sign(*options, in, now, output);
  return refuse(output, fmt::format("unknown word \"{}\"", words[0]));
}

}  // namespace ringpost::ctl
