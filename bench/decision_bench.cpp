// What the record of a decision costs a core, and its size, over sessions as they are: an accepted
// message of one recipient, one that filters looked at, a refused recipient.
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/mta/decision_notes.h"
#include "store/decision/chunk.h"

namespace ringpost::store {
namespace {

DecisionRecord accepted() {
  return {.id = {0x0106'1e22'1234'5678},
          .session = 0x0100'0000'0000'1234,
          .at = {1'795'392'611'123'456},
          .client = "203.0.113.77",
          .name_state = NameState::Confirmed,
          .client_name = "mail-ej1-f77.provider.example",
          .listener = "192.0.2.25:25",
          .hello = "mail-ej1-f77.provider.example",
          .tls = "TLSv1.3",
          .has_sender = true,
          .sender = "firstname.lastname@company.example",
          .recipients_accepted = 1,
          .recipients = {{"office@customer.example", "31"}},
          .spent_us = {12'300, 140, 0, 90, 310, 80, 41'000, 2'400, 0},
          .content_octets = 48'112};
}

DecisionRecord filtered() {
  DecisionRecord record = accepted();
  record.says = {{.phase = filter::Phase::Connect,
                  .filter = "check_dyndns",
                  .word = "report",
                  .text = "looks dynamic"},
                 {.phase = filter::Phase::Commit, .filter = "rspamd", .word = "junk"}};
  record.lookups = {{"table users key office@customer.example", "found"}};
  record.is_junk = true;
  record.spent_us[std::to_underlying(Stage::Filters)] = 71'000;
  return record;
}

DecisionRecord refused() {
  DecisionRecord record = accepted();
  record.verdict = DecisionVerdict::Refused;
  record.stage = Stage::Rcpt;
  record.code = 550;
  record.reply = "5.1.1 Recipient address rejected: no such user";
  record.recipients_accepted = 0;
  record.recipients.clear();
  record.refused = {"info@customer.example", "31"};
  record.content_octets = 0;
  record.spent_us = {12'300, 140, 0, 90, 310};
  return record;
}

void append(benchmark::State& state, const DecisionRecord& record) {
  std::vector<std::byte> room(chunk_octets);
  ChunkWriter writer(room);
  writer.begin(1);
  std::uint64_t sequence = 1;
  std::size_t octets = 0;
  for (auto _ : state) {
    const std::size_t before = writer.octets().size();
    if (!writer.append(record)) {
      writer.begin(++sequence);
      continue;
    }
    octets = writer.octets().size() - before;
  }
  state.counters["octets"] = static_cast<double>(octets);
}
BENCHMARK_CAPTURE(append, accepted, accepted());
BENCHMARK_CAPTURE(append, filtered, filtered());
BENCHMARK_CAPTURE(append, refused, refused());

// What a session notes for an accepted message, and what the record is filled with.
void note_and_fill(benchmark::State& state) {
  mta::DecisionNotes notes;
  DecisionRecord record;
  for (auto _ : state) {
    notes.begin(Stage::Mail, {});
    notes.begin_transaction("firstname.lastname@company.example");
    notes.name_transaction({7}, "firstname.lastname@company.example");
    notes.begin(Stage::Rcpt, {});
    notes.judge("office@customer.example");
    notes.decided_by("31");
    notes.accept();
    notes.begin(Stage::Commit, {});
    notes.end({});
    clear(record);
    notes.fill(record);
    benchmark::DoNotOptimize(record);
    notes.end_transaction();
  }
}
BENCHMARK(note_and_fill);

void find_in_chunk(benchmark::State& state) {
  std::vector<std::byte> room(chunk_octets);
  ChunkWriter writer(room);
  writer.begin(1);
  while (writer.append(filtered())) {
  }
  std::size_t records = 0;
  for (auto _ : state) records += read_chunk(room, [](const DecisionRecord&) {}).records;
  state.SetItemsProcessed(static_cast<std::int64_t>(records));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(chunk_octets));
}
BENCHMARK(find_in_chunk);

}  // namespace
}  // namespace ringpost::store
