// Reloading: see reloader.h.
#include "engine/mta/reloader.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>

#include "engine/mta/configuration_bundle.h"
#include "engine/mta/gathering.h"
#include "engine/mta/listen_sockets.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

constexpr Duration adoption_max = seconds(10);
constexpr int backlog_max = 4096;

bool has(std::span<const ListenAddress> listeners, const net::Address& address) {
  return std::ranges::any_of(
      listeners, [&address](const ListenAddress& one) { return one.address == address; });
}

// What the running daemon cannot change; each is named once.
std::vector<std::string> restart_notes(const conf::Config& old, const conf::Config& next) {
  std::vector<std::string> notes;
  const auto note = [&notes](bool changed, std::string_view what) {
    if (changed) notes.push_back(fmt::format("{} has changed: it takes effect at a restart", what));
  };
  note(old.engine.cores != next.engine.cores, "\"engine cores\"");
  note(old.engine.user != next.engine.user, "\"engine user\"");
  const bool had_keys = !old.pkis.empty() || !old.dkim_keys.empty() || old.arc_key.has_value();
  note(old.engine.keys_user != next.engine.keys_user && had_keys, "\"engine keys-user\"");
  note(!next.engine.log_path.empty() && old.engine.log_path != next.engine.log_path, "\"log\"");
  note(old.spool.path != next.spool.path, "\"spool path\"");
  note(old.spool.segment_octets != next.spool.segment_octets, "\"spool segment-size\"");
  note(old.spool.segments_ready != next.spool.segments_ready, "\"spool segments-ready\"");
  note(old.spool.free_octets_min != next.spool.free_octets_min, "\"spool min-free\"");
  return notes;
}

}  // namespace

void announce(observe::EventLog& log, const std::string& file, const Generation& generation) {
  const conf::Config& config = generation.config;
  const WallTime now = ring::wall_now();
  log.emit(now,
           observe::ConfigLoaded{.file = file,
                                 .listeners = static_cast<std::uint32_t>(config.listeners.size()),
                                 .rules = static_cast<std::uint32_t>(config.rules.size()),
                                 .tables = static_cast<std::uint32_t>(config.tables.size())});
  for (const ListenAddress& listener : generation.listeners) {
    const std::string host = listener.address.host();
    log.emit(now, observe::Listening{
                      .address = host, .port = listener.address.port(), .tag = listener.tag});
  }
  announce_certificates(log, generation, true);
}

void announce_certificates(observe::EventLog& log, const Generation& generation, bool all) {
  const WallTime now = ring::wall_now();
  for (const auto& [name, certificate] : generation.certificates.pkis) {
    const Duration left = certificate->not_after - now;
    const bool ends_soon = left < certificate_ends_soon;
    if (!all && !ends_soon) continue;
    log.emit(now, observe::CertificateInUse{
                      .pki = name,
                      .key = to_text(certificate->kind),
                      .names = fmt::format("{}", fmt::join(certificate->names, ",")),
                      .days_left = left.seconds() / 86'400,
                      .ends_soon = ends_soon});
  }
}

Reloader::Reloader(std::span<Worker* const> workers, observe::EventLog& log, TableSources& sources,
                   Retirement& retirement, process::ParentLink* parent, LoadWish wish,
                   std::shared_ptr<const Generation> generation)
    : workers_(workers.begin(), workers.end()),
      log_(log),
      sources_(sources),
      retirement_(retirement),
      parent_(parent),
      wish_(std::move(wish)),
      generation_(std::move(generation)) {
  note_ends();
}

void Reloader::note_ends() {
  auto ends = certificate_ends(generation_->config, generation_->certificates);
  const std::lock_guard guard(ends_lock_);
  ends_ = std::move(ends);
}

std::vector<CertificateEnd> Reloader::ends() const {
  const std::lock_guard guard(ends_lock_);
  return ends_;
}

// By a process of the parent's, which tells the parent what that permits, and can read what the
// engine may not read any more.
std::expected<LoadWish, Fault> Reloader::readable_wish() const {
  if (parent_ == nullptr) return wish_;
  auto bundle = fetch_configuration(*parent_);
  if (!bundle) return std::unexpected(bundle.error());
  LoadWish wish = wish_;
  wish.read = reader_of(std::move(*bundle));
  return wish;
}

ReloadReport Reloader::reload() {
  const std::lock_guard guard(lock_);
  const Instant began = ring::monotonic_now();
  const auto wish = readable_wish();
  if (!wish) return {false, {to_text(wish.error())}};
  ReloadReport report = adopt(load_generation(*wish), began);
  if (report.done && parent_ != nullptr) parent_->adopt_configuration();
  return report;
}

ReloadReport Reloader::reload_certificates() {
  const std::lock_guard guard(lock_);
  const Instant began = ring::monotonic_now();
  const auto wish = readable_wish();
  ReloadReport report = wish ? adopt(mta::reload_certificates(*wish, *generation_), began)
                             : ReloadReport{false, {to_text(wish.error())}};
  log_.emit(ring::wall_now(), observe::CertificatesReloaded{
                                  .done = report.done,
                                  .detail = fmt::format("{}", fmt::join(report.messages, "; "))});
  return report;
}

void Reloader::tell_what_ends() {
  const std::lock_guard guard(lock_);
  announce_certificates(log_, *generation_, false);
}

ReloadReport Reloader::update_table(const std::string& name) {
  const std::lock_guard guard(lock_);
  const Instant began = ring::monotonic_now();
  const conf::Table* const table = generation_->config.find_table(name);
  if (table == nullptr) return {false, {fmt::format("there is no table \"{}\"", name)}};
  if (table->backend() == conf::TableBackend::Proc) {
    auto error = generation_->sources.at(table)->update();
    if (!error) return {true, {}};
    return {false, {fmt::format("table \"{}\": {}", name, *error)}};
  }
  if (table->path_or_command().empty())
    return {false, {fmt::format("table \"{}\" stands in the configuration: use reload", name)}};
  const auto wish = readable_wish();
  if (!wish) return {false, {to_text(wish.error())}};
  return adopt(reload_table(*wish, *generation_, *table), began);
}

void Reloader::watch_files() {
  if (parent_ == nullptr) return;
  for (const std::string& path : certificate_files(generation_->config)) parent_->watch_file(path);
}

// `began`: before anything was read. Keys and files that nobody has named since are forgotten.
ReloadReport Reloader::adopt(LoadedGeneration loaded, Instant began) {
  ReloadReport report;
  for (const conf::Diagnostic& diagnostic : loaded.diagnostics)
    report.messages.push_back(conf::to_text_with_caret(diagnostic));
  if (loaded.generation == nullptr) return report;
  std::vector<std::string> errors = sources_.open(*loaded.generation);
  if (!errors.empty()) {
    std::ranges::move(errors, std::back_inserter(report.messages));
    return report;
  }
  const auto next = retirement_.watch(std::move(loaded.generation));
  if (auto done = hand_over(next); !done) {
    report.messages.push_back(to_text(done.error()));
    return report;
  }
  std::ranges::move(restart_notes(generation_->config, next->config),
                    std::back_inserter(report.messages));
  generation_ = next;
  note_ends();
  watch_files();
  if (parent_ != nullptr) parent_->forget_files(began);
  announce(log_, wish_.path, *next);
  keep_patterns(wish_, *next);
  report.done = true;
  return report;
}

// New sockets listen before anybody accepts: what fails, fails before a core has heard of it.
std::expected<void, Fault> Reloader::hand_over(const std::shared_ptr<const Generation>& next) {
  std::vector<ListenAddress> fresh;
  std::ranges::copy_if(next->listeners, std::back_inserter(fresh), [this](const auto& one) {
    return !has(generation_->listeners, one.address);
  });
  auto sockets = bind_listeners(fresh, static_cast<unsigned>(workers_.size()), parent_, Duration{});
  if (!sockets) return std::unexpected(sockets.error());
  for (const auto& of_core : *sockets)
    for (const net::BoundSocket& socket : of_core)
      if (listen(socket.file(), backlog_max) != 0) {
        const Fault fault{"listen", errno};
        forget_sockets(fresh, parent_);
        return std::unexpected(fault);
      }

  auto adopted = std::make_shared<Gathering<bool>>(workers_.size());
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    auto adoption = std::make_shared<Adoption>(next, std::move((*sockets)[i]), fresh);
    workers_[i]->post([adoption, adopted](Worker& worker) {
      worker.adopt(std::move(*adoption));
      adopted->answer(true);
    });
  }
  // A core that is slow still adopts it: there is no way back once it was posted.
  adopted->wait(adoption_max);
  std::vector<ListenAddress> gone;
  std::ranges::copy_if(generation_->listeners, std::back_inserter(gone),
                       [&next](const auto& one) { return !has(next->listeners, one.address); });
  forget_sockets(gone, parent_);
  return {};
}

}  // namespace ringpost::mta
