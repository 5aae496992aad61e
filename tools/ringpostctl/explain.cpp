// A damaged record is passed over; a file that cannot be read is an error.
#include "tools/ringpostctl/explain.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fmt/format.h>

#include "engine/observe/logfmt.h"
#include "store/decision/chunk.h"
#include "store/decision/token.h"
#include "tools/ringpostctl/daemon_client.h"
#include "tools/ringpostctl/spool_reader.h"
#include "tools/ringpostctl/table.h"

namespace ringpost::ctl {
namespace {

using mta::Json;
using store::NameState;

constexpr std::array<std::string_view, store::name_states> name_state_words{
    "not known", "none", "confirmed", "unconfirmed", "unchecked", "failed"};

// What is looked for.
struct Wanted {
  std::optional<QueueId> id;
  std::string token;

  bool matches(const store::DecisionRecord& record) const {
    if (id) return record.id == *id || record.session == id->value;
    return store::token_of(record.id) == token;
  }
};

struct Decision {
  std::pair<WallTime, std::size_t> order;  // those of one moment as they were written
  Json json;
};

struct Found {
  std::vector<Decision> decisions;
  std::optional<WallTime> oldest;  // of all that are kept
};

Wanted wanted(std::string_view word) {
  if (const auto id = parse_queue_id(word)) return {.id = id, .token = {}};
  return {.id = {}, .token = store::parse_token(word).value_or(std::string())};
}

std::expected<Found, Fault> find(const std::string& path, const Wanted& wanted) {
  const auto file = ReadFile::open(path);
  if (!file) return std::unexpected(file.error());
  Found found;
  std::vector<std::byte> chunk(store::chunk_octets);
  for (std::uint64_t at = 0; at < file->octets(); at += chunk.size()) {
    const auto octets = file->read(at, chunk);
    if (!octets) return std::unexpected(octets.error());
    store::read_chunk(Bytes(chunk).first(*octets), [&](const store::DecisionRecord& record) {
      if (!found.oldest || record.at < *found.oldest) found.oldest = record.at;
      if (wanted.matches(record))
        found.decisions.push_back({{record.at, found.decisions.size()}, to_json(record)});
    });
  }
  std::ranges::sort(found.decisions, std::ranges::greater(), &Decision::order);
  return found;
}

std::string text_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? printable(member->get<std::string>()) : "";
}

std::string rule_text(const Json& recipient) {
  const std::string rule = text_of(recipient, "rule");
  if (rule.empty()) return "no rule";
  return rule.contains(':') ? fmt::format("the rule at {}", rule)
                            : fmt::format("the rule in line {}", rule);
}

std::string client_text(const Json& decision) {
  const std::string tag = text_of(decision, "tag"), user = text_of(decision, "user");
  const std::string tls = text_of(decision, "tls"), helo = text_of(decision, "helo");
  std::string text =
      fmt::format("  The client {} came in at {}{}{}.\n", text_of(decision, "client"),
                  text_of(decision, "listener"), tag.empty() ? "" : fmt::format(" (tag {})", tag),
                  tls.empty() ? "" : fmt::format(", encrypted with {}", tls));
  const std::string name = text_of(decision, "rdns"), state = text_of(decision, "rdns_state");
  if (state == "none") text += "  The DNS has no name for it.\n";
  if (state == "failed") text += "  The DNS could not say its name.\n";
  if (state == "confirmed")
    text += fmt::format("  The DNS calls it {}, and that name leads back to it.\n", name);
  if (state == "unconfirmed")
    text += fmt::format("  The DNS calls it {}, but that name does not lead back to it.\n", name);
  if (state == "unchecked")
    text += fmt::format("  The DNS calls it {}; where that name leads it could not say.\n", name);
  if (!helo.empty()) text += fmt::format("  It called itself {}.\n", helo);
  if (!user.empty()) text += fmt::format("  It was authenticated as {}.\n", user);
  return text;
}

std::string envelope_text(const Json& decision) {
  std::string text;
  if (decision.contains("from")) text += fmt::format("  Sender: <{}>\n", text_of(decision, "from"));
  const std::uint64_t accepted = decision.value("recipients", std::uint64_t{0});
  std::uint64_t shown = 0;
  for (const Json& one : decision.value("to", Json::array())) {
    ++shown;
    text +=
        fmt::format("  Recipient <{}>: taken by {}.\n", text_of(one, "address"), rule_text(one));
  }
  if (accepted > shown) text += fmt::format("  And {} more recipients.\n", accepted - shown);
  if (const auto refused = decision.find("refused"); refused != decision.end())
    text += fmt::format("  Recipient <{}>: refused; {} decided.\n", text_of(*refused, "address"),
                        rule_text(*refused));
  return text;
}

std::string findings_text(const Json& decision) {
  std::string text;
  for (const Json& one : decision.value("filters", Json::array())) {
    const std::string said = text_of(one, "text"), reason = text_of(one, "reason");
    text += fmt::format("  Filter {}, at {}: {}{}\n", text_of(one, "filter"), text_of(one, "phase"),
                        reason.empty() ? text_of(one, "decision") : "could not decide, " + reason,
                        said.empty() ? "" : fmt::format(" \"{}\"", said));
  }
  for (const Json& one : decision.value("lookups", Json::array()))
    text += fmt::format("  Asked for {}: {}.\n", text_of(one, "what"), text_of(one, "outcome"));
  for (const Json& one : decision.value("authentication", Json::array()))
    text += fmt::format("  Authentication: {}={} {}\n", text_of(one, "method"),
                        text_of(one, "result"), text_of(one, "detail"));
  return text;
}

std::string times_text(const Json& decision) {
  std::string text;
  for (const auto& [stage, spent] : decision.value("microseconds", Json::object()).items())
    text +=
        fmt::format("{}{} {:.3f} ms", text.empty() ? "" : ", ", stage, spent.get<double>() / 1'000);
  return text.empty() ? "" : fmt::format("  Time: {}.\n", text);
}

}  // namespace

Json to_json(const store::DecisionRecord& record) {
  const auto text = [](std::string_view value) { return std::string(value); };
  Json json{{"id", to_text(record.id)},
            {"token", store::token_of(record.id)},
            {"time", observe::rfc3339_text(record.at)},
            {"session", to_text(QueueId{record.session})},
            {"verdict", to_text(record.verdict)},
            {"stage", to_text(record.stage)},
            {"junk", record.is_junk},
            {"code", record.code},
            {"reply", text(record.reply)},
            {"client", text(record.client)},
            {"rdns", text(record.client_name)},
            {"rdns_state", name_state_words[std::to_underlying(record.name_state)]},
            {"listener", text(record.listener)},
            {"tag", text(record.tag)},
            {"helo", text(record.hello)},
            {"tls", text(record.tls)},
            {"user", text(record.user)},
            {"octets", record.content_octets}};
  if (record.has_sender) json["from"] = text(record.sender);
  json["recipients"] = record.recipients_accepted;
  const auto recipient = [&](const store::DecidedRecipient& one) {
    return Json{{"address", text(one.address)}, {"rule", text(one.rule)}};
  };
  json["to"] = Json::array();
  for (const auto& one : record.recipients) json["to"].push_back(recipient(one));
  if (!record.refused.address.empty()) json["refused"] = recipient(record.refused);
  json["filters"] = json["lookups"] = json["authentication"] = Json::array();
  for (const store::FilterSay& one : record.says)
    json["filters"].push_back(Json{{"filter", text(one.filter)},
                                   {"phase", filter::word_of(one.phase)},
                                   {"decision", text(one.word)},
                                   {"text", text(one.text)},
                                   {"reason", text(one.reason)}});
  for (const store::LookupMade& one : record.lookups)
    json["lookups"].push_back(Json{{"what", text(one.what)}, {"outcome", text(one.outcome)}});
  for (const store::AuthenticationWord& one : record.authentication)
    json["authentication"].push_back(Json{
        {"method", text(one.method)}, {"result", text(one.result)}, {"detail", text(one.detail)}});
  json["microseconds"] = Json::object();
  for (std::size_t i = 0; i < record.spent_us.size(); ++i)
    if (record.spent_us[i] != 0)
      json["microseconds"][std::string(store::stage_words[i])] = record.spent_us[i];
  return json;
}

std::string decision_text(const Json& decision) {
  const std::string verdict = text_of(decision, "verdict");
  const bool accepted = verdict == "accepted";
  std::string text = fmt::format(
      "{}  {}  session {}\n", text_of(decision, "time"),
      accepted ? "message " + text_of(decision, "id") : "token " + text_of(decision, "token"),
      text_of(decision, "session"));
  text += client_text(decision) + envelope_text(decision) + findings_text(decision) +
          times_text(decision);
  if (const std::uint64_t octets = decision.value("octets", std::uint64_t{0}); octets != 0)
    text += fmt::format("  Content: {}.\n", size_text(octets));
  if (decision.value("junk", false)) text += "  It was marked as junk.\n";
  if (accepted) return text + "  Verdict: accepted.\n";
  return text + fmt::format("  Verdict: {} at {}: {} {}\n", verdict, text_of(decision, "stage"),
                            decision.value("code", 0), text_of(decision, "reply"));
}

int explain(const Invocation& invocation, const Output& output) {
  // The latest ones are in the daemon's memory, if it runs.
  const control::Request request{.command = "flush decisions"};
  static_cast<void>(ask(invocation.socket_path, request, [](std::span<const Json>) {}));
  const std::string path = invocation.spool_path + "/decisions";
  const auto found = find(path, wanted(invocation.arguments.front()));
  if (!found) return output.fail(printable(to_text(found.error())));
  if (found->decisions.empty())
    return output.fail(
        found->oldest
            ? fmt::format("no decision about {} is kept; the oldest that is kept is of {}",
                          invocation.arguments.front(), observe::rfc3339_text(*found->oldest))
            : fmt::format("no decision about {} is kept, nor any other",
                          invocation.arguments.front()));
  for (const Decision& decision : found->decisions)
    invocation.json ? output.put_line(decision.json) : output.put(decision_text(decision.json));
  return exit_ok;
}

}  // namespace ringpost::ctl
