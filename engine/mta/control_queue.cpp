// Commands about recipients of the queue: see control_queue.h.
#include "engine/mta/control_queue.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/mta/next_hop.h"
#include "engine/ring/clock.h"
#include "proto/conf/relay_host.h"

namespace ringpost::mta {
namespace {

constexpr Duration answer_max = seconds(10);
constexpr std::string_view too_slow = "a core did not answer in time; try again";
// Recipients that one request changes, and messages of which records are on their way at a time.
constexpr std::size_t orders_per_page = 1'000;
constexpr std::size_t orders_at_once_max = 64;
// A request that looks at much and finds little ends then, and the client asks on.
constexpr Duration page_time_max = seconds(2);

// The first page's wish; nothing when the reply has failed.
std::optional<QueueWish> wish_of(const ControlRequest& request, ControlReply& reply,
                                 std::span<const std::string> words, bool may_be_empty) {
  auto selection = control::parse_selection(words, may_be_empty);
  if (!selection) {
    reply.fail(selection.error());
    return std::nullopt;
  }
  const auto place = parse_queue_place(request.after);
  if (!place) {
    reply.fail("the place to go on from is not one of ours");
    return std::nullopt;
  }
  QueueWish wish;
  wish.selection = std::make_shared<const control::Selection>(std::move(*selection));
  wish.from = *place;
  if (wish.from.began.us == 0) wish.from.began = ring::wall_now();
  return wish;
}

// What one core found for a page, and where its search goes on.
struct Served {
  std::size_t found = 0;
  std::optional<QueuePlace> next = {};
};

// Credentials are the configuration's to give.
bool is_usable(std::string_view host) {
  const auto parsed = conf::parse_relay_host(host);
  return parsed && parsed->label.empty();
}

// Lets core after core serve `wish`, until the page is full or its time is over; the reply says
// where the next one goes on. Gives how many were found so far, or nothing when a core was too
// slow.
template <class Serve>
std::optional<std::uint64_t> serve_page(std::size_t cores, QueueWish wish, std::size_t page,
                                        ControlReply& reply, Serve&& serve) {
  const std::uint64_t most = wish.selection->filter.limit;
  const Instant end = ring::monotonic_now() + page_time_max;
  std::size_t left = page;
  while (wish.from.core < cores) {
    wish.limit = most == 0 ? left : std::min<std::uint64_t>(left, most - wish.from.found);
    const std::optional<Served> served = serve(std::as_const(wish));
    if (!served) return std::nullopt;
    const std::uint64_t found = wish.from.found + served->found;
    left -= served->found;
    const bool core_is_done = !served->next;
    const QueuePlace next_core{.core = wish.from.core + 1, .began = wish.from.began};
    wish.from = core_is_done ? next_core : *served->next;
    wish.from.found = found;
    if (wish.from.core == cores || (most != 0 && found >= most)) break;
    if (!core_is_done || left == 0 || ring::monotonic_now() >= end) {
      reply.next(to_text(wish.from));
      break;
    }
  }
  return wish.from.found;
}

// One page of orders on one core: some messages at a time, so that their records share writes.
class OrderPage {
 public:
  OrderPage(Worker& worker, OperatorOrder order, std::string host, std::vector<QueueEntry> entries)
      : worker_(worker), order_(order), host_(std::move(host)), entries_(std::move(entries)) {}

  ring::Task<Obeyed> run() {
    if (entries_.empty()) co_return tally_;
    lanes_ = orders_at_once_max;
    for (std::size_t i = 0; i < orders_at_once_max; ++i) worker_.dispatcher().run(lane());
    co_await ended_;
    co_return tally_;
  }

 private:
  ring::Task<void> lane() {
    while (at_ < entries_.size()) {
      const QueueId id = entries_[at_].id;
      std::vector<std::uint32_t> recipients;
      for (; at_ < entries_.size() && entries_[at_].id == id; ++at_)
        recipients.push_back(entries_[at_].recipient);
      const Obeyed obeyed =
          co_await worker_.dispatcher().obey(order_, id, std::move(recipients), host_);
      tally_ += obeyed;
    }
    if (--lanes_ == 0) ended_.set();
  }

  Worker& worker_;
  OperatorOrder order_;
  std::string host_;
  std::vector<QueueEntry> entries_;
  std::size_t at_ = 0;
  std::size_t lanes_ = 0;
  Obeyed tally_;
  ring::Signal ended_;
};

struct OrderAnswer {
  std::size_t found = 0;
  Obeyed obeyed;
  std::optional<QueuePlace> next = {};
};

ring::Task<void> order_in_queue(Worker& worker, QueueWish wish, OperatorOrder order,
                                std::string host,
                                std::shared_ptr<Gathering<OrderAnswer>> gathering) {
  QueuePart part = co_await find_in_queue(worker.core(), worker.dispatcher(), std::move(wish));
  OrderAnswer answer;
  answer.found = part.entries.size();
  answer.next = part.next;
  OrderPage page(worker, order, std::move(host), std::move(part.entries));
  answer.obeyed = co_await page.run();
  gathering->answer(answer);
}

}  // namespace

void QueueCommands::show(const ControlRequest& request, ControlReply& reply) {
  auto wish = wish_of(request, reply, request.arguments, true);
  if (!wish) return;
  wish->with_details = true;
  std::vector<QueueEntry> entries;
  const auto serve = [&](const QueueWish& part_wish) -> std::optional<Served> {
    auto gathering = std::make_shared<Gathering<QueuePart>>(1);
    workers_[part_wish.from.core]->post([part_wish, gathering](Worker& on) {
      on.dispatcher().run(list_queue(on, part_wish, gathering));
    });
    auto parts = gathering->wait(answer_max);
    if (!parts) return std::nullopt;
    QueuePart& part = parts->front();
    std::ranges::move(part.entries, std::back_inserter(entries));
    return Served{part.entries.size(), part.next};
  };
  if (!serve_page(workers_.size(), *wish, request.limit, reply, serve)) {
    reply.fail(too_slow);
    return;
  }
  std::ranges::sort(entries, {}, [](const QueueEntry& e) { return std::pair(e.id, e.recipient); });
  for (const QueueEntry& entry : entries)
    if (!reply.row(to_json(row_of(entry)))) reply.fail("these rows are too long for an answer");
}

void QueueCommands::order(const ControlRequest& request, ControlReply& reply, OperatorOrder order,
                          std::string_view done_word) {
  std::vector<std::string> words = request.arguments;
  std::string host;
  if (order == OperatorOrder::Reroute) {
    const auto to = control::split_reroute(words);
    if (!to) return reply.fail(to.error());
    if (!is_usable(to->host))
      return reply.fail(fmt::format("\"{}\" is not a host that mail can be relayed to", to->host));
    host = to->host;
    words = to->which;
  }
  auto wish = wish_of(request, reply, words, false);
  if (!wish) return;
  wish->leaves_out_new = order == OperatorOrder::Bounce;  // reports are not to be given up
  Obeyed total;
  const auto serve = [&](const QueueWish& part_wish) -> std::optional<Served> {
    auto gathering = std::make_shared<Gathering<OrderAnswer>>(1);
    workers_[part_wish.from.core]->post([part_wish, order, host, gathering](Worker& on) {
      on.dispatcher().run(order_in_queue(on, part_wish, order, host, gathering));
    });
    const auto answers = gathering->wait(answer_max);
    if (!answers) return std::nullopt;
    const OrderAnswer& answer = answers->front();
    total += answer.obeyed;
    return Served{answer.found, answer.next};
  };
  const auto found = serve_page(workers_.size(), *wish, orders_per_page, reply, serve);
  if (!found) {
    reply.fail("a core is still at it; ask show queue how far it is");
    return;
  }
  if (*found == 0 && !wish->selection->named.empty()) {
    reply.fail("no such message is in the queue");
    return;
  }
  reply.set(done_word, total.done);
  if (total.busy != 0) reply.set("busy", total.busy);
  if (total.held != 0) reply.set("held", total.held);
  if (total.unfit != 0) reply.set("unfit", total.unfit);
}

}  // namespace ringpost::mta
