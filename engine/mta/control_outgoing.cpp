// What the operator asks of other servers: see control_outgoing.h.
#include "engine/mta/control_outgoing.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "engine/mta/control_rows.h"
#include "engine/mta/gathering.h"
#include "engine/mta/generation.h"
#include "engine/mta/next_hop.h"
#include "proto/control/selection.h"

namespace ringpost::mta {
namespace {

constexpr Duration answer_max = seconds(10);
// The way to a domain takes questions to name servers.
constexpr Duration route_max = seconds(60);
constexpr std::string_view too_slow = "a core did not answer in time; try again";
constexpr std::uint32_t destinations_per_turn = 1'000;

using store::Obstacle;

// What each core answers to `ask`, or nothing.
template <class Answer>
std::optional<std::vector<Answer>> ask_all(const std::vector<Worker*>& workers,
                                           const std::function<Answer(Worker&)>& ask) {
  auto gathering = std::make_shared<Gathering<Answer>>(workers.size());
  for (Worker* worker : workers)
    worker->post([ask, gathering](Worker& on) { gathering->answer(ask(on)); });
  return gathering->wait(answer_max);
}

// --- why -----------------------------------------------------------------------------------------

struct WhyRow {
  store::RecipientKey key;
  std::string obstacle = {}, text = {}, destination = {}, last_error = {};
  WallTime until{}, deadline{};
  std::uint32_t attempts = 0;
};

struct ObstacleWords {
  std::string_view word;
  std::string_view text;  // {} is the destination
};

ObstacleWords words_of(Obstacle obstacle) {
  switch (obstacle) {
    case Obstacle::Unknown:
      return {"unknown", "nothing is known of it"};
    case Obstacle::UnderWay:
      return {"under way", "an attempt is under way"};
    case Obstacle::Held:
      return {"held", "the operator holds it"};
    case Obstacle::Retry:
      return {"retry", "its next attempt is not due yet"};
    case Obstacle::AllPaused:
    case Obstacle::DestinationPaused:
      return {"paused", "the operator has paused deliveries to {}"};
    case Obstacle::DestinationLeftAlone:
      return {"left alone", "{} is left alone for a while, since no connection reached it"};
    case Obstacle::ConnectionLimit:
      return {"connection limit",
              "as many connections to {} are open as its limit, or what it has "
              "taken so far, allows"};
    case Obstacle::ConnectionInterval:
      return {"connection interval", "the next connection to {} has to wait (mta limit)"};
    case Obstacle::TransactionInterval:
      return {"transaction interval", "the next message to {} has to wait (mta limit)"};
    case Obstacle::SessionsMax:
      return {"all connections", "all connections that there may be are in use"};
    case Obstacle::RecipientsMax:
      return {"all under way", "as many recipients as may be are under way"};
    case Obstacle::Turn:
      return {"turn", "others for {} come first, or it is about to begin"};
  }
  return {"unknown", "nothing is known of it"};
}

WallTime wall_of(const ring::Core& core, Instant time) {
  return time == never ? WallTime{} : core.wall() + (time - core.now());
}

void describe(WhyRow& row, Obstacle obstacle) {
  const ObstacleWords words = words_of(obstacle);
  row.obstacle = words.word;
  row.text = words.text;
  if (const std::size_t at = row.text.find("{}"); at != std::string::npos)
    row.text.replace(at, 2, row.destination.empty() ? "mailboxes" : row.destination);
}

// What the core of the message knows; a destination may know more.
WhyRow at_home(Worker& worker, const store::MessageSummary& message, std::uint32_t recipient) {
  Dispatcher& dispatcher = worker.dispatcher();
  const store::RecipientProgress& progress = message.recipients[recipient];
  const WallTime now = worker.core().wall();
  WhyRow row{.key = {message.id, recipient}};
  row.attempts = progress.attempts;
  row.last_error = dispatcher.last_error(message.id, recipient);
  if (dispatcher.is_active(message.id, recipient)) {
    describe(row, Obstacle::UnderWay);
  } else if (progress.is_held()) {
    describe(row, Obstacle::Held);
  } else if (is_kept_back(progress, now)) {
    row.obstacle = "untold";
    row.text = "it has failed, and the rules have no way to its sender";
  } else if (progress.next_due > now) {
    describe(row, Obstacle::Retry);
    row.until = progress.next_due;
  } else if (dispatcher.any_paused()) {
    describe(row, Obstacle::AllPaused);
  } else {
    row.obstacle = "turn";
    row.text = "others come first, or it is about to begin";
  }
  return row;
}

std::vector<WhyRow> rows_at_home(Worker& worker, const control::Selection::Named& named,
                                 std::uint32_t first, std::size_t most) {
  std::vector<WhyRow> rows;
  const store::MessageSummary* message = worker.index().find(named.id);
  if (message == nullptr) return rows;
  for (std::uint32_t i = first; i < message->recipients.size() && rows.size() < most; ++i) {
    if (named.recipient.value_or(i) != i || store::is_final(message->recipients[i].status))
      continue;
    rows.push_back(at_home(worker, *message, i));
  }
  return rows;
}

// What the destination of this core, if it is one, knows of a recipient that no attempt is made for
// now.
void ask_destination(Worker& worker, WhyRow& row) {
  const store::Scheduler& scheduler = worker.dispatcher().destinations().scheduler();
  const Instant now = worker.core().now();
  const store::Why why = scheduler.why(row.key, now);
  if (why.obstacle == Obstacle::Unknown) return;
  const store::DestinationFigures figures = scheduler.figures(why.destination, now);
  row.destination = figures.name;
  describe(row, why.obstacle);
  row.until = wall_of(worker.core(), why.until);
  row.deadline = wall_of(worker.core(), why.deadline);
  if (!figures.last_failure.empty()) row.last_error = figures.last_failure;
}

Json to_json(const WhyRow& row) {
  return Json{{"id", ringpost::to_text(row.key.id)},
              {"recipient", row.key.recipient},
              {"obstacle", row.obstacle},
              {"text", row.text},
              {"destination", row.destination},
              {"until", time_json(row.until)},
              {"deadline", time_json(row.deadline)},
              {"attempts", row.attempts},
              {"last_error", row.last_error}};
}

// --- destinations --------------------------------------------------------------------------------

struct DestinationRow {
  std::string name, state, last_failure;
  std::uint64_t waiting = 0, ready = 0, under_way = 0;
  std::uint32_t sessions = 0, window = 0;
  WallTime until{};
  std::uint64_t all() const { return waiting + ready + under_way; }
  // Most first; then by name, so that a page knows where it ended.
  bool operator<(const DestinationRow& other) const {
    return all() != other.all() ? all() > other.all() : name < other.name;
  }
};

DestinationRow row_of(const ring::Core& core, const store::DestinationFigures& figures) {
  DestinationRow row;
  row.name = figures.name;
  row.last_failure = figures.last_failure;
  row.waiting = figures.waiting;
  row.ready = figures.ready;
  row.under_way = figures.under_way;
  row.sessions = figures.sessions;
  row.window = figures.window;
  row.state = figures.obstacle == Obstacle::Turn ? std::string_view("open")
                                                 : words_of(figures.obstacle).word;
  row.until = wall_of(core, figures.until);
  return row;
}

Json to_json(const DestinationRow& row) {
  return Json{{"destination", row.name},
              {"waiting", row.waiting},
              {"ready", row.ready},
              {"under_way", row.under_way},
              {"connections", row.sessions},
              {"window", row.window},
              {"state", row.state},
              {"until", time_json(row.until)},
              {"last_failure", row.last_failure}};
}

struct DestinationsWish {
  control::QueueFilter filter;
  std::optional<DestinationRow> behind;  // the last one of the page before
  std::size_t limit = 0;
};

// "N NAME"
std::optional<DestinationRow> parse_behind(std::string_view text) {
  const std::size_t blank = text.find(' ');
  const auto count = ascii::parse_decimal<std::uint64_t>(text.substr(0, blank));
  if (!count || blank == std::string_view::npos) return std::nullopt;
  DestinationRow row;
  row.waiting = *count;
  row.name = text.substr(blank + 1);
  return row;
}

// The first of this core, in their order; a slice of them each turn.
ring::Task<void> list_destinations(
    Worker& worker, std::shared_ptr<const DestinationsWish> wish,
    std::shared_ptr<Gathering<std::vector<DestinationRow>>> gathering) {
  store::Scheduler& scheduler = worker.dispatcher().destinations().scheduler();
  std::vector<DestinationRow> first;  // a heap, the last of them in front
  const auto visit = [&](store::DestinationId id) {
    const store::DestinationFigures figures = scheduler.figures(id, worker.core().now());
    const std::string_view host = NextHop::host_of_key(figures.name);
    if (!wish->filter.takes_recipient("", fmt::format("@{}", host))) return;
    DestinationRow row = row_of(worker.core(), figures);
    if (wish->behind && !(*wish->behind < row)) return;
    if (first.size() == wish->limit && !(row < first.front())) return;
    first.push_back(std::move(row));
    std::ranges::push_heap(first, std::less<>{});
    if (first.size() <= wish->limit) return;
    std::ranges::pop_heap(first, std::less<>{});
    first.pop_back();
  };
  std::uint32_t cursor = 0;
  do {
    cursor = scheduler.visit_destinations(cursor, destinations_per_turn, visit);
    if (cursor != 0) co_await ring::Pause(worker.core(), Duration{0});
  } while (cursor != 0);
  gathering->answer(std::move(first));
}

// --- routes --------------------------------------------------------------------------------------

struct RouteRow {
  std::string action, destination, failure;
  std::vector<std::string> addresses;
};

ring::Task<void> find_routes(Worker& worker, std::string domain,
                             std::shared_ptr<Gathering<std::vector<RouteRow>>> gathering) {
  std::vector<RouteRow> rows;
  const std::shared_ptr<const Generation> generation = worker.parts().generation;
  for (const auto& action : generation->config.actions) {
    const bool goes_out =
        action->method == conf::Method::Relay || action->method == conf::Method::Lmtp;
    if (!goes_out) continue;
    store::Recipient recipient;
    recipient.final_address = "postmaster@" + domain;
    RouteRow row;
    row.action = action->name;
    const auto next = next_hop_of(*action, recipient, 0);
    if (next) {
      row.destination = next->key();
      const Way way = co_await find_way(worker.parts(), *next);
      for (const Hop& hop : way.hops) row.addresses.push_back(hop.name);
      if (way.hops.empty()) row.failure = way.failure.text;
    } else {
      row.failure = action->method == conf::Method::Relay ? why_no_next_hop(*action, recipient)
                                                          : "its destination cannot be used";
    }
    rows.push_back(std::move(row));
  }
  gathering->answer(std::move(rows));
}

bool is_domain(std::string_view word) {
  return !word.empty() && !word.contains('@') &&
         std::ranges::none_of(word, [](char c) { return ascii::is_control(c) || c == ' '; });
}

}  // namespace

void OutgoingCommands::why(const ControlRequest& request, ControlReply& reply) {
  const auto named = request.arguments.size() == 1 ? control::parse_named(request.arguments.front())
                                                   : std::nullopt;
  const auto first = request.after.empty() ? std::optional<std::uint32_t>(0)
                                           : ascii::parse_decimal<std::uint32_t>(request.after);
  if (!named || !first) return reply.fail("name a queue id (16 hex digits), or ID.N");
  using Rows = std::vector<WhyRow>;
  const auto homes = ask_all<Rows>(workers_, [named, first, most = request.limit](Worker& on) {
    return rows_at_home(on, *named, *first, most);
  });
  if (!homes) return reply.fail(too_slow);
  Rows rows;
  for (const Rows& some : *homes) rows.insert(rows.end(), some.begin(), some.end());
  if (rows.empty() && request.after.empty())
    return reply.fail(fmt::format("nothing of {} is in the queue", request.arguments.front()));
  const auto known = ask_all<Rows>(workers_, [rows](Worker& on) {
    Rows own = rows;
    for (WhyRow& row : own)
      if (row.obstacle != words_of(Obstacle::UnderWay).word) ask_destination(on, row);
    return own;
  });
  if (!known) return reply.fail(too_slow);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto knows =
        std::ranges::find_if(*known, [&](const Rows& one) { return !one[i].destination.empty(); });
    reply.row(to_json(knows != known->end() ? (*knows)[i] : rows[i]));
  }
  if (rows.size() == request.limit) reply.next(fmt::format("{}", rows.back().key.recipient + 1));
}

void OutgoingCommands::destinations(const ControlRequest& request, ControlReply& reply) {
  const auto selection = control::parse_selection(request.arguments, true);
  auto wish = std::make_shared<DestinationsWish>();
  if (!selection) return reply.fail(selection.error());
  wish->filter = selection->filter;
  const control::QueueFilter& filter = wish->filter;
  const bool has_more = !selection->named.empty() || !filter.sender.empty() ||
                        !filter.recipient.empty() || filter.older || filter.newer || filter.state;
  if (has_more) return reply.fail("show destinations takes domain NAME and limit NUMBER");
  std::uint64_t shown = 0;
  if (!request.after.empty()) {
    const std::size_t blank = request.after.find(' ');
    const auto before = ascii::parse_decimal<std::uint64_t>(request.after.substr(0, blank));
    if (before && blank != std::string::npos)
      wish->behind = parse_behind(std::string_view(request.after).substr(blank + 1));
    if (!wish->behind) return reply.fail("the place to go on from is not one of ours");
    shown = *before;
  }
  wish->limit = request.limit;
  if (filter.limit != 0) wish->limit = std::min<std::uint64_t>(request.limit, filter.limit - shown);
  using Rows = std::vector<DestinationRow>;
  auto gathering = std::make_shared<Gathering<Rows>>(workers_.size());
  for (Worker* worker : workers_)
    worker->post([wish, gathering](Worker& on) {
      on.dispatcher().run(list_destinations(on, wish, gathering));
    });
  const auto parts = gathering->wait(answer_max);
  if (!parts) return reply.fail(too_slow);
  Rows rows;
  for (const Rows& part : *parts) rows.insert(rows.end(), part.begin(), part.end());
  std::ranges::sort(rows, std::less<>{});
  const bool is_cut = rows.size() > wish->limit || rows.size() == request.limit;
  rows.resize(std::min(rows.size(), wish->limit));
  for (const DestinationRow& row : rows) reply.row(to_json(row));
  shown += rows.size();
  if (is_cut && !rows.empty() && (filter.limit == 0 || shown < filter.limit))
    reply.next(fmt::format("{} {} {}", shown, rows.back().all(), rows.back().name));
}

void OutgoingCommands::hosts(const ControlRequest&, ControlReply& reply) {
  using Servers = std::map<std::pair<std::string, std::string>, std::uint32_t>;
  const auto parts = ask_all<Servers>(
      workers_, [](Worker& on) { return on.dispatcher().destinations().servers(); });
  if (!parts) return reply.fail(too_slow);
  Servers all;
  for (const Servers& part : *parts)
    for (const auto& [key, count] : part) all[key] += count;
  for (const auto& [key, count] : all)
    reply.row(Json{{"server", key.first}, {"destination", key.second}, {"connections", count}});
}

void OutgoingCommands::routes(const ControlRequest& request, ControlReply& reply) {
  if (request.arguments.size() != 1 || !is_domain(request.arguments.front()))
    return reply.fail("name a domain");
  auto gathering = std::make_shared<Gathering<std::vector<RouteRow>>>(1);
  workers_.front()->post([domain = request.arguments.front(), gathering](Worker& on) {
    on.dispatcher().run(find_routes(on, domain, gathering));
  });
  const auto answers = gathering->wait(route_max);
  if (!answers) return reply.fail("the name servers did not answer in time");
  for (const RouteRow& row : answers->front())
    reply.row(Json{{"action", row.action},
                   {"destination", row.destination},
                   {"addresses", row.addresses},
                   {"failure", row.failure}});
}

bool OutgoingCommands::pause(std::span<const std::string> words, bool paused, ControlReply& reply) {
  const bool for_domain = words.size() == 3 && words[0] == "mta" && words[1] == "for";
  if (!for_domain && (words.size() != 1 || words[0] != "mta")) return false;
  std::function<void(Destinations&)> call;
  if (for_domain) {
    const std::string domain = ascii::lower(words[2]);
    if (!is_domain(domain)) {
      reply.fail("name a domain");
      return true;
    }
    if (paused) {
      paused_domains_.insert(domain);
    } else if (paused_domains_.erase(domain) == 0) {
      reply.fail(fmt::format("mta for {} is not paused", domain));
      return true;
    }
    call = [domain, paused](Destinations& to) { to.pause_domain(domain, paused); };
  } else {
    paused_ = paused;
    call = [paused](Destinations& to) { to.pause_smtp(paused); };
  }
  const auto answers = ask_all<bool>(workers_, [call](Worker& on) {
    call(on.dispatcher().destinations());
    return true;
  });
  if (!answers) reply.fail(too_slow);
  return true;
}

void OutgoingCommands::list_pauses(ControlReply& reply) const {
  reply.row(Json{{"name", "mta"}, {"paused", paused_}});
  for (const std::string& domain : paused_domains_)
    reply.row(Json{{"name", "mta for " + domain}, {"paused", true}});
}

}  // namespace ringpost::mta
