// `dkim` and `arc`: which keys sign. Domains and selectors are names of the DNS (RFC 6376 3.1 and
// 3.5) in A-labels. All mistakes of a line and of its table are reported.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proto/base/ascii.h"
#include "proto/conf/parser.h"
#include "proto/smtp/path.h"

namespace ringpost::conf {

struct DkimOptions {
  bool auth = false, tag = false, any_author = false, canonical = false, expires = false;
};

namespace {

constexpr std::size_t name_octets_max = 253;
constexpr std::string_view key_folder = "._domainkey.";  // RFC 6376 3.6.2.1
constexpr Duration expires_least = seconds(3600);

std::optional<std::string> problem_of_domain(std::string_view text) {
  if (ascii::has_high(text))
    return fmt::format("\"{}\" must be written as in the DNS, in A-labels (xn--...)", text);
  const auto domain = smtp::parse_domain(text);
  if (domain && domain->contains('.')) return std::nullopt;
  return fmt::format("\"{}\" is no domain: expected labels with dots between them", text);
}

std::string place_of(std::string_view selector, std::string_view domain) {
  return fmt::format("{}{}{}", selector, key_folder, domain);
}

std::optional<std::string> problem_of_place(std::string_view selector, std::string_view domain) {
  const std::string place = place_of(selector, domain);
  if (place.size() <= name_octets_max) return std::nullopt;
  return fmt::format("\"{}\" is longer than the {} octets of a name in the DNS", place,
                     name_octets_max);
}

// Nothing for a word that is no canonicalization.
std::optional<bool> is_simple(std::string_view word) {
  if (word == "simple") return true;
  if (word == "relaxed") return false;
  return std::nullopt;
}

}  // namespace

// domain (NAME | <table>) selector NAME key PATH [OPTION ...]
bool Parser::parse_dkim() {
  if (!expect_keyword("domain")) return false;
  DkimKey key{.position = token_.position};
  if (!parse_signing_domains(key)) return false;
  Position path_position;
  if (!parse_signing_key(key.selector, key.key_path, path_position)) return false;
  DkimOptions options;
  while (at("auth") || at("tag") || token_.kind == TokenKind::Word) {
    if (!parse_dkim_option(key, options)) return false;
  }
  if (token_.kind != TokenKind::Newline && token_.kind != TokenKind::End)
    return expected("an option of \"dkim\"");
  check_key_path(key, path_position);
  check_signing_rows(key);
  check_signing_places(key);
  config_.dkim_keys.push_back(std::make_unique<const DkimKey>(std::move(key)));
  return true;
}

// domain NAME selector NAME key PATH
bool Parser::parse_arc() {
  if (!expect_keyword("domain")) return false;
  ArcKey key{.position = token_.position};
  auto domain = expect_name("a domain");
  if (!domain) return false;
  if (const auto problem = problem_of_domain(domain->text)) error(domain->position, *problem);
  key.domain = ascii::lower(domain->text);
  Position path_position;
  if (!parse_signing_key(key.selector, key.key_path, path_position)) return false;
  if (key.key_path.contains("%{"))
    error(path_position, "the path of the key that seals has nothing to be filled in");
  if (const auto problem = problem_of_place(key.selector, key.domain))
    error(key.position, *problem);
  if (config_.arc_key) {
    error(key.position, fmt::format("the key that seals is already given at {}",
                                    place_in_text(config_.arc_key->position)));
    return true;
  }
  config_.arc_key = std::move(key);
  return true;
}

// A domain or a selector, which may be nothing but digits.
std::optional<Token> Parser::expect_name(std::string_view what) {
  if (token_.kind != TokenKind::Number) return expect_string(what);
  Token taken = std::move(token_);
  advance();
  return taken;
}

bool Parser::parse_signing_domains(DkimKey& key) {
  if (!token_.is_symbol('<') && !token_.is_symbol('{')) {
    const auto domain = expect_name("a domain, <table> or { list }");
    if (!domain) return false;
    if (const auto problem = problem_of_domain(domain->text)) error(domain->position, *problem);
    key.domain = ascii::lower(domain->text);
    return true;
  }
  return parse_table_use(TableUse::DomainList, "dkim domain", key.domains) &&
         check_signing_table(key.position, key.domains);
}

// selector NAME key PATH
bool Parser::parse_signing_key(std::string& selector, std::string& path, Position& position) {
  if (!take_word("selector")) return expected("\"selector\"");
  const auto name = expect_name("a selector");
  if (!name) return false;
  if (ascii::has_high(name->text) || !smtp::parse_domain(name->text))
    error(name->position, fmt::format("\"{}\" is no selector: expected labels of letters, digits "
                                      "and '-', perhaps with dots between them",
                                      name->text));
  selector = ascii::lower(name->text);
  if (!expect_keyword("key")) return false;
  position = token_.position;
  auto given = expect_path("the path of a key");
  if (given) path = std::move(*given);
  return given.has_value();
}

bool Parser::parse_dkim_option(DkimKey& key, DkimOptions& options) {
  const Token option = token_;
  const auto is = [&option](std::string_view word) { return option.text == word; };
  if (!is("auth") && !is("tag") && !is("any-author") && !is("canonical") && !is("expires"))
    return expected("auth, tag, any-author, canonical or expires");
  advance();
  if (is("auth")) {
    once(options.auth, option);
    key.only_authenticated = true;
    const Position position = token_.position;
    if (!token_.is_symbol('<') && !token_.is_symbol('{')) return true;
    return parse_table_use(TableUse::StringList, "dkim auth", key.users) &&
           check_signing_table(position, key.users);
  }
  if (is("tag")) {
    once(options.tag, option);
    auto tag = expect_string("a tag");
    if (tag) key.tag = std::move(tag->text);
    return tag.has_value();
  }
  if (is("any-author")) {
    once(options.any_author, option);
    key.any_author = true;
    if (key.domains != nullptr)
      error(option.position, "\"any-author\" needs one domain, as each of a table would sign all");
    return true;
  }
  if (is("canonical")) {
    once(options.canonical, option);
    return parse_canonical(key);
  }
  once(options.expires, option);
  const auto expires = expect_delay("expires", expires_least, delay_most);
  if (expires) key.expires = *expires;
  return expires.has_value();
}

// As in c= (RFC 6376 3.5): without a second word the body is simple.
bool Parser::parse_canonical(DkimKey& key) {
  const std::string_view text = token_.is_string() ? token_.text : std::string_view();
  const std::size_t slash = text.find('/');
  const auto header = is_simple(text.substr(0, slash));
  const auto body =
      slash == std::string_view::npos ? std::optional(true) : is_simple(text.substr(slash + 1));
  if (!header || !body) return expected("simple or relaxed, perhaps with /simple or /relaxed");
  key.simple_header = *header;
  key.simple_body = *body;
  advance();
  return true;
}

// Mail is signed while a session waits, so the answer must be there at once. Always true.
bool Parser::check_signing_table(Position position, const Table*& table) {
  if (table == nullptr || table->backend() == TableBackend::Memory) return true;
  error(position, "this table must be in the configuration or in a file");
  table = nullptr;
  return true;
}

void Parser::check_key_path(const DkimKey& key, Position position) {
  std::size_t named = 0;
  for (std::size_t at = key.key_path.find("%{"); at != std::string::npos;
       at = key.key_path.find("%{", at + 1)) {
    const bool is_domain = std::string_view(key.key_path).substr(at).starts_with(domain_specifier);
    if (!is_domain) return error(position, "the path of a key holds nothing else than %{domain}");
    ++named;
  }
  if (named > 0 && key.domains == nullptr && !key.domain.empty())
    error(position, "%{domain} in the path of a key needs a table of domains");
  if (named == 0 && key.domains != nullptr && !key.key_path.empty())
    error(position, "the path needs %{domain}, as each domain of the table has a key of its own");
}

void Parser::check_signing_rows(const DkimKey& key) {
  if (key.domains == nullptr) {
    if (const auto problem = problem_of_place(key.selector, key.domain))
      error(key.position, *problem);
    return;
  }
  std::vector<TableError> errors;
  for (std::size_t i = 0; i < key.domains->size(); ++i) {
    const std::string_view domain = key.domains->row(i).key;
    auto problem = problem_of_domain(domain);
    if (!problem) problem = problem_of_place(key.selector, domain);
    if (problem) errors.push_back(key.domains->error_at(i, std::move(*problem)));
  }
  report_rows(*key.domains, errors, Severity::Error);
}

// One name in the DNS is one key. The first domain that has two is told of.
void Parser::check_signing_places(const DkimKey& key) {
  const Position* former = nullptr;
  std::string twice;
  for (const std::string& domain : domains_of(key)) {
    const auto [known, is_new] =
        signing_places_.try_emplace(place_of(key.selector, domain), key.position);
    if (is_new || former != nullptr) continue;
    former = &known->second;
    twice = domain;
  }
  if (former == nullptr) return;
  error(key.position, fmt::format("{} has a key with the selector \"{}\" already, at {}", twice,
                                  key.selector, place_in_text(*former)));
}

std::string Parser::place_in_text(Position position) const {
  return fmt::format("{}:{}", sources_.path(position.file), position.line);
}

// The same place in the DNS for `arc`, which may share a key.
void Parser::check_seal_place() {
  const ArcKey& arc = *config_.arc_key;
  const auto known = signing_places_.find(place_of(arc.selector, arc.domain));
  if (known == signing_places_.end()) return;
  const auto is_other = [&](const auto& line) {
    return line->position == known->second && key_path_of(*line, arc.domain) != arc.key_path;
  };
  if (std::ranges::any_of(config_.dkim_keys, is_other))
    error(arc.position, fmt::format("{} has another key with the selector \"{}\", at {}",
                                    arc.domain, arc.selector, place_in_text(known->second)));
}

// What cannot be verified, or would sign nothing.
void Parser::check_signing() {
  if (config_.arc_key) check_seal_place();
  for (const auto& key : config_.dkim_keys) {
    const auto is_meant = [&key](const Listener& one) {
      return key->tag.empty() || ascii::equal_ignoring_case(one.tag, key->tag);
    };
    const auto authenticates = [&is_meant](const Listener& one) {
      return is_meant(one) && one.auth != AuthMode::Off;
    };
    if (!key->tag.empty() && std::ranges::none_of(config_.listeners, is_meant))
      warning(key->position,
              fmt::format("no listener has the tag \"{}\": nothing is signed", key->tag));
    else if (key->only_authenticated && std::ranges::none_of(config_.listeners, authenticates))
      warning(key->position, key->tag.empty()
                                 ? "no listener has \"auth\": nothing is signed"
                                 : fmt::format("no listener with the tag \"{}\" has \"auth\": "
                                               "nothing is signed",
                                               key->tag));
  }
  const bool is_checked = std::ranges::any_of(
      config_.listeners, [](const Listener& one) { return one.sender_auth.is_checked; });
  if (config_.arc_key && !is_checked)
    warning(config_.arc_key->position,
            "nothing is sealed, as no listener has \"dmarc\" and so nothing is checked");
}

}  // namespace ringpost::conf
