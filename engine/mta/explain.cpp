// Explaining a recipient: see explain.h. One ring::Core carries the questions to tables that answer
// from elsewhere; everything else is asked directly.
#include "engine/mta/explain.h"

#include <functional>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/mta/generation_loader.h"
#include "engine/mta/sender_rewriting.h"
#include "engine/mta/table_sources.h"
#include "engine/mta/user_directory.h"
#include "engine/mta/user_files.h"
#include "engine/observe/event_log.h"
#include "engine/process/read_file.h"
#include "engine/ring/clock.h"
#include "engine/ring/core.h"
#include "proto/conf/expand.h"

namespace ringpost::mta {
namespace {

constexpr Duration answer_within = seconds(30);

conf::AddressView address_of(std::string_view text) {
  if (text == "<>") return {};
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

struct WaitingEnquiry : TableEnquiry {
  WaitingEnquiry(ring::Core& asker, const conf::TableQuestion& question, char delimiter)
      : TableEnquiry(&WaitingEnquiry::came_back, asker, question, delimiter,
                     ring::monotonic_now() + answer_within) {}
  static void came_back(ring::Message& message) {
    static_cast<WaitingEnquiry&>(message).is_back = true;
  }
  bool is_back = false;
};

// Answers every question, and writes down what it was asked.
class BlockingLookups final : public conf::Lookups {
 public:
  BlockingLookups(const Generation& generation, ring::Core& core)
      : generation_(generation), core_(core) {}

  conf::Answer ask(const conf::Question& question) override {
    conf::Answer answer = std::visit([this](const auto& q) { return find(q); }, question);
    notes_ += fmt::format("asked      {}: {}\n", describe(question), words_for(answer));
    return answer;
  }
  bool matches_regex(const conf::Table& table, std::string_view text) override {
    const auto found = generation_.patterns.find(&table);
    const bool matches =
        found != generation_.patterns.end() && matchers_.matches(found->second, text);
    notes_ += fmt::format("matched    table {} with \"{}\": {}\n", table.name(), text,
                          matches ? "yes" : "no");
    return matches;
  }
  const std::string& notes() const { return notes_; }

 private:
  static std::string words_for(const conf::Answer& answer) {
    if (answer.state == conf::AnswerState::NotFound) return "not found";
    if (answer.state == conf::AnswerState::TemporaryFailure) return "failed, " + answer.text;
    return answer.text.empty() ? "found" : fmt::format("found, {} octets", answer.text.size());
  }

  conf::Answer find(const conf::UserQuestion& question) {
    UserDirectory::Answer found = UserDirectory::look_up(question.name);
    conf::Answer answer{.state = found.state, .user = std::move(found.user), .text = {}};
    if (answer.state == conf::AnswerState::TemporaryFailure) answer.text = "the name service fails";
    return answer;
  }
  conf::Answer find(const conf::TableQuestion& question) {
    WaitingEnquiry enquiry(core_, question, generation_.config.smtp.sub_address_delimiter);
    generation_.sources.at(question.table)->ask(enquiry);
    core_.stop();
    core_.run([&enquiry] { return enquiry.is_back; });
    return std::move(enquiry.answer);
  }
  // With the rights of who asks, judged as at a delivery.
  conf::Answer find(const conf::ForwardQuestion& question) {
    if (!question.user.directory.starts_with('/')) return {conf::AnswerState::NotFound, {}, {}};
    return answer_of(process::read_forward({question.user.directory}, question.user.uid));
  }
  conf::Answer find(const conf::IncludeQuestion& question) {
    const uid_t user = question.user.username.empty() ? geteuid() : question.user.uid;
    return answer_of(process::read_included({question.path}, user));
  }

  const Generation& generation_;
  ring::Core& core_;
  PatternMatchers matchers_;
  std::string notes_;
};

std::string method_of(const conf::Config& config, const conf::Delivery& delivery,
                      const ExplainWish& wish) {
  const conf::Action& action = *delivery.action;
  switch (action.method) {
    case conf::Method::Maildir: {
      const auto path =
          conf::maildir_path(config, delivery, address_of(wish.sender), address_of(wish.recipient));
      return "maildir " + path.value_or("(its path cannot be made)");
    }
    case conf::Method::Mbox:
      return "mbox";
    case conf::Method::Mda:
      return "mda " + action.command.text();
    case conf::Method::Lmtp:
      return "lmtp " + action.lmtp_destination;
    case conf::Method::Relay:
      return "relay";
    case conf::Method::ForwardOnly:
    case conf::Method::ExpandOnly:
      break;
  }
  return "no method";
}

std::string line_for(const conf::Config& config, const conf::Delivery& delivery,
                     const ExplainWish& wish) {
  const std::string address =
      fmt::format("{}@{}", delivery.destination_user, delivery.destination_domain);
  const std::string rule =
      fmt::format("rule {}, action {}", delivery.rule->number, delivery.action->name);
  const std::string user =
      delivery.user.username.empty() ? "the daemon's user" : delivery.user.username;
  if (delivery.kind == conf::DeliveryKind::Command)
    return fmt::format("runs       {}\n           as {}, for {} ({})\n", delivery.target, user,
                       address, rule);
  if (delivery.kind == conf::DeliveryKind::File)
    return fmt::format("appends    {}\n           as {}, for {} ({})\n", delivery.target, user,
                       address, rule);
  if (delivery.action->method == conf::Method::Relay)
    return fmt::format("relays     {} ({})\n", address, rule);
  const std::string tag =
      delivery.sub_address.empty() ? "" : fmt::format(" with sub-address {}", delivery.sub_address);
  return fmt::format("delivers   {}\n           to {}{}, for {} ({})\n",
                     method_of(config, delivery, wish), user, tag, address, rule);
}

std::string words_for(const conf::Expansion& expansion) {
  switch (expansion.outcome) {
    case conf::Outcome::Refused:
      return "refused: 550 5.7.1";
    case conf::Outcome::Unknown:
      return "refused: 550 5.1.1, there is no such user";
    case conf::Outcome::Loop:
      return "refused: 550 5.4.6, the expansion has no end or leads nowhere";
    case conf::Outcome::TemporaryFailure:
      return "put off: 451 4.3.0, " + expansion.reason;
    case conf::Outcome::Error:
      return fmt::format("refused: {} {}", expansion.reply_code, expansion.reply_text);
    case conf::Outcome::Deliver:
    case conf::Outcome::Later:
      break;
  }
  return fmt::format("accepted, {} deliveries", expansion.deliveries.size());
}

}  // namespace

std::expected<std::string, std::string> explain(Generation& generation, const ExplainWish& wish) {
  auto core = ring::Core::create({});
  if (!core) return std::unexpected(to_text(core.error()));
  auto log = observe::EventLog::open({});
  if (!log) return std::unexpected(to_text(log.error()));
  TableSources sources(**log);
  if (const auto problems = sources.open(generation); !problems.empty())
    return std::unexpected(problems.front());
  BlockingLookups lookups(generation, **core);
  const conf::SessionFacts facts{.client = wish.client,
                                 .tag = wish.tag,
                                 .helo = wish.helo,
                                 .sender = address_of(wish.sender),
                                 .tls = wish.tls,
                                 .user = wish.user,
                                 .client_name = {wish.client_name}};
  const conf::Config& config = generation.config;
  const conf::Expansion expansion =
      expand_recipient(generation, facts, address_of(wish.recipient), lookups, ring::wall_now());
  std::string text = fmt::format("from       <{}>\nto         <{}>\n", wish.sender, wish.recipient);
  text += lookups.notes();
  text += fmt::format("decided    {}\n", conf::trace(config, expansion.rule));
  text += fmt::format("outcome    {}\n", words_for(expansion));
  for (const conf::Delivery& delivery : expansion.deliveries)
    text += line_for(config, delivery, wish);
  generation.sources.clear();
  sources.settle();
  return text;
}

}  // namespace ringpost::mta
