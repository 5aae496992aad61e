// Rows as JSON objects. Times are RFC 3339 in UTC, or null where there is none; counts are numbers.
#include "engine/mta/control_rows.h"

#include <array>

#include "engine/observe/logfmt.h"

namespace ringpost::mta {
namespace {

Json to_json(const EnvelopeRecipientRow& row) {
  return Json{{"address", row.address},       {"final_address", row.final_address},
              {"action", row.action},         {"user", row.user},
              {"target", row.target},         {"state", row.state},
              {"attempts", row.attempts},     {"next_try", time_json(row.next_try)},
              {"last_error", row.last_error}, {"orcpt", row.orcpt},
              {"notify", row.notify}};
}

std::string_view kind_text(observe::SampleKind kind) {
  switch (kind) {
    case observe::SampleKind::Counter:
      return "counter";
    case observe::SampleKind::Gauge:
      return "gauge";
    case observe::SampleKind::Summary:
      return "summary";
  }
  return {};
}

std::string_view body_text(store::BodyType body) {
  switch (body) {
    case store::BodyType::SevenBit:
      return "7BIT";
    case store::BodyType::EightBitMime:
      return "8BITMIME";
    case store::BodyType::BinaryMime:
      return "BINARYMIME";
  }
  return {};
}

std::string_view return_text(store::DsnReturn dsn_return) {
  switch (dsn_return) {
    case store::DsnReturn::Unspecified:
      return {};
    case store::DsnReturn::Full:
      return "FULL";
    case store::DsnReturn::Headers:
      return "HDRS";
  }
  return {};
}

// RFC 3461 4.1: NEVER stands alone, the others may be combined.
std::string_view notify_text(std::uint8_t flags) {
  constexpr std::array<std::string_view, 8> combinations{
      "",      "SUCCESS",       "FAILURE",       "SUCCESS,FAILURE",
      "DELAY", "SUCCESS,DELAY", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"};
  static_assert(store::notify::success == 2 && store::notify::failure == 4 &&
                store::notify::delay == 8);
  if ((flags & store::notify::never) != 0) return "NEVER";
  return combinations[(flags >> 1) & 7u];
}

std::string_view state_text(const store::RecipientProgress& progress) {
  if (progress.is_held() && !store::is_final(progress.status)) return "held";
  return to_text(progress.status);
}

}  // namespace

Json time_json(WallTime time) {
  if (time.us == 0) return nullptr;
  return observe::rfc3339_text(time);
}

std::string_view to_text(store::DeliveryStatus status) {
  switch (status) {
    case store::DeliveryStatus::Pending:
      return "pending";
    case store::DeliveryStatus::Delayed:
      return "delayed";
    case store::DeliveryStatus::Delivered:
      return "delivered";
    case store::DeliveryStatus::Relayed:
      return "relayed";
    case store::DeliveryStatus::Expanded:
      return "expanded";
    case store::DeliveryStatus::Failed:
      return "failed";
    case store::DeliveryStatus::Removed:
      return "removed";
  }
  return {};
}

WallTime next_try(const store::RecipientProgress& progress) {
  const bool waits = progress.status == store::DeliveryStatus::Delayed && !progress.is_held();
  return waits ? progress.next_due : WallTime{};
}

EnvelopeRow envelope_row(QueueId id, const store::Envelope& envelope) {
  EnvelopeRow row{.id = id,
                  .generation = envelope.generation,
                  .accepted = envelope.received,
                  .octets = store::content_octets(envelope),
                  .from = envelope.reverse_path,
                  .helo = envelope.hello,
                  .client = envelope.client_address,
                  .client_name = envelope.client_name,
                  .listener = envelope.listener_tag,
                  .auth_user = envelope.authenticated_user,
                  .body = body_text(envelope.body),
                  .smtputf8 = envelope.smtputf8,
                  .ret = return_text(envelope.dsn_return),
                  .envid = envelope.envelope_id};
  for (const store::Recipient& recipient : envelope.recipients) {
    row.recipients.push_back({.address = recipient.accepted_address,
                              .final_address = recipient.final_address,
                              .action = recipient.action,
                              .user = recipient.user,
                              .target = recipient.target,
                              .state = state_text(recipient.progress),
                              .attempts = recipient.progress.attempts,
                              .next_try = next_try(recipient.progress),
                              .orcpt = recipient.original,
                              .notify = notify_text(recipient.notify_flags)});
  }
  return row;
}

Json to_json(const QueueRow& row) {
  return Json{{"id", ringpost::to_text(row.id)},
              {"recipient", row.recipient},
              {"accepted", time_json(row.accepted)},
              {"octets", row.octets},
              {"from", row.from},
              {"to", row.to},
              {"action", row.action},
              {"state", row.state},
              {"attempts", row.attempts},
              {"next_try", time_json(row.next_try)},
              {"last_error", row.last_error}};
}

Json to_json(const EnvelopeRow& row) {
  Json recipients = Json::array();
  for (const EnvelopeRecipientRow& recipient : row.recipients) {
    recipients.push_back(to_json(recipient));
  }
  return Json{{"id", ringpost::to_text(row.id)},
              {"generation", row.generation},
              {"accepted", time_json(row.accepted)},
              {"octets", row.octets},
              {"from", row.from},
              {"helo", row.helo},
              {"client", row.client},
              {"client_name", row.client_name},
              {"listener", row.listener},
              {"auth_user", row.auth_user},
              {"body", row.body},
              {"smtputf8", row.smtputf8},
              {"ret", row.ret},
              {"envid", row.envid},
              {"recipients", std::move(recipients)}};
}

Json to_json(const observe::Sample& sample) {
  return Json{{"name", sample.name},
              {"label", sample.label},
              {"kind", kind_text(sample.kind)},
              {"value", sample.value},
              {"help", sample.help}};
}

}  // namespace ringpost::mta
