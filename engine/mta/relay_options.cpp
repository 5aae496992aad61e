// The options of relays: see relay_options.h.
#include "engine/mta/relay_options.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/mta/enquiries.h"
#include "engine/mta/generation.h"
#include "engine/mta/sender_rewriting.h"
#include "engine/net/source_address.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {
namespace {

NoWay misconfigured(std::string text) { return {false, "4.3.5", std::move(text)}; }

// What `table` has for `key`, wherever it is.
ring::Task<conf::Answer> row_of(WorkerParts& parts, std::shared_ptr<const Generation> generation,
                                const conf::Table& table, conf::TableService service,
                                std::string key) {
  if (table.backend() == conf::TableBackend::Memory) {
    auto row = table.find(key);
    if (!row && service == conf::TableService::AddressName) row = table.find("[", key, "]");
    if (!row) co_return conf::Answer{.state = conf::AnswerState::NotFound};
    co_return conf::Answer{.state = conf::AnswerState::Found, .text = std::string(*row)};
  }
  if (!generation->sources.contains(&table)) co_return conf::Answer{};
  conf::Question question = conf::TableQuestion{&table, service, std::move(key)};
  co_return co_await parts.enquiries->find(std::move(question), std::move(generation));
}

// Fills departure.hello with the name that the source, or the address that the kernel would choose,
// has in the table of `helo-src`; why not otherwise.
ring::Task<std::optional<NoWay>> find_name(WorkerParts& parts,
                                           std::shared_ptr<const Generation> generation,
                                           const conf::Table& names, net::Address target,
                                           Departure& departure) {
  const auto source = departure.source ? departure.source : net::source_toward(target);
  if (!source) co_return NoWay{.text = "there is no way to " + target.host()};
  const std::string address = source->host();
  const conf::Answer answer =
      co_await row_of(parts, generation, names, conf::TableService::AddressName, address);
  const auto name = smtp::parse_domain(answer.text);
  if (answer.state == conf::AnswerState::Found && name) {
    departure.hello = *name;
    co_return std::nullopt;
  }
  const std::string_view why = answer.state == conf::AnswerState::TemporaryFailure
                                   ? std::string_view(answer.text)
                                   : "there is none";
  co_return misconfigured(
      fmt::format("no name for {} in table \"{}\": {}", address, names.name(), why));
}

// "user:password", as credentials stand in a table.
std::optional<smtp::ClientLogin> parse_login(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return std::nullopt;
  if (text.find('\0') != text.npos) return std::nullopt;
  return smtp::ClientLogin{std::string(text.substr(0, colon)), Secret(text.substr(colon + 1))};
}

std::string replaced_sender(const std::string& mail_from, const std::string& reverse_path) {
  const auto pattern = conf::parse_sender_pattern(mail_from);
  const auto sender = smtp::parse_reverse_path(reverse_path);
  if (!pattern || !sender || sender->is_null()) return reverse_path;
  smtp::Mailbox given = sender->mailbox;
  if (!pattern->local.empty()) given.local = pattern->local;
  if (!pattern->domain.empty()) given.domain = pattern->domain;
  return smtp::to_text(given);
}

}  // namespace

std::vector<net::Address> sources_of(const conf::Table& table, int family, std::size_t turn) {
  std::vector<net::Address> sources;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto given = conf::parse_net_address(table.row(i).key);
    const auto address = given ? net::Address::parse(conf::to_text(*given), 0) : std::nullopt;
    if (address && address->family() == family) sources.push_back(*address);
  }
  if (!sources.empty()) {
    const auto first = static_cast<std::ptrdiff_t>(turn % sources.size());
    std::ranges::rotate(sources, sources.begin() + first);
  }
  return sources;
}

ring::Task<Departures> departures_for(WorkerParts& parts, const NextHop& next, const Hop& hop) {
  Departures result;
  const auto* target = std::get_if<net::Address>(&hop.where);
  if (target == nullptr || next.options_of.empty()) {
    result.ways.resize(1);
    co_return result;
  }
  const std::shared_ptr<const Generation> generation = parts.generation;
  const conf::Action* action = generation->config.find_action(next.options_of);
  if (action == nullptr) {
    result.failure =
        misconfigured("action " + next.options_of + " is not in the configuration any more");
    co_return result;
  }
  const conf::RelaySettings& relay = action->relay;
  std::vector<Departure> ways;
  if (relay.sources == nullptr) {
    ways.resize(1);
  } else {
    for (const net::Address& source :
         sources_of(*relay.sources, target->family(), parts.sources_used++))
      ways.push_back({source, {}});
    if (ways.empty())
      result.failure =
          misconfigured(fmt::format("table \"{}\" has no address from which {} can be reached",
                                    relay.sources->name(), hop.name));
  }
  for (Departure& way : ways) {
    if (relay.helo_source != nullptr) {
      auto failure = co_await find_name(parts, generation, *relay.helo_source, *target, way);
      if (failure) {
        result.failure = std::move(*failure);
        continue;
      }
    }
    result.ways.push_back(std::move(way));
  }
  co_return result;
}

ring::Task<std::expected<smtp::ClientLogin, NoWay>> login_for(WorkerParts& parts,
                                                              const NextHop& next) {
  const std::shared_ptr<const Generation> generation = parts.generation;
  const conf::Action* action = generation->config.find_action(next.options_of);
  if (action == nullptr || action->relay.auth == nullptr)
    co_return std::unexpected(misconfigured(
        fmt::format("no credentials for \"{}\": the action has no auth table", next.label)));
  const conf::Table& table = *action->relay.auth;
  conf::Answer answer =
      co_await row_of(parts, generation, table, conf::TableService::Credentials, next.label);
  auto login = parse_login(answer.text);
  if (answer.state == conf::AnswerState::Found) wipe(answer.text.data(), answer.text.size());
  if (answer.state == conf::AnswerState::Found && login) co_return std::move(*login);
  std::string_view why = "there are none";
  if (answer.state == conf::AnswerState::TemporaryFailure) why = answer.text;
  if (answer.state == conf::AnswerState::Found) why = "they are not user:password";
  co_return std::unexpected(misconfigured(
      fmt::format("no credentials for \"{}\" in table \"{}\": {}", next.label, table.name(), why)));
}

std::string relayed_sender(const Generation& generation, const conf::RelaySettings& relay,
                           const std::string& reverse_path, const store::Recipient& recipient,
                           WallTime now) {
  std::string sender =
      relay.mail_from.empty() ? reverse_path : replaced_sender(relay.mail_from, reverse_path);
  return relay.srs ? forwarded_sender(generation, sender, recipient, now) : sender;
}

}  // namespace ringpost::mta
