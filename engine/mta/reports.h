// Reports: tells senders what became of their messages (RFC 3461, RFC 3464): failures, delays and,
// where it was asked for, success. Recipients of one message that wait for it together stand in one
// report. It is signed where a `dkim` line covers our name, and leaves without a signature when the
// key process does not answer (RFC 6376 5). A report is durable before its recipients are
// forgotten, so a crash may repeat one and loses none. Owner: the dispatcher of one core.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/mta/content_reader.h"
#include "engine/mta/delivery_order.h"
#include "engine/mta/mail_signer.h"
#include "engine/mta/worker_parts.h"
#include "engine/ring/await.h"
#include "engine/ring/task.h"
#include "proto/dsn/report.h"
#include "store/spool/envelope.h"

namespace ringpost::mta {

enum class Told : std::uint8_t {
  Sent,        // durable, and in the queue
  Unroutable,  // the rules have no way to the sender
  NotNow,      // no room, or something did not answer
};

class Reports {
 public:
  // How many attempts for a message are under way, those that wait here included.
  using UnderWay = std::function<std::size_t(QueueId)>;
  // Everything named must outlive it.
  Reports(WorkerParts& parts, const SegmentStore& segments, ReadBuffers& buffers,
          UnderWay under_way);
  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;

  // About the recipient of an attempt that is over; the message is here, its sender is not null.
  // `retry_until` counts for Delayed. `order` must stay until the task has ended.
  ring::Task<Told> tell(const DeliveryOrder& order, dsn::Action action, WallTime retry_until);
  // Waits for no further recipients, and not long for signatures.
  void stop();
  bool idle() const { return scope_.idle(); }

 private:
  struct Notice {
    const DeliveryOrder& order;
    dsn::Action action;
    WallTime retry_until;
    Told told = Told::NotNow;
    ring::Signal done = {};
  };
  using Notices = std::vector<Notice*>;
  struct Draft;

  ring::Task<void> gather(QueueId id);
  ring::Task<Told> send(QueueId id, const Notices& notices);
  ring::Task<bool> write(Draft& draft, const store::Envelope& original, const dsn::Report& report,
                         dsn::Returned returned);
  ring::Task<bool> append(Draft& draft, Bytes octets);
  ring::Task<bool> append_original(Draft& draft, const store::Envelope& original,
                                   dsn::Returned returned);
  ring::Task<bool> sign(Draft& draft);
  ring::Task<bool> is_signed(MailSigner& signer);
  ring::Task<bool> commit(Draft& draft);

  WorkerParts& parts_;
  const SegmentStore& segments_;
  ReadBuffers& buffers_;
  UnderWay under_way_;
  std::map<QueueId, Notices> waiting_;
  std::set<MailSigner*> signing_;
  bool stopping_ = false;
  ring::Scope scope_;
};

}  // namespace ringpost::mta
