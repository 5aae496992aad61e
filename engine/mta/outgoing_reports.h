// OutgoingReports: what the filter processes of a relay are told of one of its connections, as
// smtp-out of smtpd-filters(7). They only hear: mail waits for none of them, and one that is not
// there when the connection is made hears nothing of it. Owner: a ClientConnection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/mta/filter_processes.h"
#include "engine/mta/find_way.h"
#include "engine/mta/generation.h"
#include "engine/mta/worker_parts.h"
#include "engine/tls/channel.h"
#include "proto/filter/outgoing_watch.h"

namespace ringpost::mta {

class OutgoingReports final : filter::OutgoingListener {
 public:
  // Nothing when no filter of the action wants to hear of it. The connection to `hop` stands;
  // `source` is the address that it was told to come from.
  static std::unique_ptr<OutgoingReports> of(WorkerParts& parts, const NextHop& next,
                                             const Hop& hop,
                                             const std::optional<net::Address>& source);
  // The connection is over.
  ~OutgoingReports() { watch.closed(); }
  OutgoingReports(const OutgoingReports&) = delete;
  OutgoingReports& operator=(const OutgoingReports&) = delete;

  void encrypted(const tls::ChannelFacts& facts);

  filter::OutgoingWatch watch;

 private:
  OutgoingReports(WorkerParts& parts, std::shared_ptr<const Generation> generation,
                  std::vector<FilterBinding> bindings, bool lmtp);
  void overheard(filter::ReportEvent event,
                 std::initializer_list<std::string_view> fields) override;
  void connected(const Hop& hop, const std::optional<net::Address>& source);

  WorkerParts& parts_;
  std::shared_ptr<const Generation> generation_;  // the bindings are of its processes
  std::vector<FilterBinding> bindings_;
  observe::SessionId session_;
  std::string line_;
};

}  // namespace ringpost::mta
