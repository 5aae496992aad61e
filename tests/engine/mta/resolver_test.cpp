// The resolver on a real ring, against servers on loopback: answers, TCP, failover, deadlines, new
// settings, clients' names, and its end.
#include "engine/mta/resolver.h"

#include <optional>

#include "tests/engine/mta/dns_server.h"
#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

using dns::Message;
using dns::Outcome;
using dns::Type;
using test::DnsServer;

dns::Name name(std::string_view text) { return dns::Name::parse(text).value(); }
conf::NetAddress inet(std::string_view text) { return conf::parse_net_address(text).value(); }

dns::Record record(const Message& question, dns::RecordData data) {
  return {.owner = question.question->name,
          .type = question.question->type,
          .ttl_s = 60,
          .data = std::move(data)};
}

// Every name has this one address, and every address has this name.
std::optional<Message> one_host(const Message& question, bool) {
  Message answer = DnsServer::response(question);
  if (question.question->type == Type::A) answer.answers = {record(question, inet("192.0.2.25"))};
  if (question.question->type == Type::Aaaa)
    answer.answers = {record(question, inet("2001:db8::25"))};
  if (question.question->type == Type::Ptr)
    answer.answers = {record(question, name("mail.example"))};
  return answer;
}

std::optional<Message> silence(const Message&, bool) { return std::nullopt; }

class ResolverTest : public testing::Test {
 protected:
  void SetUp() override {
    core_ = test::make_core();
    ASSERT_NE(core_, nullptr);
    auto buffers =
        memory::BufferRing::create(core_->ring(), {.buffers = 16, .buffer_bytes = 16'384});
    ASSERT_TRUE(buffers) << to_text(buffers.error());
    buffers_ = std::move(*buffers);
    auto resolver = Resolver::create(*core_, *buffers_, metrics_);
    ASSERT_TRUE(resolver) << to_text(resolver.error());
    resolver_ = std::move(*resolver);
    core_->at_turn_end([this] {
      if (resolver_ != nullptr) resolver_->end_of_turn();
      buffers_->serve_waiters();
    });
  }
  void TearDown() override {
    if (resolver_ == nullptr) return;
    resolver_->close();
    EXPECT_TRUE(run([this] { return resolver_->idle() && scope_.idle(); }));
    resolver_.reset();
    EXPECT_EQ(buffers_->buffers_free(), buffers_->buffers_max());
  }

  void use(std::vector<dns::ServerAddress> servers, Duration timeout = milliseconds(200)) {
    resolver_->use({.servers = std::move(servers), .timeout = timeout});
  }
  bool run(const std::function<bool()>& finished) {
    return test::run_until(*core_, finished, seconds(10));
  }
  template <class Result>
  ring::Task<void> keep(ring::Task<Result> task, std::optional<Result>& result) {
    result = co_await task;
  }
  template <class Result>
  Result wait_for(ring::Task<Result> task) {
    std::optional<Result> result;
    ring::Task<void>::spawn(scope_, keep(std::move(task), result));
    EXPECT_TRUE(run([&] { return result.has_value(); }));
    return std::move(*result);
  }
  dns::AnswerPointer find(std::string_view text, Type type = Type::A, Duration limit = seconds(5)) {
    return wait_for(resolver_->find({name(text), type}, test::monotonic_now() + limit));
  }

  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  observe::ResolverMetrics metrics_;
  std::unique_ptr<Resolver> resolver_;
  ring::Scope scope_;
};

TEST_F(ResolverTest, FindsAndRemembers) {
  DnsServer server(one_host);
  use({server.address()});
  EXPECT_EQ(find("mail.example")->records, std::vector<dns::RecordData>{inet("192.0.2.25")});
  EXPECT_EQ(find("mail.example")->outcome, Outcome::Found);
  EXPECT_EQ(server.questions(), 1);
  resolver_->end_of_turn();
  EXPECT_EQ(metrics_.hits.value(), 1u);
  EXPECT_EQ(metrics_.misses.value(), 1u);
  EXPECT_EQ(metrics_.datagrams.value(), 1u);
  EXPECT_GT(metrics_.answer.sum(), 0u);
}

TEST_F(ResolverTest, FindsBothFamiliesAtOnce) {
  DnsServer server(one_host);
  use({server.address()});
  const HostAddresses both =
      wait_for(resolver_->find_addresses(name("mail.example"), core_->now() + seconds(5)));
  EXPECT_EQ(both.outcome, Outcome::Found);
  EXPECT_EQ(both.addresses, (std::vector{inet("2001:db8::25"), inet("192.0.2.25")}));
  const HostAddresses known =
      wait_for(resolver_->find_addresses(name("mail.example"), core_->now() + seconds(5)));
  EXPECT_EQ(known.addresses, both.addresses);
  EXPECT_EQ(server.questions(), 2);
}

TEST_F(ResolverTest, SaysWhatAHostLacks) {
  DnsServer server([](const Message& question, bool) {
    const std::string host = question.question->name.text();
    Message answer = DnsServer::response(question);
    if (host == "none.example") answer.header.code = dns::ResponseCode::NameError;
    if (host == "half.example" && question.question->type == Type::A)
      answer.header.code = dns::ResponseCode::ServerFailure;
    return std::optional(answer);
  });
  use({server.address()});
  const auto outcome = [&](std::string_view host) {
    return wait_for(resolver_->find_addresses(name(host), core_->now() + seconds(5))).outcome;
  };
  EXPECT_EQ(outcome("none.example"), Outcome::NoName);
  EXPECT_EQ(outcome("bare.example"), Outcome::NoData);
  EXPECT_EQ(outcome("half.example"), Outcome::Failed);
}

TEST_F(ResolverTest, AsksByTcpWhatIsTruncated) {
  DnsServer server([](const Message& question, bool is_stream) {
    Message answer = DnsServer::response(question);
    answer.header.truncated = !is_stream;
    if (is_stream) answer.answers.assign(500, record(question, dns::Text{{std::string(80, 'x')}}));
    return std::optional(answer);
  });
  use({server.address()}, seconds(2));
  const dns::AnswerPointer answer = find("large.example", Type::Txt);
  EXPECT_EQ(answer->outcome, Outcome::Found);
  EXPECT_EQ(answer->records.size(), 500u);
  EXPECT_EQ(metrics_.streams.value(), 1u);
}

TEST_F(ResolverTest, AsksTheNextServer) {
  DnsServer silent(silence);
  DnsServer good(one_host);
  use({silent.address(), good.address()});
  EXPECT_EQ(find("a.example")->outcome, Outcome::Found);
  EXPECT_EQ(silent.questions(), 1);
  EXPECT_GE(metrics_.timeouts.value(), 1u);
}

TEST_F(ResolverTest, AsksTheNextServerAtOnceWhenAPortIsClosed) {
  DnsServer gone(silence);
  const dns::ServerAddress closed = gone.address();
  gone.stop();
  DnsServer good(one_host);
  use({closed, good.address()}, seconds(8));
  const Instant began = test::monotonic_now();
  EXPECT_EQ(find("a.example")->outcome, Outcome::Found);
  EXPECT_LT((test::monotonic_now() - began).milliseconds(), 4000);
}

TEST_F(ResolverTest, FailsWhenNoServerAnswers) {
  DnsServer silent(silence);
  use({silent.address()}, milliseconds(50));
  const dns::AnswerPointer answer = find("a.example");
  EXPECT_EQ(answer->outcome, Outcome::Failed);
  EXPECT_EQ(answer->failure, dns::Failure::Timeout);
  EXPECT_EQ(metrics_.failures.value(), 1u);
  EXPECT_EQ(find("b.example", Type::A, milliseconds(5))->failure, dns::Failure::Timeout);
}

TEST_F(ResolverTest, FailsWithoutServers) {
  EXPECT_EQ(find("a.example")->failure, dns::Failure::NoServer);
}

TEST_F(ResolverTest, KeepsItsDeadlines) {
  DnsServer silent(silence);
  use({silent.address()}, seconds(5));
  const Instant began = test::monotonic_now();
  EXPECT_EQ(find("a.example", Type::A, milliseconds(100))->failure, dns::Failure::Timeout);
  EXPECT_LT((test::monotonic_now() - began).milliseconds(), 2000);
}

TEST_F(ResolverTest, AsksNewServersAfterAChange) {
  DnsServer first([](const Message& question, bool) {
    return std::optional(DnsServer::response(question, dns::ResponseCode::NameError));
  });
  DnsServer second(one_host);
  use({first.address()});
  EXPECT_EQ(find("a.example")->outcome, Outcome::NoName);
  use({second.address()});
  EXPECT_EQ(find("a.example")->outcome, Outcome::Found);
  use({second.address()});
  EXPECT_EQ(find("a.example")->outcome, Outcome::Found);
  EXPECT_EQ(second.questions(), 1) << "the same settings are no change";
}

TEST_F(ResolverTest, EndsWhatItAskedTheFormerServers) {
  DnsServer slow([](const Message& question, bool is_stream) {
    usleep(100'000);
    return one_host(question, is_stream);
  });
  DnsServer other(silence);
  use({slow.address()}, seconds(2));
  std::optional<dns::AnswerPointer> answer;
  ring::Task<void>::spawn(
      scope_,
      keep(resolver_->find({name("a.example"), Type::A}, core_->now() + seconds(5)), answer));
  use({other.address()});
  ASSERT_TRUE(run([&] { return answer.has_value(); }));
  EXPECT_EQ((*answer)->outcome, Outcome::Found);
}

TEST_F(ResolverTest, EndsInTheMiddle) {
  DnsServer silent([](const Message& question, bool is_stream) {
    if (is_stream) return std::optional<Message>();
    Message answer = DnsServer::response(question);
    answer.header.truncated = question.question->name == name("t.example");
    return answer.header.truncated ? std::optional(answer) : std::nullopt;
  });
  use({silent.address()}, seconds(5));
  std::optional<dns::AnswerPointer> first, second;
  const Instant deadline = core_->now() + seconds(30);
  ring::Task<void>::spawn(scope_,
                          keep(resolver_->find({name("a.example"), Type::A}, deadline), first));
  ring::Task<void>::spawn(scope_,
                          keep(resolver_->find({name("t.example"), Type::A}, deadline), second));
  ASSERT_TRUE(run([&] { return metrics_.streams.value() > 0; }));
  resolver_->close();
  ASSERT_TRUE(first && second);
  EXPECT_EQ((*first)->failure, dns::Failure::Overload);
  EXPECT_TRUE(run([this] { return resolver_->idle(); }));
  EXPECT_EQ(find("c.example")->failure, dns::Failure::Overload);
}

// What the reverse lookup of 192.0.2.25 leads to.
struct NamesCase {
  std::vector<std::string> names;       // of the address
  std::vector<std::string> confirming;  // have the address
  std::string failing;                  // nobody knows its address
  ClientName expected;
};

DnsServer::Answerer names_server(const NamesCase& names) {
  return [names](const Message& question, bool) {
    const std::string asked = question.question->name.text();
    Message answer = DnsServer::response(question);
    if (question.question->type == Type::Ptr)
      for (const std::string& one : names.names)
        answer.answers.push_back(record(question, name(one)));
    else if (asked == names.failing)
      answer.header.code = dns::ResponseCode::ServerFailure;
    else if (std::ranges::find(names.confirming, asked) != names.confirming.end())
      answer.answers = {record(question, inet("192.0.2.1")), record(question, inet("192.0.2.25"))};
    return std::optional(answer);
  };
}

TEST_F(ResolverTest, NamesClients) {
  using enum ClientName::State;
  using enum ClientName::Confirmed;
  const NamesCase cases[] = {
      {{}, {}, "", {None, No, ""}},
      {{"a.example"}, {"a.example"}, "", {Known, Yes, "a.example"}},
      {{"a.example"}, {}, "", {Known, No, "a.example"}},
      {{"a.example", "b.example"}, {"b.example"}, "", {Known, Yes, "b.example"}},
      {{"a.example", "b.example"}, {}, "b.example", {Known, Unknown, "a.example"}},
      {{"a.example", "b.example"}, {"b.example"}, "a.example", {Known, Yes, "b.example"}},
      {{"x\\010y.example"}, {}, "", {None, No, ""}},
  };
  for (const NamesCase& one : cases) {
    DnsServer server(names_server(one));
    use({server.address()});
    const ClientName found =
        wait_for(resolver_->find_client_name(inet("192.0.2.25"), core_->now() + seconds(5)));
    EXPECT_EQ(found.state, one.expected.state);
    EXPECT_EQ(found.confirmed, one.expected.confirmed);
    EXPECT_EQ(found.name, one.expected.name);
  }
}

TEST_F(ResolverTest, NamesAClientByAFewOfManyNames) {
  NamesCase many;
  for (int i = 0; i < 30; ++i) many.names.push_back("n" + std::to_string(i) + ".example");
  DnsServer server(names_server(many));
  use({server.address()});
  const ClientName found =
      wait_for(resolver_->find_client_name(inet("192.0.2.25"), core_->now() + seconds(5)));
  EXPECT_EQ(found.name, "n0.example");
  EXPECT_EQ(server.questions(), 1 + static_cast<int>(client_names_max));
}

struct Asking final : ClientNameAsker {
  void named(ClientName name) override { told.push_back(std::move(name)); }
  std::vector<ClientName> told;
};

TEST_F(ResolverTest, TellsWhoAskedAndDidNotForget) {
  DnsServer server(one_host);
  use({server.address()});
  Asking asker, forgetful;
  resolver_->name_client(inet("192.0.2.25"), asker);
  resolver_->name_client(inet("192.0.2.25"), forgetful);
  resolver_->forget(forgetful);
  ASSERT_TRUE(run([&] { return !asker.told.empty(); }));
  EXPECT_EQ(asker.told[0].name, "mail.example");
  EXPECT_EQ(asker.told[0].confirmed, ClientName::Confirmed::Yes);
  EXPECT_TRUE(forgetful.told.empty());
  resolver_->name_client(inet("192.0.2.25"), asker);
  EXPECT_EQ(asker.told.size(), 2u) << "what is known is told at once";
}

struct AskingDns final : DnsAsker {
  void found(dns::AnswerPointer answer) override { told.push_back(std::move(answer)); }
  std::vector<dns::AnswerPointer> told;
};

TEST_F(ResolverTest, AnswersThoseThatAreNoTasks) {
  DnsServer server(one_host);
  use({server.address()});
  const dns::Question question{name("list.example"), Type::A};
  AskingDns asker, forgetful;
  const Instant deadline = core_->now() + seconds(5);
  resolver_->ask(question, deadline, asker);
  resolver_->ask(question, deadline, forgetful);
  resolver_->forget(forgetful);
  EXPECT_TRUE(asker.told.empty());
  ASSERT_TRUE(run([&] { return !asker.told.empty(); }));
  EXPECT_EQ(asker.told[0]->outcome, Outcome::Found);
  EXPECT_TRUE(forgetful.told.empty());
  resolver_->ask(question, deadline, asker);
  EXPECT_EQ(asker.told.size(), 2u) << "what is known is told at once";
}

TEST_F(ResolverTest, TellsThoseThatAreNoTasksThatTimeIsUp) {
  DnsServer server(silence);
  use({server.address()});
  AskingDns asker;
  resolver_->ask({name("list.example"), Type::A}, core_->now() + milliseconds(50), asker);
  ASSERT_TRUE(run([&] { return !asker.told.empty(); }));
  EXPECT_EQ(asker.told[0]->outcome, Outcome::Failed);
  EXPECT_EQ(asker.told[0]->failure, dns::Failure::Timeout);
}

TEST_F(ResolverTest, TellsThatAClientCannotBeNamed) {
  DnsServer server([](const Message& question, bool) {
    return std::optional(DnsServer::response(question, dns::ResponseCode::ServerFailure));
  });
  use({server.address()});
  Asking asker;
  resolver_->name_client(inet("192.0.2.25"), asker);
  ASSERT_TRUE(run([&] { return !asker.told.empty(); }));
  EXPECT_EQ(asker.told[0].state, ClientName::State::Failed);
}

}  // namespace
}  // namespace ringpost::mta
