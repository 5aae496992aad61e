// The parser behind parse(): recursive descent over the grammar of smtpd.conf(5), one method a
// production. A production returns false after a syntax error (reported); the caller goes on with
// the next directive. What is understood but means nothing yet is reported by unsupported() and
// parsing goes on.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/conf/lexer.h"
#include "proto/conf/parse.h"

namespace ringpost::conf {

struct ListenOptions;
struct ActionOptions;
struct MatchOptions;
struct RelayOption;
struct DkimOptions;

class Parser {
 public:
  Parser(ParseInput& input, FileReader& read_file);
  ParseResult run();

 private:
  using Production = bool (Parser::*)();
  struct Directive {
    std::string_view word;
    Production parse;
  };
  enum class TableUse : std::uint8_t {
    StringList,
    DomainList,
    AddressList,
    MailAddressList,
    AliasMap,
    UserMap,
    OtherMap,
    Addresses,  // of a list or the keys of a map
    Other,      // a list or a map
    Patterns,   // a list of regular expressions
  };
  struct Origin {
    Position position;                  // of its definition
    std::optional<std::uint32_t> file;  // when the rows come from a file
  };

  // Tokens (parser.cpp).
  void advance() { token_ = lexer_.next(); }
  bool at(std::string_view keyword) const { return token_.is_keyword(keyword); }
  bool take_keyword(std::string_view keyword);
  bool take_symbol(char c);
  bool take_word(std::string_view word);  // one of our own, never reserved
  bool expected(std::string_view what);   // reports; always false
  bool expect_symbol(char c);
  bool expect_keyword(std::string_view keyword);
  std::optional<Token> expect_string(std::string_view what);
  std::optional<std::int64_t> expect_number(std::string_view what);
  std::optional<Duration> expect_delay(std::string_view what, Duration least, Duration most);
  std::optional<std::uint64_t> expect_size(std::string_view what, std::uint64_t least,
                                           std::uint64_t most);
  std::optional<std::string> expect_path(std::string_view what);
  void error(Position position, std::string text);
  void warning(Position position, std::string text);
  void unsupported(Position position, std::string_view what);
  bool once(bool& seen, const Token& token);  // reports a second time
  void recover();
  void skip_newlines();

  // Directives.
  void parse_line();
  bool parse_directive();
  bool parse_word_directive();
  bool parse_macro(const Token& name);
  bool parse_include();
  bool parse_table();
  bool parse_listen();
  bool parse_action();
  bool parse_match();
  bool parse_smtp();
  bool parse_queue();
  bool parse_bounce();
  bool parse_admd();
  bool parse_srs();
  bool parse_dmarc();
  bool parse_mta();
  bool parse_mda();
  bool parse_scheduler();
  bool parse_pki();
  bool parse_ca();
  bool parse_proc();
  bool parse_filter();
  bool parse_engine();
  bool parse_spool();
  bool parse_log();
  bool parse_resolver();
  bool parse_dkim();
  bool parse_arc();

  // Tables (parse_table.cpp).
  struct Rows {
    TableKind kind = TableKind::List;
    std::vector<Token> keys, values;
    std::vector<TableRow> views() const;
  };
  bool at_table() const;
  bool parse_rows(Rows& rows);
  bool parse_list(std::string_view what, std::vector<Token>& items);
  bool parse_table_use(TableUse use, std::string_view option, const Table*& table);
  Table* add_table(Table table, Origin origin);
  void load_table(const Token& name, const Token& source);
  void load_table_file(const Token& name, const Token& source, const std::string& path);
  void load_database(const Token& name, const Token& source, const std::string& path);
  void add_database(const Token& name, Table table);
  void add_external_table(const Token& name, TableBackend backend, std::string path_or_command);
  void add_program_table(const Token& name, const Token& source, std::string_view backend,
                         std::string_view path);
  void check_pattern_rows(const Table& table, Position position);
  const Table* check_use(Table* table, TableUse use, std::string_view option, Position position);
  void report_rows(const Table& table, std::span<const TableError> errors, Severity severity);

  // Options (parse_listen.cpp, parse_action.cpp, parse_match.cpp, parse_settings.cpp).
  bool parse_listen_option(Listener& listener, ListenOptions& options);
  bool parse_listen_proxies(Listener& listener);
  bool parse_listen_dmarc(SenderAuth& auth);
  void check_dmarc_overrides(Position position, const Table& table);
  bool parse_secure_listen_option(Listener& listener, ListenOptions& options);
  void check_host_names(const Table& table, Position position);
  bool parse_listen_table(Listener& listener, ListenOptions& options, const Token& option);
  bool parse_listen_port(Listener& listener);
  bool is_fine_listener(Listener& listener, const ListenOptions& options);
  bool parse_action_method(Action& action);
  bool parse_maildir(Action& action);
  bool parse_lmtp(Action& action);
  void set_path(Action& action, const Token& path);
  std::optional<FormatString> parse_command(std::string_view what);
  FormatString format_of(const Token& text);
  bool parse_local_option(Action& action, ActionOptions& options);
  bool parse_relay_option(Action& action, ActionOptions& options);
  void check_relay_value(Position position, const RelaySettings& relay, const RelayOption& option);
  void check_relay_hosts(Position position, const Table& hosts,
                         std::string_view TableRow::* column);
  void check_relay_sources(Position position, const Table& sources);
  bool parse_relay_value(RelaySettings& relay, const RelayOption& option);
  bool parse_match_option(Rule& rule, MatchOptions& options);
  bool parse_match_from(Rule& rule, MatchOptions& options, bool negated);
  bool parse_match_for(Rule& rule, MatchOptions& options, bool negated);
  bool parse_match_test(TableTest& test, TableUse use, std::string_view option, bool negated);
  bool parse_optional_match_table(TableTest& test, TableUse use, std::string_view option,
                                  bool negated);
  bool parse_smtp_limits();
  bool parse_count(std::string_view what, std::uint32_t& value, std::uint32_t most);
  bool parse_upstream_count(std::string_view what, std::uint32_t& value);
  bool parse_failures(DmarcReports& reports);
  bool parse_report_text(std::string& target);
  bool parse_wrapper();
  bool parse_known_limits(std::span<const std::string_view> words, std::string_view what,
                          std::string_view domain, std::vector<NamedLimit>& limits);

  // Keys, certificates and filters (parse_filter.cpp).
  bool parse_process(FilterProcess& process);
  bool parse_filter_phase(Filter& filter);
  bool parse_filter_condition(Filter& filter, std::string_view phase);
  bool parse_result_condition(Filter& filter, std::string_view method);
  void check_result_filters();
  bool parse_filter_decision(Filter& filter);
  bool parse_filter_chain(Filter& filter);
  bool parse_filter_reference(const Filter*& filter);
  const FilterProcess* add_process(FilterProcess process);

  // `filter NAME builtin` (parse_native.cpp).
  struct Flag {
    std::string_view name;
    std::string value;
    Position position;
  };
  bool parse_native(Filter& filter);
  bool parse_sender_score(Filter& filter);
  const Table* load_address_list(const std::string& path, Position position);
  bool at_new_option(std::set<std::string>& seen);
  // Whether it was one; nothing after a syntax error.
  std::optional<bool> parse_lookup_option(const Table*& allowed, Duration& timeout,
                                          std::set<std::string>& seen);
  void parse_score_flags(SenderScoreSettings& settings, const Token& flags);
  void take_score_flag(SenderScoreSettings& settings, const Flag& flag);
  bool parse_dns_lists(Filter& filter);
  bool parse_list_option(DnsListSettings& settings);
  bool parse_list_zone(DnsListSettings& settings);
  bool parse_list_codes(ListZone& zone);
  bool parse_list_step(DnsListSettings& settings);
  bool parse_greet_delay(Filter& filter);
  bool parse_rate(Filter& filter);
  bool parse_rate_limit(RateCounted counted, RateSettings& settings);
  bool parse_rate_bits(unsigned& bits, unsigned most);
  bool at_native_decision() const {
    return at("reject") || at("disconnect") || at("junk") || at("report");
  }
  bool parse_allowed(const Table*& allowed);
  bool parse_native_decision(FilterDecision& decision, std::string& text);
  std::optional<dns::Name> expect_zone();

  // `dkim` and `arc` (parse_signing.cpp).
  bool parse_signing_domains(DkimKey& key);
  bool parse_signing_key(std::string& selector, std::string& path, Position& position);
  bool parse_dkim_option(DkimKey& key, DkimOptions& options);
  bool parse_canonical(DkimKey& key);
  std::optional<Token> expect_name(std::string_view what);
  bool check_signing_table(Position position, const Table*& table);
  void check_key_path(const DkimKey& key, Position position);
  void check_signing_rows(const DkimKey& key);
  void check_signing_places(const DkimKey& key);
  void check_seal_place();
  void check_signing();
  std::string place_in_text(Position position) const;

  void finish();
  void check_pkis();

  FileReader& read_file_;
  PatternCheck check_patterns_;
  TableProgram find_table_program_;
  ServiceLookup find_service_;
  TableKeeper keep_table_;
  Sources sources_;
  Lexer lexer_;
  Token token_;
  Config config_;
  unsigned brace_depth_ = 0;
  std::vector<std::unique_ptr<Table>> tables_;
  std::map<const Table*, Origin> origins_;
  std::set<std::pair<const Table*, TableUse>> checked_;
  std::set<const Table*> untyped_;       // of databases and programs: neither list nor map
  std::set<const Table*> system_users_;  // of the backend getpwnam
  std::map<std::string, Table*, std::less<>> named_tables_;    // null: its definition is wrong
  std::map<std::string, const Action*, std::less<>> actions_;  // null likewise
  std::map<std::string, std::unique_ptr<Pki>, std::less<>> pkis_;
  std::map<std::string, std::unique_ptr<CertificateAuthority>, std::less<>> cas_;
  std::map<std::string, const MdaWrapper*, std::less<>> wrappers_;
  std::map<std::string, const FilterProcess*, std::less<>> processes_;
  std::map<std::string, Position, std::less<>> signing_places_;  // "selector._domainkey.domain"
  std::map<std::string, const Filter*, std::less<>> filters_;    // null: its definition is wrong
};

// What OpenSMTPD's delays hold: 31 bits of seconds.
inline constexpr Duration delay_most = seconds(0x7fffffff);

// "4d", "90s", "250ms": digits and one of ms, s, m, h, d.
std::optional<Duration> parse_delay(std::string_view text);
// "35M", "1.5G", "1048576": a number and perhaps one of B, K, M, G, T, P, E, in powers of 1024; the
// largest number when it does not fit.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace ringpost::conf
