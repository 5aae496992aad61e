// Reloader: takes a new configuration into use while the daemon runs: load, check, bind what is
// new, hand the new generation to every core between two turns. A load that fails changes nothing;
// sessions end on the generation they began with. Thread-safe: one at a time; it blocks meanwhile,
// no core does.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/mta/certificates.h"
#include "engine/mta/generation_loader.h"
#include "engine/mta/retirement.h"
#include "engine/mta/table_sources.h"
#include "engine/mta/worker.h"
#include "engine/observe/event_log.h"

namespace ringpost::mta {

struct ReloadReport {
  bool done = false;
  std::vector<std::string> messages;  // mistakes, or notes on what takes effect at a restart only
};

class Reloader {
 public:
  // `generation` is what the workers use now. Everything named must outlive it.
  Reloader(std::span<Worker* const> workers, observe::EventLog& log, TableSources& sources,
           Retirement& retirement, process::ParentLink* parent, LoadWish wish,
           std::shared_ptr<const Generation> generation);

  // The whole configuration, read anew.
  ReloadReport reload();
  // The files that `pki` and `ca` lines name, because they have changed; nothing else. Logged.
  ReloadReport reload_certificates();
  // One table, by its name; everything else stays as it is.
  ReloadReport update_table(const std::string& name);
  // Has the parent look at the files of certificates from now on.
  void watch_files();
  // Logs which certificates in use end soon.
  void tell_what_ends();
  // Of those in use. Any thread; waits for nobody who reloads.
  std::vector<CertificateEnd> ends() const;

 private:
  std::expected<LoadWish, Fault> readable_wish() const;
  ReloadReport adopt(LoadedGeneration loaded, Instant began);
  std::expected<void, Fault> hand_over(const std::shared_ptr<const Generation>& next);
  void note_ends();

  std::mutex lock_;
  std::vector<Worker*> workers_;
  observe::EventLog& log_;
  TableSources& sources_;
  Retirement& retirement_;
  process::ParentLink* parent_;
  LoadWish wish_;
  std::shared_ptr<const Generation> generation_;
  mutable std::mutex ends_lock_;
  std::vector<CertificateEnd> ends_;
};

// What is in use of certificates: all of them, or those that end soon.
void announce_certificates(observe::EventLog& log, const Generation& generation, bool all);
// The events that tell what is in use.
void announce(observe::EventLog& log, const std::string& file, const Generation& generation);

}  // namespace ringpost::mta
