// The options of `action NAME relay`, in any order, each once.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/conf/action_options.h"
#include "proto/conf/parser.h"
#include "proto/conf/relay_host.h"

namespace ringpost::conf {

// What stands behind an option's word: nothing (or something of its own), a text, or a table.
struct RelayOption {
  std::string_view word;
  bool ActionOptions::* seen;
  std::string RelaySettings::* text = nullptr;
  const Table* RelaySettings::* list = nullptr;
  const Table* RelaySettings::* map = nullptr;
  bool works = false;
};

namespace {

constexpr std::array relay_options = std::to_array<RelayOption>({
    {.word = "helo", .seen = &ActionOptions::helo, .text = &RelaySettings::helo, .works = true},
    {.word = "pki", .seen = &ActionOptions::pki, .text = &RelaySettings::pki, .works = true},
    {.word = "ca", .seen = &ActionOptions::ca, .text = &RelaySettings::ca, .works = true},
    {.word = "ciphers",
     .seen = &ActionOptions::ciphers,
     .text = &RelaySettings::ciphers,
     .works = true},
    {.word = "protocols",
     .seen = &ActionOptions::protocols,
     .text = &RelaySettings::protocols,
     .works = true},
    {.word = "mail-from",
     .seen = &ActionOptions::mail_from,
     .text = &RelaySettings::mail_from,
     .works = true},
    {.word = "helo-src",
     .seen = &ActionOptions::helo_src,
     .map = &RelaySettings::helo_source,
     .works = true},
    {.word = "src", .seen = &ActionOptions::src, .list = &RelaySettings::sources, .works = true},
    {.word = "host", .seen = &ActionOptions::host, .list = &RelaySettings::hosts, .works = true},
    {.word = "domain", .seen = &ActionOptions::host, .map = &RelaySettings::domains, .works = true},
    {.word = "auth", .seen = &ActionOptions::auth, .map = &RelaySettings::auth, .works = true},
    {.word = "backup", .seen = &ActionOptions::backup, .works = true},
    {.word = "tls", .seen = &ActionOptions::tls, .works = true},
    {.word = "srs", .seen = &ActionOptions::srs, .works = true},
    {.word = "filter", .seen = &ActionOptions::filter, .works = true},
});

}  // namespace

bool Parser::parse_relay_option(Action& action, ActionOptions& options) {
  const Token word = token_;
  const auto option = std::ranges::find(relay_options, word.text, &RelayOption::word);
  if (option == relay_options.end()) return expected("an option of relay");
  advance();
  once(options.*option->seen, word);
  if (word.text == "auth" && !options.host) error(word.position, "auth needs a host before it");
  const bool is_backup = option->seen == &ActionOptions::backup;
  const bool is_host = option->seen == &ActionOptions::host;
  if (options.backup && options.host && (is_backup || is_host)) {
    error(word.position, "backup and host exclude each other");
  }
  if (word.text == "srs" && config_.srs.key.empty()) {
    error(word.position, "srs needs an srs key before it");
  }
  if (!option->works) unsupported(word.position, fmt::format("\"{}\" of a relay", word.text));
  const Token value = token_;
  if (!parse_relay_value(action.relay, *option)) return false;
  check_relay_value(value.position, action.relay, *option);
  return true;
}

// What is wrong here is no error, since it may stand in a file and be mended there.
void Parser::check_relay_value(Position position, const RelaySettings& relay,
                               const RelayOption& option) {
  if (option.word == "host" && relay.hosts != nullptr)
    check_relay_hosts(position, *relay.hosts, &TableRow::key);
  if (option.word == "domain" && relay.domains != nullptr)
    check_relay_hosts(position, *relay.domains, &TableRow::value);
  if (option.word == "src" && relay.sources != nullptr)
    check_relay_sources(position, *relay.sources);
  if (option.word == "mail-from" && !parse_sender_pattern(relay.mail_from)) {
    warning(position, fmt::format("\"{}\" is neither an address nor a part of one: senders stay "
                                  "as they are",
                                  relay.mail_from));
  }
}

void Parser::check_relay_hosts(Position position, const Table& hosts,
                               std::string_view TableRow::* column) {
  if (hosts.backend() != TableBackend::Memory) {
    unsupported(position, "a relay's table of hosts that is not in memory");
    return;
  }
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string text(hosts.row(i).*column);
    const auto host = parse_relay_host(text);
    if (!host)
      warning(position, fmt::format("\"{}\" is no host of a relay: mail for it will wait", text));
  }
}

void Parser::check_relay_sources(Position position, const Table& sources) {
  if (sources.backend() != TableBackend::Memory) {
    unsupported(position, "a relay's table of source addresses that is not in memory");
    return;
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::string text(sources.row(i).key);
    if (parse_net_address(text)) continue;
    warning(position, fmt::format("\"{}\" is no address: nothing goes out from it", text));
  }
}

bool Parser::parse_relay_value(RelaySettings& relay, const RelayOption& option) {
  if (option.text != nullptr) {
    auto text = expect_string(fmt::format("a text for \"{}\"", option.word));
    if (text) relay.*option.text = std::move(text->text);
    return text.has_value();
  }
  if (option.list != nullptr) {
    return parse_table_use(TableUse::StringList, option.word, relay.*option.list);
  }
  if (option.map != nullptr) {
    return parse_table_use(TableUse::OtherMap, option.word, relay.*option.map);
  }
  if (option.word == "filter") return parse_filter_reference(relay.filter);
  if (option.word == "srs") relay.srs = true;
  if (option.word == "tls") {
    relay.tls_required = true;
    relay.verify = !take_keyword("no-verify");
  }
  if (option.word != "backup") return true;
  relay.backup = true;
  if (!take_keyword("mx")) return true;
  auto name = expect_string("a host name");
  if (name) relay.backup_name = std::move(name->text);
  return name.has_value();
}

}  // namespace ringpost::conf
