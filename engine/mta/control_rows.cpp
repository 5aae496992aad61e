// Rows as JSON objects. Times are RFC 3339 in UTC, or null where there is none; counts are numbers.
#include "engine/mta/control_rows.h"

#include "engine/observe/logfmt.h"

namespace ringpost::mta {
namespace {

Json time_json(WallTime time) {
  if (time.us == 0) return nullptr;
  return observe::rfc3339_text(time);
}

Json to_json(const EnvelopeRecipientRow& row) {
  return Json{{"address", row.address},
              {"final_address", row.final_address},
              {"action", row.action},
              {"user", row.user},
              {"state", row.state},
              {"attempts", row.attempts},
              {"next_try", time_json(row.next_try)},
              {"last_error", row.last_error},
              {"orcpt", row.orcpt},
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

}  // namespace

Json to_json(const QueueRow& row) {
  return Json{{"id", to_text(row.id)},
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
  return Json{{"id", to_text(row.id)},
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
