// `listen on`: options in any order, each once. The engine resolves the interface; what needs TLS,
// authentication or filters is checked, kept and noted as not available.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"

namespace ringpost::conf {

namespace {

constexpr std::uint16_t smtps_port = 465;
constexpr std::size_t tag_octets_max = 32;
constexpr std::size_t pki_max = 32;

struct Service {
  std::string_view name;
  std::uint16_t port;
};

// The services a mail server listens on, known even where services(5) is missing.
constexpr std::array services = std::to_array<Service>({
    {"smtp", 25},
    {"mail", 25},
    {"lmtp", 24},
    {"smtps", 465},
    {"ssmtp", 465},
    {"submissions", 465},
    {"urd", 465},
    {"submission", 587},
});

}  // namespace

// What was seen, and where, for what can be judged only at the end of the line.
struct ListenOptions {
  bool family = false, port = false, hostname = false, hostnames = false, tag = false;
  bool filter = false, mask_src = false, no_dsn = false, senders = false, received_auth = false;
  bool dmarc = false;
  bool proxy = false, ca = false, auth = false, tls = false, ciphers = false, protocols = false;
  std::vector<Token> pkis;
  Position auth_position, tls_position, pki_position;
};

bool Parser::parse_listen() {
  Listener listener{.position = token_.position};
  if (!expect_keyword("on")) return false;
  if (at("socket")) {
    listener.is_socket = true;
    listener.source = token_.text;
    advance();
  } else {
    const auto source = expect_string("an interface, an address, a host name, \"all\" or socket");
    if (!source) return false;
    if (source->text.empty() || source->text.contains('/') || source->text.contains(' ')) {
      error(source->position, fmt::format("{} is not an interface or address", describe(*source)));
    }
    listener.source = source->text;
    listener.position = source->position;
  }
  ListenOptions options;
  const auto at_option = [this] {
    const bool is_ours = token_.kind == TokenKind::Word && token_.text == "dmarc";
    return is_ours || token_.kind == TokenKind::Keyword;
  };
  while (at_option()) {
    if (!parse_listen_option(listener, options)) return false;
  }
  if (token_.kind != TokenKind::Newline && token_.kind != TokenKind::End) {
    return expected("an option of \"listen on\"");
  }
  if (listener.tls == TlsMode::Implicit && !options.port) listener.port = smtps_port;
  if (is_fine_listener(listener, options)) config_.listeners.push_back(std::move(listener));
  return true;
}

bool Parser::parse_listen_option(Listener& listener, ListenOptions& options) {
  struct Switch {
    std::string_view word;
    bool ListenOptions::* seen;
    bool Listener::* value;
  };
  static constexpr std::array flags = std::to_array<Switch>({
      {"mask-src", &ListenOptions::mask_src, &Listener::mask_source},
      {"no-dsn", &ListenOptions::no_dsn, &Listener::no_dsn},
      {"received-auth", &ListenOptions::received_auth, &Listener::received_auth},
  });
  const Token option = token_;
  const auto is = [&option](std::string_view word) { return option.text == word; };
  static constexpr std::array socket_options =
      std::to_array<std::string_view>({"filter", "mask-src", "no-dsn", "tag"});
  if (listener.is_socket &&
      std::ranges::find(socket_options, option.text) == socket_options.end()) {
    return expected("filter, mask-src, no-dsn or tag (\"listen on socket\" has no other options)");
  }
  if (const auto flag = std::ranges::find(flags, option.text, &Switch::word); flag != flags.end()) {
    advance();
    once(options.*flag->seen, option);
    listener.*flag->value = true;
    const bool acted_upon = is("mask-src") || is("no-dsn") || is("received-auth");
    if (!acted_upon) unsupported(option.position, fmt::format("\"{}\"", option.text));
    return true;
  }
  if (is("inet4") || is("inet6")) {
    advance();
    once(options.family, option);
    listener.family = is("inet4") ? Family::Inet4 : Family::Inet6;
    return true;
  }
  if (is("port")) {
    advance();
    once(options.port, option);
    return parse_listen_port(listener);
  }
  if (is("hostname") || is("tag")) {
    advance();
    once(is("tag") ? options.tag : options.hostname, option);
    auto text = expect_string(is("tag") ? "a tag" : "a host name");
    if (!text) return false;
    if (is("tag") && text->text.size() > tag_octets_max) {
      error(text->position, fmt::format("the tag is longer than {} octets", tag_octets_max));
    }
    (is("tag") ? listener.tag : listener.hostname) = std::move(text->text);
    return true;
  }
  if (is("proxy-v2")) {
    advance();
    once(options.proxy, option);
    listener.proxy_v2 = true;
    return !take_keyword("from") || parse_listen_proxies(listener);
  }
  if (is("dmarc") && take_word("dmarc")) {
    once(options.dmarc, option);
    return parse_listen_dmarc(listener.sender_auth);
  }
  return parse_secure_listen_option(listener, options);
}

// none | junk | reject [override <table>] [trust <table>] [received-spf]
bool Parser::parse_listen_dmarc(SenderAuth& auth) {
  const auto action = token_.kind == TokenKind::Symbol || token_.kind == TokenKind::Quoted
                          ? std::nullopt
                          : dmarc_action_of(token_.text);
  if (!action) return expected("none, junk or reject");
  advance();
  auth.is_checked = true;
  auth.action = *action;
  while (true) {
    const Position position = token_.position;
    if (take_word("received-spf")) {
      if (auth.writes_received_spf) error(position, "the option is given twice");
      auth.writes_received_spf = true;
      continue;
    }
    const bool overrides = take_word("override");
    if (!overrides && !take_word("trust")) return true;
    const Table*& table = overrides ? auth.overrides : auth.sealers;
    if (table != nullptr) error(position, "the option is given twice");
    const TableUse use = overrides ? TableUse::OtherMap : TableUse::DomainList;
    if (!parse_table_use(use, overrides ? "dmarc override" : "dmarc trust", table)) return false;
    if (table == nullptr) continue;
    if (table->backend() != TableBackend::Memory) {
      error(position, "this table must be in the configuration or in a file");
    } else if (overrides) {
      check_dmarc_overrides(position, *table);
    }
  }
}

void Parser::check_dmarc_overrides(Position position, const Table& table) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto row = table.row(i);
    if (dmarc_action_of(row.value)) continue;
    error(position, fmt::format("table \"{}\" says \"{}\" of {}, which is not none, junk or reject",
                                table.name(), row.value, row.key));
  }
}

// A proxy is judged before anything else of its connection, so the answer must be there at once.
bool Parser::parse_listen_proxies(Listener& listener) {
  const Position position = token_.position;
  if (!parse_table_use(TableUse::AddressList, "proxy-v2 from", listener.proxies)) return false;
  if (listener.proxies != nullptr && listener.proxies->backend() != TableBackend::Memory)
    error(position, "a table of proxies must be a list in the configuration or in a file");
  return true;
}

// TLS, authentication, filters, senders.
bool Parser::parse_secure_listen_option(Listener& listener, ListenOptions& options) {
  const Token option = token_;
  const auto is = [&option](std::string_view word) { return option.text == word; };
  static constexpr std::array words = std::to_array<std::string_view>(
      {"tls", "tls-require", "smtps", "auth", "auth-optional", "filter", "pki", "ca", "ciphers",
       "protocols", "hostnames", "senders"});
  if (std::ranges::find(words, option.text) == words.end()) {
    return expected("an option of \"listen on\"");
  }
  advance();
  if (is("tls") || is("tls-require") || is("smtps")) {
    if (options.tls) error(option.position, "the TLS mode is given twice");
    options.tls = true;
    options.tls_position = option.position;
    listener.tls = is("tls")     ? TlsMode::Offered
                   : is("smtps") ? TlsMode::Implicit
                                 : TlsMode::Required;
    listener.verify_client = !is("tls") && take_keyword("verify");
    return true;
  }
  if (is("filter")) {
    once(options.filter, option);
    return parse_filter_reference(listener.filter);
  }
  if (is("pki")) {
    const auto name = expect_string("the name of a pki");
    if (!name) return false;
    if (options.pkis.size() == pki_max) error(name->position, "too many pki options");
    options.pki_position = option.position;
    options.pkis.push_back(*name);
    return true;
  }
  if (is("ca")) {
    once(options.ca, option);
    const auto name = expect_string("the name of a ca");
    if (!name) return false;
    const auto known = cas_.find(ascii::lower(name->text));
    if (known == cas_.end()) {
      error(name->position, fmt::format("no such ca: {}", describe(*name)));
    } else {
      listener.ca = known->second.get();
    }
    return true;
  }
  if (is("ciphers") || is("protocols")) {
    once(is("ciphers") ? options.ciphers : options.protocols, option);
    auto text = expect_string(fmt::format("a text for \"{}\"", option.text));
    if (text) (is("ciphers") ? listener.ciphers : listener.protocols) = std::move(text->text);
    return text.has_value();
  }
  return parse_listen_table(listener, options, option);
}

// auth [T], auth-optional [T], hostnames T, senders T [masquerade]
bool Parser::parse_listen_table(Listener& listener, ListenOptions& options, const Token& option) {
  const auto is = [&option](std::string_view word) { return option.text == word; };
  if (is("auth") || is("auth-optional")) {
    once(options.auth, option);
    options.auth_position = option.position;
    listener.auth = is("auth") ? AuthMode::Required : AuthMode::Optional;
    return !at_table() || parse_table_use(TableUse::Other, option.text, listener.credentials);
  }
  once(is("senders") ? options.senders : options.hostnames, option);
  const Position position = token_.position;
  const Table*& table = is("senders") ? listener.senders : listener.hostnames;
  if (!parse_table_use(TableUse::OtherMap, option.text, table)) return false;
  if (is("senders")) {
    listener.masquerade = take_keyword("masquerade");
  } else if (table != nullptr) {
    check_host_names(*table, position);
  }
  return true;
}

// Names are chosen once, when the listener is made, and not for each connection.
void Parser::check_host_names(const Table& table, Position position) {
  if (table.backend() != TableBackend::Memory)
    error(position, "a table of host names must be a map in the configuration or in a file");
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!parse_net_address(table.row(i).key))
      warning(position, fmt::format("no address, so nobody is told that name: \"{}\"",
                                    std::string(table.row(i).key)));
  }
}

bool Parser::parse_listen_port(Listener& listener) {
  const Token port = token_;
  if (port.kind == TokenKind::Number) {
    advance();
    if (port.number < 1 || port.number > 0xffff) {
      error(port.position, fmt::format("invalid port {}: expected 1 to 65535", port.number));
      return true;
    }
    listener.port = static_cast<std::uint16_t>(port.number);
    return true;
  }
  const bool is_name = port.is_string() || at("smtp") || at("smtps");
  if (!is_name) return expected("a port number or service name");
  advance();
  const auto service = std::ranges::find(services, port.text, &Service::name);
  std::optional<std::uint16_t> number;
  if (service != services.end()) {
    number = service->port;
  } else if (find_service_) {
    number = find_service_(port.text);
  }
  if (!number) {
    error(port.position, fmt::format("unknown service {}: give the port's number", describe(port)));
    return true;
  }
  listener.port = *number;
  return true;
}

// False for a listener that stands there twice: the first one counts.
bool Parser::is_fine_listener(Listener& listener, const ListenOptions& options) {
  if (options.auth && !options.tls) {
    error(options.auth_position, "authentication needs tls, tls-require or smtps on the listener");
  }
  if (!options.pkis.empty() && !options.tls) {
    error(options.pki_position, "a pki needs tls, tls-require or smtps on the listener");
  }
  for (const Token& use : options.pkis) {
    const auto known = pkis_.find(ascii::lower(use.text));
    if (known == pkis_.end()) {
      error(use.position, fmt::format("no such pki: {}", describe(use)));
    } else {
      listener.pkis.push_back(known->second.get());
    }
  }
  const auto same = std::ranges::find_if(config_.listeners, [&listener](const Listener& other) {
    if (listener.is_socket || other.is_socket) return listener.is_socket && other.is_socket;
    return listener.port == other.port && listener.source == other.source &&
           (listener.family == other.family || other.family == Family::Any);
  });
  if (same == config_.listeners.end()) return true;
  const std::string place =
      fmt::format("{}:{}", sources_.path(same->position.file), same->position.line);
  if (listener.is_socket) {
    error(listener.position, fmt::format("this listener is already declared at {}", place));
  } else {
    warning(listener.position,
            fmt::format("this listener is already declared at {}: the line is ignored", place));
  }
  return false;
}

}  // namespace ringpost::conf
