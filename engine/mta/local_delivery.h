// LocalDelivery: the attempts of the destinations that one core owns. Each is a list of steps: the
// action as the present configuration has it, whose mailbox and with whose rights, then the method:
// a Maildir, an mbox, a command or a file. A result is always given; what becomes of it is
// the queue's. Owner: one core.
#pragma once

#include "engine/mta/content_reader.h"
#include "engine/mta/delivery_job.h"
#include "engine/mta/delivery_order.h"
#include "engine/mta/directory_sync.h"
#include "engine/mta/maildir_writer.h"
#include "engine/mta/worker_parts.h"
#include "engine/process/agent.h"
#include "proto/conf/config.h"
#include "proto/mail/delivery_scan.h"

namespace ringpost::mta {

class LocalDelivery {
 public:
  LocalDelivery(WorkerParts& parts, const SegmentStore& segments);

  // Fills order.result. `order` must stay until the task has ended.
  ring::Task<void> deliver(DeliveryOrder& order);

 private:
  using MaybeResult = std::optional<DeliveryResult>;

  ring::Task<DeliveryResult> by_user(const DeliveryOrder& order,
                                     std::shared_ptr<const Generation> generation,
                                     const conf::Action& action);
  ring::Task<MaybeResult> find_people(DeliveryJob& job,
                                      std::shared_ptr<const Generation> generation);
  ring::Task<DeliveryResult> to_maildir(const DeliveryJob& job);
  ring::Task<DeliveryResult> to_own_maildir(const DeliveryJob& job, std::string folder,
                                            std::string preferred);
  ring::Task<DeliveryResult> to_mbox(const DeliveryJob& job);
  ring::Task<DeliveryResult> to_file(const DeliveryJob& job);
  ring::Task<DeliveryResult> to_command(const DeliveryJob& job, const conf::FormatString& command);
  // By a process that has become `user`; `where` stands in the result when it says nothing itself.
  ring::Task<DeliveryResult> by_agent(const DeliveryJob& job, process::AgentUser user,
                                      process::AgentOrder order, std::string where);
  ring::Task<std::expected<mail::DeliveryScan, Fault>> read_header(const DeliveryJob& job);
  ring::Task<bool> is_folder(std::string path);

  WorkerParts& parts_;
  const SegmentStore& segments_;
  DirectorySync syncs_;
  MaildirWriter writer_;
  ReadBuffers buffers_;
};

}  // namespace ringpost::mta
