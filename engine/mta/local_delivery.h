// LocalDelivery: the attempts of the destinations that one core owns: finds the action and the user
// as the present configuration has them, and writes to the mailbox. Every failure is temporary
// here; giving up is the queue's.
#pragma once

#include "engine/mta/content_reader.h"
#include "engine/mta/delivery_order.h"
#include "engine/mta/directory_sync.h"
#include "engine/mta/lmtp_delivery.h"
#include "engine/mta/maildir_writer.h"
#include "engine/mta/user_directory.h"
#include "engine/mta/worker_parts.h"
#include "proto/conf/config.h"

namespace ringpost::mta {

class LocalDelivery {
 public:
  LocalDelivery(WorkerParts& parts, const SegmentStore& segments);

  // Fills order.result. `order` must stay until the task has ended.
  ring::Task<void> deliver(DeliveryOrder& order);

  // At the end of every turn.
  void end_of_turn() { lmtp_.pump(); }
  // Nothing new is begun; idle() tells when nothing is kept open any more.
  void stop() { lmtp_.stop(); }
  // What is under way is put off.
  void abort() { lmtp_.abort(); }
  bool idle() const { return lmtp_.idle(); }

 private:
  ring::Task<UserDirectory::Answer> find_user(const conf::Action& action, std::string name);
  std::optional<std::string> folder_of(const DeliveryOrder& order, const conf::Action& action,
                                       conf::UserInfo user) const;
  ring::Task<void> by_lmtp(DeliveryOrder& order, const conf::Action& action);
  ring::Task<DeliveryResult> try_maildir(const DeliveryOrder& order, const conf::Action& action);
  ring::Task<DeliveryResult> write_maildir(const DeliveryOrder& order, const conf::UserInfo& writer,
                                           std::string folder);

  WorkerParts& parts_;
  const SegmentStore& segments_;
  DirectorySync syncs_;
  MaildirWriter writer_;
  ReadBuffers buffers_;
  LmtpDelivery lmtp_;
};

}  // namespace ringpost::mta
