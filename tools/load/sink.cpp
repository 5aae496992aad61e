// The sink's part of one thread; see sink.h.
#include "tools/load/sink.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "proto/base/check.h"
#include "tools/load/sink_connection.h"

namespace ringpost::load {
namespace {

// A sink refuses nothing that it can help to refuse.
constexpr smtp::SessionLimits sink_limits{
    .recipients_max = 100'000,
    .messages_max = std::numeric_limits<std::uint32_t>::max(),
    .message_octets_max = 1ull << 40,
    .errors_max = 1'000,
    .received_fields_max = std::numeric_limits<std::uint32_t>::max(),
    .idle = seconds(7 * 86'400),
    .total = seconds(7 * 86'400),
};

smtp::SessionLimits limits_of(const Options& options) {
  smtp::SessionLimits limits = sink_limits;
  if (options.lmtp)
    limits.bare_line_ends = smtp::BareLineEnds::Keep;
  else if (options.announced.size && options.announced.size_octets_max > 0)
    limits.message_octets_max = options.announced.size_octets_max;
  return limits;
}

std::string hello_reply_of(const Options& options) {
  const smtp::Announced& announced = options.announced;
  std::string text = fmt::format("250-{}\r\n", Sink::server_name);
  if (announced.pipelining) text += "250-PIPELINING\r\n";
  if (announced.size && announced.size_octets_max > 0)
    text += fmt::format("250-SIZE {}\r\n", announced.size_octets_max);
  else if (announced.size)
    text += "250-SIZE\r\n";
  if (announced.eight_bit_mime) text += "250-8BITMIME\r\n";
  if (announced.smtputf8) text += "250-SMTPUTF8\r\n";
  if (announced.dsn) text += "250-DSN\r\n";
  if (announced.chunking) text += "250-CHUNKING\r\n";
  if (options.encryption == Encryption::StartTls) text += "250-STARTTLS\r\n";
  return text + "250 ENHANCEDSTATUSCODES\r\n";
}

}  // namespace

std::expected<std::unique_ptr<Sink>, Fault> Sink::create(const Options& options, unsigned thread,
                                                         Statistics& statistics) {
  std::unique_ptr<Sink> self(new Sink(options, thread, statistics));
  auto core = ring::Core::create({.index = thread});
  if (!core) return std::unexpected(core.error());
  self->core_ = std::move(*core);
  auto buffers = memory::BufferRing::create(self->core_->ring(), {});
  if (!buffers) return std::unexpected(buffers.error());
  self->buffers_ = std::move(*buffers);
  if (!options.ledger.empty()) {
    auto ledger = Ledger::open(options.ledger);
    if (!ledger) return std::unexpected(ledger.error());
    self->ledger_ = std::move(*ledger);
  }
  if (const auto listening = self->listen(); !listening) return std::unexpected(listening.error());
  return self;
}

Sink::Sink(const Options& options, unsigned thread, Statistics& statistics)
    : options_(options),
      statistics_(statistics),
      limits_(limits_of(options)),
      hello_reply_(hello_reply_of(options)),
      play_(options.rules, thread) {
  if (options.keys != nullptr) signer_ = std::make_unique<SinkSigner>(*options.keys);
  statistics_.sink.destinations.resize(options.listen.size());
  statistics_.sink.rules.resize(options.rules.size());
}

Sink::~Sink() = default;

// All are bound before the first one listens: a sink that cannot have one of them takes none.
std::expected<void, Fault> Sink::listen() {
  destinations_.reserve(options_.listen.size());  // listeners keep references to their elements
  for (const net::Address& address : options_.listen) {
    const auto file = net::bind_socket(address);
    if (!file) return std::unexpected(file.error());
    const auto host = conf::parse_net_address(address.host());
    CHECK(host);
    Destination& destination =
        destinations_.emplace_back(*host, address.port(), destinations_.size());
    destination.listener = std::make_unique<net::Listener>(
        *core_, *file,
        [this, &destination](int direct_file) { accepted(destination, direct_file); });
  }
  for (const Destination& destination : destinations_)
    if (const auto started = destination.listener->start(); !started)
      return std::unexpected(started.error());
  return {};
}

void Sink::accepted(const Destination& destination, int direct_file) {
  connections_.push_back(std::make_unique<SinkConnection>(*this, destination, direct_file));
  connections_.back()->place = std::prev(connections_.end());
}

const Rule* Sink::choose(const Occasion& occasion) {
  const Rule* rule = play_.choose(occasion);
  if (rule != nullptr)
    ++statistics_.sink.rules[static_cast<std::size_t>(rule - options_.rules.data())];
  return rule;
}

void Sink::write_ledger() {
  if (!ledger_.flush()) statistics_.ledger_failed = true;
}

void Sink::connection_over(SinkConnection& connection) { over_.push_back(&connection); }

void Sink::run_to_end() {
  core_->at_turn_end([this] {
    buffers_->serve_waiters();
    if (signer_ != nullptr) signer_->deliver();
    for (SinkConnection* connection : over_) connections_.erase(connection->place);
    over_.clear();
  });
  if (options_.run_time > Duration{})
    core_->timers().arm(run_timer_, core_->now() + options_.run_time);
  core_->run([this] { return finished(); });
  core_->timers().disarm(run_timer_);
}

bool Sink::finished() const {
  return connections_.empty() && std::ranges::all_of(destinations_, [](const auto& destination) {
           return destination.listener->finished();
         });
}

void Sink::time_is_up() {
  if (stopping_) return;
  stopping_ = true;
  for (const Destination& destination : destinations_) destination.listener->stop();
  for (const auto& connection : connections_) connection->shut_down();
  core_->stop();
}

void Sink::stop_asked(ring::Message& message) {
  static_cast<StopMessage&>(message).sink.time_is_up();
}

}  // namespace ringpost::load
