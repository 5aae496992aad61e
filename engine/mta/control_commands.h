// ControlCommands: what `ringpostctl` can ask of the daemon. The handlers run on the control thread
// and ask the cores by message; a core that does not answer in time makes the request fail, never
// the daemon.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/mta/control.h"
#include "engine/mta/control_outgoing.h"
#include "engine/mta/control_queue.h"
#include "engine/mta/dmarc_reporter.h"
#include "engine/mta/reloader.h"
#include "engine/mta/worker.h"
#include "engine/observe/event_log.h"
#include "engine/observe/filter_metrics.h"
#include "engine/observe/labelled_counters.h"
#include "engine/observe/metrics.h"

namespace ringpost::mta {

class ControlCommands {
 public:
  ControlCommands(std::span<Worker* const> workers, observe::EventLog& log,
                  std::vector<const observe::CoreMetrics*> metrics,
                  const observe::FilterMetrics& filter_metrics,
                  const observe::LabelledCounters& counters, Reloader& reloader,
                  std::function<void()> discover, DmarcReporter& reporter,
                  std::function<void()> stop, std::uint64_t restarts = 0);

  // `this` must outlive the server.
  void register_on(ControlServer& server);

 private:
  void show_envelope(const ControlRequest& request, ControlReply& reply);
  void show_stats(const ControlRequest& request, ControlReply& reply);
  void pause(const ControlRequest& request, ControlReply& reply, bool paused);
  void trace(const ControlRequest& request, ControlReply& reply, bool wanted);
  void flush_decisions(ControlReply& reply);
  void show_dmarc(ControlReply& reply);
  void log_level(const ControlRequest& request, ControlReply& reply);
  void reload(ControlReply& reply);
  void update_table(const ControlRequest& request, ControlReply& reply);
  void note(const ControlRequest& request, const ControlReply& reply);

  std::vector<Worker*> workers_;
  QueueCommands queue_;
  OutgoingCommands outgoing_;
  observe::EventLog& log_;
  std::vector<const observe::CoreMetrics*> metrics_;
  const observe::FilterMetrics& filter_metrics_;
  const observe::LabelledCounters& counters_;
  Reloader& reloader_;
  std::function<void()> discover_;
  DmarcReporter& reporter_;
  std::function<void()> stop_;
  std::uint64_t restarts_;  // of the engine, after crashes
  bool mda_paused_ = false;
  bool smtp_paused_ = false;
};

}  // namespace ringpost::mta
