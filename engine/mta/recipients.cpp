// From addresses to recipients: see recipients.h.
#include "engine/mta/recipients.h"

#include "engine/mta/enquiries.h"
#include "engine/mta/lookups.h"
#include "engine/mta/sender_rewriting.h"
#include "proto/smtp/path.h"

namespace ringpost::mta {

store::Recipient recipient_of(const conf::Delivery& delivery) {
  store::Recipient recipient;
  recipient.final_address =
      smtp::to_text(smtp::Mailbox{delivery.destination_user, delivery.destination_domain});
  recipient.action = delivery.action->name;
  recipient.user = delivery.user.username;
  recipient.sub_address = delivery.sub_address;
  if (delivery.kind == conf::DeliveryKind::Command) recipient.target = "|" + delivery.target;
  if (delivery.kind == conf::DeliveryKind::File) recipient.target = delivery.target;
  return recipient;
}

ring::Task<conf::Expansion> expand_own(WorkerParts& parts,
                                       std::shared_ptr<const Generation> generation,
                                       std::string local, std::string domain) {
  LookupMemo lookups(parts, *generation);
  conf::SessionFacts facts;
  facts.helo = generation->config.server_name;
  while (true) {
    conf::Expansion expansion =
        expand_recipient(*generation, facts, {local, domain}, lookups, parts.core.wall());
    if (expansion.outcome != conf::Outcome::Later) co_return expansion;
    conf::Question question = std::move(*expansion.waiting_for);
    conf::Answer answer = co_await parts.enquiries->find(question, generation);
    lookups.remember(std::move(question), std::move(answer));
  }
}

}  // namespace ringpost::mta
