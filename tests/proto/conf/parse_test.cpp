// smtpd.conf: every production, valid and invalid; positions; recovery; includes and macros.
#include "tests/proto/conf/conf_support.h"

namespace ringpost::conf {
namespace {

constexpr const char* quickstart = R"(
# comment \
  that goes on
mail = "/var/mail"
table aliases { root = "admin", postmaster => root@example.org }
table domains { "example.org" "*.example.net"
                example.com }
listen on lo port 2525 hostname mx.example.org tag inside inet4
listen on "::1" port submission
listen on all
action "local" maildir "/srv/%{user.username}/Maildir" alias <aliases> ttl 2d
action home maildir user vmail userbase { alice = "1000:100:/home/alice" }
match from any for domain <domains> action "local"
match !from src { 192.0.2.0/24, "2001:db8::/32" } for local helo "*.example.org" tag inside reject
match mail-from "@spam.example" reject
smtp max-message-size 10M
smtp limit max-rcpt 50 max-mails 7
queue ttl 5d
)";

TEST(Parse, ReadsAWholeConfiguration) {
  const Config config = config_of(quickstart);
  ASSERT_EQ(config.listeners.size(), 4U);
  EXPECT_EQ(config.listeners[0].source, "lo");
  EXPECT_EQ(config.listeners[0].port, 2525);
  EXPECT_EQ(config.listeners[0].hostname, "mx.example.org");
  EXPECT_EQ(config.listeners[0].tag, "inside");
  EXPECT_EQ(config.listeners[0].family, Family::Inet4);
  EXPECT_EQ(config.listeners[1].source, "::1");
  EXPECT_EQ(config.listeners[1].port, 587);
  EXPECT_EQ(config.listeners[2].source, "all");
  EXPECT_EQ(config.listeners[2].port, smtp_port);
  EXPECT_TRUE(config.listeners[3].is_socket);
  ASSERT_EQ(config.actions.size(), 2U);
  EXPECT_EQ(config.actions[0]->path.text(), "/srv/%{user.username}/Maildir");
  EXPECT_EQ(config.actions[0]->aliases, config.find_table("aliases"));
  EXPECT_EQ(config.actions[0]->ttl, seconds(2 * 86'400));
  EXPECT_EQ(config.actions[1]->path.text(), "~/Maildir");
  EXPECT_EQ(config.actions[1]->user, "vmail");
  EXPECT_NE(config.actions[1]->userbase, nullptr);
  ASSERT_EQ(config.rules.size(), 3U);
  EXPECT_EQ(config.rules[0].from, FromKind::Any);
  EXPECT_EQ(config.rules[0].for_, ForKind::Domain);
  EXPECT_EQ(config.rules[0].action, config.find_action("local"));
  EXPECT_TRUE(config.rules[1].from_test.negated);
  EXPECT_EQ(config.rules[1].from, FromKind::Source);
  EXPECT_EQ(config.rules[1].action, nullptr);
  EXPECT_EQ(config.rules[2].number, 3U);
  EXPECT_EQ(config.rules[2].from, FromKind::Local);
  EXPECT_EQ(config.smtp.message_octets_max, 10U << 20);
  EXPECT_EQ(config.smtp.recipients_per_message_max, 50U);
  EXPECT_EQ(config.smtp.messages_per_session_max, 7U);
  EXPECT_EQ(config.queue.ttl, seconds(5 * 86'400));
  const Table* domains = config.find_table("domains");
  ASSERT_NE(domains, nullptr);
  EXPECT_EQ(domains->size(), 3U);
}

TEST(Parse, DefaultsAreTheNamedConstants) {
  const Config config = config_of("");
  EXPECT_EQ(config.smtp.message_octets_max, message_octets_max_default);
  EXPECT_EQ(config.queue.retry_interval, queue_retry_interval_default);
  EXPECT_EQ(config.server_name, "mx.example.org");
  EXPECT_EQ(config.engine.cores, 0U);
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_TRUE(config.listeners[0].is_socket);
  const auto result = parse_text("");
  EXPECT_EQ(errors_of(result), "0:0: there are no rules: nothing would be accepted\n");
  EXPECT_FALSE(result.config);
}

TEST(Parse, Resolver) {
  const auto resolver_of = [](const std::string& text) {
    return config_of("action a maildir\nmatch from any for any action a\n" + text).resolver;
  };
  EXPECT_TRUE(resolver_of("").servers.empty());
  const dns::ResolverSettings settings = resolver_of(
      "resolver 127.0.0.1:5353 192.0.2.1 2001:db8::1 \"[2001:db8::2]:53\" timeout 500ms "
      "attempts 3\n");
  ASSERT_EQ(settings.servers.size(), 4U);
  EXPECT_EQ(settings.servers[0], dns::parse_server("127.0.0.1:5353"));
  EXPECT_EQ(settings.servers[2], dns::parse_server("2001:db8::1"));
  EXPECT_TRUE(settings.servers[0].trusted);
  EXPECT_FALSE(settings.servers[1].trusted);
  EXPECT_EQ(settings.timeout, milliseconds(500));
  EXPECT_EQ(settings.attempts, 3U);
  EXPECT_TRUE(resolver_of("resolver 192.0.2.1 trust-ad").servers[0].trusted);
  EXPECT_EQ(resolver_of("resolver 192.0.2.1\nresolver 192.0.2.2").servers.size(), 1U);
  EXPECT_EQ(resolver_of("resolver = 192.0.2.1\nresolver $resolver").servers.size(), 1U);
}

TEST(Parse, OwnDirectives) {
  const Config config = config_of(
      "smtp limit max-connections 10 max-connections-per-address 2 max-errors 3\n"
      "smtp limit idle-timeout 5s session-timeout 10m\n"
      "smtp bare-newline keep\nengine cores 2\nspool path \"/srv/spool\"\n"
      "spool segment-size 16M\nspool segments-ready 3\nspool min-free 1.5G\n"
      "queue retry-interval 50ms\nengine user mail\nengine keys-user keys\nmda limit max-session "
      "7\nmda limit "
      "max-session-per-user 3 "
      "command-seconds 20\nlog "
      "\"/var/log/ringpost\"\n"
      "smtp sub-addr-delim \"-\"\n");
  EXPECT_EQ(config.smtp.connections_max, 10U);
  EXPECT_EQ(config.smtp.connections_per_address_max, 2U);
  EXPECT_EQ(config.smtp.errors_per_session_max, 3U);
  EXPECT_EQ(config.smtp.idle_timeout, seconds(5));
  EXPECT_EQ(config.smtp.session_timeout, seconds(600));
  EXPECT_EQ(config.smtp.bare_newline, BareNewline::Keep);
  EXPECT_EQ(config.engine.cores, 2U);
  EXPECT_EQ(config.engine.user, "mail");
  EXPECT_EQ(config.spool.path, "/srv/spool");
  EXPECT_EQ(config.spool.segment_octets, 16U << 20);
  EXPECT_EQ(config.spool.segments_ready, 3U);
  EXPECT_EQ(config.spool.free_octets_min, 3ULL << 29);
  EXPECT_EQ(config.queue.retry_interval, milliseconds(50));
  EXPECT_EQ(config.engine.deliveries_max, 7U);
  EXPECT_EQ(config.engine.deliveries_per_user_max, 3U);
  EXPECT_EQ(config.engine.command_seconds_max, 20U);
  EXPECT_EQ(config.engine.log_path, "/var/log/ringpost");
  EXPECT_EQ(config.smtp.sub_address_delimiter, '-');
}

TEST(Parse, WhenFilterProcessesDoNotAnswer) {
  const Config config = config_of(
      "proc a \"x\" fail-open user u answer-timeout 5s\nfilter b proc-exec \"y\" fail-closed\n"
      "filter c proc-exec \"z\"\n");
  ASSERT_EQ(config.processes.size(), 3U);
  EXPECT_TRUE(config.processes[0]->fail_open);
  EXPECT_EQ(config.processes[0]->user, "u");
  EXPECT_EQ(config.processes[0]->answer_max, seconds(5));
  EXPECT_FALSE(config.processes[1]->fail_open);
  EXPECT_FALSE(config.processes[2]->fail_open);
  EXPECT_EQ(config.processes[2]->answer_max, seconds(60));
}

TEST(Parse, AllErrorsAreReportedWithTheirPlaces) {
  EXPECT_EQ(
      errors_in("listen on\n"
                "\tlisten in lo\n"
                "action a maildir alias <nosuch>\n"
                "match for domain { a b action a\n"
                "match from any action b\n"
                "action a maildir\n"),
      "1:10: expected an interface, an address, a host name, \"all\" or socket, found the end of "
      "the line\n"
      "2:9: expected \"on\", found \"in\"\n"
      "3:25: no such table: \"nosuch\"\n"
      "4:24: expected ',' or '}', found \"action\"\n"
      "5:23: no such action: \"b\" (an action stands before the rules that name it)\n"
      "6:8: action \"a\" is already declared\n");
}

TEST(Parse, CaretStandsBelowTheColumn) {
  const auto result = parse_text("\n\tlisten on lo port 0 # x\n");
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(to_text_with_caret(result.diagnostics[0]),
            "test.conf:2:20: invalid port 0: expected 1 to 65535\n"
            "  \tlisten on lo port 0 # x\n"
            "  \t                  ^");
}

struct Case {
  const char* text;
  const char* error;
};

const Case outside_the_grammar[] = {
    {"expire 4d", "1:1: unknown directive \"expire\""},
    {"Listen on lo", "1:1: unknown directive \"Listen\""},
    {"tagged x", "1:1: expected a directive, found \"tagged\""},
    {"= x", "1:1: expected a directive, found '='"},
    {"listen on lo port 70000", "1:19: invalid port 70000: expected 1 to 65535"},
    {"listen on lo port nosuch", "1:19: unknown service \"nosuch\": give the port's number"},
    {"listen on lo port {", "1:19: expected a port number or service name, found '{'"},
    {"listen on lo tag a tag b", "1:20: \"tag\" is given twice"},
    {"listen on lo inet4 inet6", "1:20: \"inet6\" is given twice"},
    {"listen on lo proxy-v2 from",
     "1:27: expected <table>, { list } or a value for \"proxy-v2 "
     "from\", found the end of the line"},
    {"listen on lo dmarc", "1:19: expected none, junk or reject, found the end of the line"},
    {"listen on lo dmarc maybe", "1:20: expected none, junk or reject, found \"maybe\""},
    {"listen on lo dmarc junk dmarc none", "1:25: \"dmarc\" is given twice"},
    {"table t { \"a\" = \"b\" }\nlisten on lo dmarc junk override <t>",
     "2:25: table \"t\" says \"b\" of a, which is not none, junk or reject"},
    {"table t { \"a\" }\nlisten on lo dmarc junk trust <t> trust <t>",
     "2:35: the option is given twice"},
    {"listen on lo dmarc junk received-spf received-spf", "1:38: the option is given twice"},
    {"listen on lo for", "1:14: expected an option of \"listen on\", found \"for\""},
    {"listen on lo x", "1:14: expected an option of \"listen on\", found \"x\""},
    {"listen on \"/tmp/s\"", "1:11: \"/tmp/s\" is not an interface or address"},
    {"listen on socket\nlisten on socket", "2:8: this listener is already declared at test.conf:1"},
    {"listen on socket port 25",
     "1:18: expected filter, mask-src, no-dsn or tag (\"listen on socket\" has no other "
     "options), "
     "found \"port\""},
    {"action a",
     "1:9: expected a method: maildir, mbox, mda, lmtp, forward-only, expand-only or "
     "relay, found the end of the line"},
    {"action a maildir user a user b", "1:25: \"user\" is given twice"},
    {"action a maildir alias { a = b } virtual { a = b }",
     "1:34: alias or virtual is already given for this action"},
    {"action a maildir alias { a, b }",
     "1:24: table \"<dynamic:0>\" is a list and cannot serve \"alias\", which needs a map"},
    {"action a maildir ttl 0s", "1:22: invalid ttl \"0s\": expected digits and one of s, m, h, d"},
    {"action a maildir ttl 24856d",
     "1:22: ttl \"24856d\" is out of range: 1000 ms to 2147483647 s"},
    {"action a maildir ttl 5000ms",
     "1:22: invalid ttl \"5000ms\": expected digits and one of s, m, h, d"},
    {"action a maildir tag x", "1:18: expected an option of the action, found \"tag\""},
    {"match",
     "1:6: expected an option of match, \"action\" or \"reject\", found the end of the line"},
    {"match ! reject", "1:9: expected an option of match behind '!', found \"reject\""},
    {"match from nowhere reject",
     "1:12: expected any, local, socket, src, rdns, auth or mail-from behind from, found "
     "\"nowhere\""},
    {"match for src x reject",
     "1:11: expected any, local, domain or rcpt-to behind for, found \"src\""},
    {"match for any for local reject", "1:15: \"for\" is given twice"},
    {"match from any from local reject", "1:16: \"from\" is given twice"},
    {"match for domain { a = b } reject",
     "1:18: table \"<dynamic:0>\" is a map and cannot serve \"for domain\", which needs a list"},
    {"match reject reject", "1:14: expected the end of the line, found \"reject\""},
    {"table t", "1:8: expected '{' or a file:/path, found the end of the line"},
    {"table t { }", "1:11: expected a value of the table, found '}'"},
    {"table t { a = b, c }", "1:20: expected '=' (a map needs values), found '}'"},
    {"table t { a, b = c }", "1:16: expected ',' or '}' (a list holds no keys), found '='"},
    {"table t { a,, b }", "1:13: expected a value of the table, found ','"},
    {"table t { any }",
     "1:11: expected a value of the table, found the reserved word \"any\" (quote it to use it "
     "as "
     "text)"},
    {"table t { 10 }", "1:11: expected a value of the table, found the number 10"},
    {"table t file:list", "1:9: the path of table \"t\" is not absolute"},
    {"table t file:/nosuch",
     "1:9: cannot read table \"t\": open /nosuch: No such file or directory"},
    {"table t { a }\ntable t { b }", "2:7: table \"t\" is already defined"},
    {"smtp max-message-size x",
     "1:23: invalid size \"x\": expected a number and perhaps one of K, M, G, T"},
    {"smtp limit max-rcpt x", "1:21: expected a number for \"max-rcpt\", found \"x\""},
    {"smtp limit max-nothing 1",
     "1:12: expected max-mails, max-rcpt, max-connections, max-connections-per-address, "
     "max-errors, max-auth-failures-per-address, max-auth-failures-per-account, "
     "idle-timeout, session-timeout or auth-failure-window, found \"max-nothing\""},
    {"smtp limit idle-timeout 5",
     "1:25: expected idle-timeout such as 30s, 5m, 4h or 2d, found "
     "the number 5"},
    {"smtp sub-addr-delim \"@\"", "1:21: the delimiter is one printable character, not '@'"},
    {"proc a \"x\" answer-timeout 1ms",
     "1:27: answer-timeout \"1ms\" is out of range: 100 ms to 3600 s"},
    {"proc a \"x\" fail-open fail-closed", "1:22: \"fail-closed\" is given twice"},
    {"smtp bare-newline maybe", "1:19: expected refuse or keep, found \"maybe\""},
    {"smtp limit max-errors 0", "1:23: \"max-errors\" 0 is out of range: 1 to 10000000"},
    {"\"a b\" = c", "1:1: a macro's name cannot hold blanks"},
    {"queue encryption short", "1:18: the key is not 32 octets long"},
    {"mda limit nosuch 1", "1:11: unknown limit of mda \"nosuch\""},
    {"listen on lo ca x", "1:17: no such ca: \"x\""},
    {"listen on lo tls pki x\npki x cert c key k", "1:22: no such pki: \"x\""},
    {"pki x cert c", "1:5: pki \"x\" has no key file"},
    {"table t db:/nosuch", "1:9: cannot read table \"t\": open /nosuch: No such file or directory"},
    {"queue nosuch",
     "1:7: expected ttl, retry-interval, compression or encryption, found \"nosuch\""},
    {"engine cores 0", "1:14: \"cores\" 0 is out of range: 1 to 256"},
    {"engine speed 1", "1:8: expected cores, user or keys-user, found \"speed\""},
    {"spool path \"x\"", "1:12: the path \"x\" is not absolute"},
    {"spool segment-size 1500K", "1:7: the size is not a multiple of 1M"},
    {"spool x",
     "1:7: expected path, segment-size, segments-ready, min-free or decisions, found \"x\""},
    {"resolver", "1:9: expected the address of a DNS server, found the end of the line"},
    {"resolver localhost", "1:10: \"localhost\" is no IP address"},
    {"resolver 127.0.0.1 attempts 6", "1:29: \"attempts\" 6 is out of range: 1 to 5"},
    {"log x", "1:5: the path \"x\" is not absolute"},
    {"include \"/nosuch\"",
     "1:18: cannot include the file: open /nosuch: No such file or directory"},
    {"x = 5",
     "1:5: expected a macro's value (numbers and reserved words need quotes), found the "
     "number 5"},
    {"listen on $nosuch x", "1:11: macro \"nosuch\" is not defined"},
    {"listen on \"lo", "1:11: the quoted string has no end"},
    {"listen on l\xc3\xb6", "1:12: unexpected octet 0xc3, quote the text that holds it"},
    {"smtp limit max-rcpt 99999999999999999999",
     "1:21: the number 99999999999999999999 is too large"},
};

TEST(Parse, RefusesWhatIsNotInTheGrammar) {
  for (const Case& c : outside_the_grammar) {
    EXPECT_EQ(errors_in(c.text), std::string(c.error) + "\n") << c.text;
    EXPECT_FALSE(parse_text(c.text).config) << c.text;
  }
}

const Case without_behaviour[] = {
    {"mda wrapper w \"%{mda}\"\naction a maildir wrapper w",
     "3:18: \"wrapper\" of a method that runs no command is not available yet"},
    {"match tag regex x reject", "2:11: \"regex\" is not available yet"},
    {"queue encryption", "2:7: \"queue encryption\" is not available yet"},
};

TEST(Parse, NamesOfAddressesThatAreNone) {
  auto result = parse_text(with_rule("listen on lo hostnames { \"127.0.0.1\" = a, eth0 = b }"));
  EXPECT_EQ(errors_of(result), "");
  EXPECT_EQ(diagnostics_of(result, Severity::Warning),
            "1:24: no address, so nobody is told that name: \"eth0\"\n");
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->listeners.front().hostnames->size(), 2u);
  EXPECT_EQ(errors_in("table t lmdb:/t.lmdb\nlisten on lo hostnames <t>"),
            "2:24: a table of host names must be a map in the configuration or in a file\n");
}

TEST(Parse, NotesByNameWhatHasNoBehaviourYet) {
  for (const Case& c : without_behaviour) {
    auto result = parse_text(with_rule(std::string("table t { a = b }\n") + c.text));
    EXPECT_EQ(diagnostics_of(result, Severity::Unsupported), c.error + std::string("\n"));
    EXPECT_EQ(errors_of(result), "");
    EXPECT_TRUE(result.config);
    EXPECT_TRUE(refuse_unsupported(result.diagnostics));
    EXPECT_TRUE(has_error(result.diagnostics));
  }
}

// What OpenSMTPD takes without a word and what is doubtful all the same.
const Case doubtful[] = {
    {"action a relay src { 192.0.2.1, y }", "1:20: \"y\" is no address: nothing goes out from it"},
    {"action a relay mail-from \"a@b@c\"",
     "1:26: \"a@b@c\" is neither an address nor a part of one: senders stay as they are"},
    {"action a relay domain { x = \"lmtp://y\" }",
     "1:23: \"lmtp://y\" is no host of a relay: mail for it will wait"},
    {"action a relay host \"smtp://x:99999\"",
     "1:21: \"smtp://x:99999\" is no host of a relay: mail for it will wait"},
    {"listen on lo\nlisten on lo inet4",
     "2:11: this listener is already declared at test.conf:1: the line is ignored"},
    {"action a maildir \"%{nosuch}\"",
     "1:19: unknown format specifier %{nosuch}: no delivery can be made with this"},
    {"action a maildir \"/x/%{dest.user\"", "1:22: missing '}': no delivery can be made with this"},
    {"action a maildir \"\"", "1:18: the path of the maildir is empty: ~/Maildir is used"},
    {"mda wrapper w \"\"", "1:15: the command is empty"},
    {"action a maildir userbase { b = \"1:1:/h\",\n  a = \"x:1:/h\" }",
     "2:3: expected uid:gid:home with an absolute home folder"},
    {"smtp max-message-size 1K",
     "1:23: the size is out of range (65536 to 4294967296 octets): 65536 is used"},
    {"smtp max-message-size 99E",
     "1:23: the size is out of range (65536 to 4294967296 octets): 4294967296 is used"},
    {"smtp limit max-rcpt 0", "1:21: \"max-rcpt\" 0 is out of range: 1 is used"},
    {"smtp limit max-mails -5", "1:22: \"max-mails\" -5 is out of range: 1 is used"},
    {"mda limit task-lowat 5", "1:11: \"task-lowat\" has no effect here"},
    {"scheduler limit max-inflight 5", "1:17: limits of the scheduler have no effect here"},
    {"queue compression", "1:7: the spool is not compressed: this has no effect"},
    {"bounce warn-interval 1h,2h,3h,4h,5h", "1:8: only the first 4 intervals count"},
    {"srs key \"\"", "1:9: the secret is empty"},
    {"mail-host = x", "1:1: only a name of letters, digits and '_' can be used with '$'"},
    {"include \"x\"",
     "1:9: the path is not absolute: it is taken from the folder the daemon starts in"},
    {"match from src { 10.0.0.0/8, x } reject",
     "1:30: neither an address nor a prefix: it never matches"},
};

TEST(Parse, WarnsOfWhatIsDoubtful) {
  for (const Case& c : doubtful) {
    const auto result = parse_text(with_rule(c.text), {{"x", ""}});
    EXPECT_EQ(diagnostics_of(result, Severity::Warning), c.error + std::string("\n")) << c.text;
    EXPECT_TRUE(result.config) << errors_of(result);
  }
}

TEST(Parse, RecoversBehindAnUnclosedList) {
  EXPECT_EQ(errors_in("table t { a, b = c,\n d,\n e }\nlisten off\n"),
            "1:16: expected ',' or '}' (a list holds no keys), found '='\n"
            "4:8: expected \"on\", found \"off\"\n");
  EXPECT_EQ(errors_in("table t { a, 5\nlisten off\n"),
            "1:14: expected a value of the table, found the number 5\n"
            "2:8: expected \"on\", found \"off\"\n");
}

TEST(Parse, MacrosExpandToTokens) {
  const Config several = config_of("m = \"lo port 26\"\nlisten on $m tag x\n");
  EXPECT_EQ(several.listeners[0].source, "lo");
  EXPECT_EQ(several.listeners[0].port, 26);
  EXPECT_EQ(several.listeners[0].tag, "x");
  const Config quoted = config_of("q = \"'\"\nlisten on lo tag $q a b'\n");
  EXPECT_EQ(quoted.listeners[0].tag, " a b");
  const Config glued = config_of("d = example\nlisten on mx.$d\nlisten on $d.org port 26\n");
  EXPECT_EQ(glued.listeners[0].source, "mx.$d");
  EXPECT_EQ(glued.listeners[1].source, "example.org");
}

TEST(Parse, CommandLineMacrosWin) {
  const auto result =
      parse_text("port = \"25\"\nlisten on lo port $port\n", {}, {{"port", "2600"}});
  ASSERT_FALSE(result.config);  // `port` is reserved and cannot be a macro of the file
  const auto other =
      parse_text("p = \"25\"\nlisten on lo port $p\nmatch reject\n", {}, {{"p", "2600"}});
  ASSERT_TRUE(other.config) << errors_of(other);
  EXPECT_EQ(other.config->listeners[0].port, 2600);
}

TEST(Parse, IncludesKeepTheirPlaces) {
  const Files files{{"/etc/a", "listen on lo port 26\ninclude \"/etc/b\"\nlisten off"},
                    {"/etc/b", "listen on lo port 0\n"}};
  EXPECT_EQ(errors_in("include \"/etc/a\"\nlisten on lo port 27\nexpire\n", files),
            "3:1: unknown directive \"expire\"\n"
            "/etc/a:3:8: expected \"on\", found \"off\"\n"
            "/etc/b:1:19: invalid port 0: expected 1 to 65535\n");
  const Config config =
      config_of("include \"/etc/a\"\nlisten on lo port 27\n", {{"/etc/a", "listen on lo port 26"}});
  ASSERT_EQ(config.listeners.size(), 3U);
  EXPECT_EQ(config.listeners[1].port, 27);
  EXPECT_EQ(config.files[config.listeners[0].position.file], "/etc/a");
}

TEST(Parse, IncludeLoopEnds) {
  const auto result = parse_text("include \"/a\"\n", {{"/a", "include \"/a\"\n"}});
  EXPECT_NE(errors_of(result).find("files are included more than 16 deep"), std::string::npos);
}

TEST(Parse, TableFilesReportTheirOwnLines) {
  const Files files{{"/etc/aliases", "# aliases\nroot: admin\nbad: |/bin/sh\nempty:\n"},
                    {"/etc/good", "root: admin\nlist: a, \"error:550 no\"\n"},
                    {"/etc/nets", "192.0.2.0/24\nlocal\nexample.org\n"}};
  EXPECT_EQ(errors_in("table a file:/etc/aliases\naction l maildir alias <a>\n", files),
            "/etc/aliases:4:1: a map needs a value behind every key\n");
  EXPECT_EQ(errors_in("table a \"/etc/good\"\naction l maildir alias <a>\n", files), "");
  const auto result = parse_text("table <n> file:/etc/nets\nmatch from src <n> reject\n", files);
  ASSERT_TRUE(result.config) << errors_of(result);
  ASSERT_EQ(result.diagnostics.size(), 2U);
  EXPECT_EQ(to_text(result.diagnostics[0]),
            "test.conf:1:7: warning: a table is defined by its name without < and >");
  EXPECT_EQ(to_text_with_caret(result.diagnostics[1]),
            "/etc/nets:3:1: warning: neither an address nor a prefix: it never matches\n"
            "  example.org\n  ^");
}

TEST(Parse, ManyErrorsAreCounted) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "expire\n";
  const auto result = parse_text(text);
  EXPECT_EQ(result.diagnostics.size(), diagnostics_max + 1);
  EXPECT_EQ(result.diagnostics.back().text, "more than 1000 diagnostics");
  EXPECT_FALSE(result.config);
}

TEST(Parse, DelaysAndSizes) {
  const Config config = config_of("queue ttl 90m\nsmtp max-message-size 1.5M\n");
  EXPECT_EQ(config.queue.ttl, seconds(5400));
  EXPECT_EQ(config.smtp.message_octets_max, 3U << 19);
  EXPECT_EQ(config_of("smtp max-message-size 70000\n").smtp.message_octets_max, 70'000U);
  EXPECT_NE(errors_in("smtp max-message-size -1\n"), "");
  EXPECT_NE(errors_in("queue ttl 99999999999999999999d\n"), "");
  EXPECT_NE(errors_in("queue ttl 9223372036854775807d\n"), "");
  EXPECT_NE(errors_in("smtp max-message-size 10MB\n"), "");
  EXPECT_NE(errors_in("smtp max-message-size 1.5.2M\n"), "");
  EXPECT_EQ(config_of("smtp max-message-size \" +.5G \"\n").smtp.message_octets_max, 1U << 29);
  EXPECT_EQ(config_of("queue ttl \" +5m\"\n").queue.ttl, seconds(300));
}

}  // namespace
}  // namespace ringpost::conf
