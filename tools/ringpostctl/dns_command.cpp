// Many domains, some of them under way at a time: see dns_command.h.
#include "tools/ringpostctl/dns_command.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "engine/mta/generation_loader.h"
#include "engine/mta/host_name.h"
#include "engine/ring/clock.h"
#include "proto/base/ascii.h"
#include "proto/base/check.h"
#include "tools/ringpostctl/dkim_keys.h"
#include "tools/ringpostctl/dns_client.h"
#include "tools/ringpostctl/dns_plan.h"
#include "tools/ringpostctl/line_reader.h"
#include "tools/ringpostctl/long_options.h"

namespace ringpost::ctl {
namespace {

using namespace std::literals;

constexpr std::string_view usage_text =
    "usage: ringpostctl dns print|check [DOMAIN ...] [--host NAME] [--address IP]...\n"
    "                        [--key SELECTOR:FILE]... [--reports ADDRESS] [--config FILE]\n"
    "                        [--dns ADDR:PORT]    without a DOMAIN they are read, one a line";
constexpr std::array known{"host"sv, "address"sv, "key"sv, "reports"sv, "config"sv, "dns"sv};
constexpr std::size_t domains_under_way = 200;
constexpr std::size_t progress_every = 500;
constexpr std::size_t cache_octets = std::size_t{16} << 20;  // addresses and names of the host
constexpr Duration silence_max = seconds(60);                // no question takes so long

// The keys of the domains that are asked about, and of no other: there may be many.
std::optional<std::string> take_signing_keys(const conf::Config& config,
                                             std::span<const std::string> domains, DnsPlan& plan) {
  const std::set<std::string, std::less<>> wanted(domains.begin(), domains.end());
  const auto add = [&](const std::string& domain, const std::string& selector,
                       const std::string& path) -> std::optional<std::string> {
    std::vector<PlannedKey>& keys = plan.keys_of[domain];
    if (std::ranges::find(keys, selector, &PlannedKey::selector) != keys.end()) return std::nullopt;
    const auto key = load_key(path);
    if (!key) return key.error();
    keys.push_back({selector, key_record(*key)});
    return std::nullopt;
  };
  for (const auto& line : config.dkim_keys)
    for (const std::string& domain : conf::domains_of(*line)) {
      if (!wanted.contains(domain)) continue;
      if (auto problem = add(domain, line->selector, conf::key_path_of(*line, domain)))
        return problem;
    }
  if (const auto& arc = config.arc_key; arc && wanted.contains(arc->domain))
    return add(arc->domain, arc->selector, arc->key_path);
  return std::nullopt;
}

// The name, and what addresses the configuration names as they are: interfaces, wildcards and
// tables elsewhere need --address.
std::optional<std::string> take_configuration(const std::string& path,
                                              std::span<const std::string> domains, DnsPlan& plan) {
  const auto text = mta::read_text_file(path);
  if (!text) return to_text(text.error());
  conf::FileReader read = mta::read_text_file;
  const mta::LoadWish wish{.path = path, .server_name = mta::host_name()};
  const auto parsed = conf::parse(mta::parse_input(wish, *text), read);
  if (!parsed.config) return fmt::format("{} has mistakes: see ringpostd -n", path);
  plan.host = parsed.config->server_name;
  for (const conf::Listener& listener : parsed.config->listeners) {
    const auto address = conf::parse_net_address(listener.source);
    if (listener.is_socket || !address || *address == conf::NetAddress{}) continue;
    const bool is_loopback = address->family == conf::Family::Inet4
                                 ? address->octets[0] == 127
                                 : conf::to_text(*address) == "::1";
    if (!is_loopback && std::ranges::find(plan.addresses, *address) == plan.addresses.end())
      plan.addresses.push_back(*address);
  }
  return take_signing_keys(*parsed.config, domains, plan);
}

std::optional<std::string> take_addresses(const LongOptions& options, DnsPlan& plan) {
  const std::vector<std::string> given = options.all("address");
  if (!given.empty()) plan.addresses.clear();
  for (const std::string& text : given) {
    const auto address = conf::parse_net_address(text);
    if (!address) return fmt::format("\"{}\" is no IP address", text);
    plan.addresses.push_back(*address);
  }
  if (plan.addresses.empty()) return "no address is known from which mail leaves: give --address";
  return std::nullopt;
}

std::optional<std::string> take_keys(const LongOptions& options, DnsPlan& plan) {
  for (const std::string& text : options.all("key")) {
    const std::size_t colon = text.find(':');
    if (colon == 0 || colon == std::string::npos) return "--key is SELECTOR:FILE";
    const auto key = load_key(text.substr(colon + 1));
    if (!key) return key.error();
    plan.keys.push_back({text.substr(0, colon), key_record(*key)});
  }
  return std::nullopt;
}

std::optional<std::string> fill_plan(const LongOptions& options,
                                     std::span<const std::string> domains, DnsPlan& plan) {
  plan.host = mta::host_name();
  if (const auto path = options.find("config"))
    if (auto problem = take_configuration(*path, domains, plan)) return problem;
  if (const auto host = options.find("host")) plan.host = ascii::lower(*host);
  plan.reports = options.find("reports").value_or("");
  if (auto problem = take_addresses(options, plan)) return problem;
  return take_keys(options, plan);
}

struct Subject {
  std::string domain = {};
  auth::DnsMemo memo = auth::DnsMemo();
  std::size_t open = 0;  // questions
};

// Keeps some domains under way; results are printed as they come.
class Survey {
 public:
  Survey(const DnsPlan& plan, dns::ResolverSettings resolver, const Output& output)
      : plan_(plan), client_(std::move(resolver), cache_octets), output_(output) {}

  // Gives the number of domains with something wrong.
  std::size_t run(std::deque<std::string> domains) {
    const std::size_t total = domains.size();
    while (done_ < total) {
      while (!domains.empty() && started_ - done_ < domains_under_way) {
        begin(std::move(domains.front()));
        domains.pop_front();
      }
      if (started_ == done_) continue;
      const auto finished = client_.wait(ring::monotonic_now() + silence_max);
      CHECK(finished);
      for (const dns::Asker asker : finished->askers) take_answer(asker, finished->answer);
      show_progress(total);
    }
    return wrong_;
  }

 private:
  void begin(std::string domain) {
    ++started_;
    proceed(std::make_shared<Subject>(Subject{.domain = std::move(domain)}));
  }

  void proceed(const std::shared_ptr<Subject>& subject) {
    const auto complaints = check_zone(plan_, subject->domain, subject->memo);
    if (complaints) return conclude(subject->domain, *complaints);
    for (const dns::Question& question : subject->memo.take_wanted()) {
      ++subject->open;
      asked_.emplace(++last_asker_, std::pair{subject, question});
      client_.start(question, last_asker_);
    }
  }

  void take_answer(dns::Asker asker, const dns::AnswerPointer& answer) {
    const auto place = asked_.find(asker);
    const auto [subject, question] = std::move(place->second);
    asked_.erase(place);
    subject->memo.put(question, answer);
    if (--subject->open == 0) proceed(subject);
  }

  void conclude(const std::string& domain, const std::vector<std::string>& complaints) {
    ++done_;
    wrong_ += complaints.empty() ? 0 : 1;
    if (complaints.empty()) output_.put(fmt::format("{}: all is as it should be\n", domain));
    for (const std::string& one : complaints) output_.put(fmt::format("{}: {}\n", domain, one));
  }

  void show_progress(std::size_t total) {
    if (done_ / progress_every == shown_ / progress_every) return;
    shown_ = done_;
    fmt::print(output_.err, "{} of {} domains checked\n", done_, total);
  }

  const DnsPlan& plan_;
  DnsClient client_;
  const Output& output_;
  std::map<dns::Asker, std::pair<std::shared_ptr<Subject>, dns::Question>> asked_;
  dns::Asker last_asker_ = 0;
  std::size_t started_ = 0, done_ = 0, shown_ = 0, wrong_ = 0;
};

std::vector<std::string> read_domains(std::span<const std::string> words, std::FILE* in) {
  std::vector<std::string> domains;
  const auto add = [&](std::string_view text) {
    text = ascii::trim(text);
    if (text.ends_with('.')) text.remove_suffix(1);
    if (!text.empty()) domains.push_back(ascii::lower(text));
  };
  for (const std::string& word : words) add(word);
  if (!words.empty()) return domains;
  LineReader lines(in);
  while (const auto line = lines.next()) add(*line);
  return domains;
}

int refuse(const Output& output, std::string_view text) {
  output.fail(text);
  return exit_usage;
}

}  // namespace

int run_dns(std::span<const std::string> words, std::FILE* in, const Output& output) {
  const bool checks = !words.empty() && words[0] == "check";
  if (!checks && (words.empty() || words[0] != "print")) return refuse(output, usage_text);
  words = words.subspan(1);
  const auto first_option =
      std::ranges::find_if(words, [](const std::string& word) { return word.starts_with("--"); });
  const auto names = static_cast<std::size_t>(first_option - words.begin());
  const auto options = LongOptions::parse(words.subspan(names), known);
  if (!options) return refuse(output, fmt::format("{}\n{}", options.error(), usage_text));
  const std::vector<std::string> domains = read_domains(words.first(names), in);
  DnsPlan plan;
  if (const auto problem = fill_plan(*options, domains, plan)) return refuse(output, *problem);
  const auto server = options->find("dns");
  const auto resolver = server ? resolver_at(*server) : std::optional(resolver_of_system());
  if (!resolver) return refuse(output, "--dns is no address of a name server");
  if (checks) {
    const bool is_sound =
        Survey(plan, *resolver, output).run({domains.begin(), domains.end()}) == 0;
    return is_sound ? exit_ok : exit_failed;
  }
  for (const std::string& domain : domains) output.put(zone_lines(plan, domain));
  return exit_ok;
}

}  // namespace ringpost::ctl
