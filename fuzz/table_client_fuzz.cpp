// A table program may say anything, cut anywhere: a reply comes at most once for each request, and
// the same octets give the same replies however they are cut.
#include <string>
#include <string_view>

#include "proto/base/bytes.h"
#include "proto/base/check.h"
#include "proto/table/table_client.h"

namespace {

using namespace ringpost;

constexpr int requests = 8;

struct Run {
  std::string replies;
  std::string error;
  bool operator==(const Run&) const = default;
};

void take_replies(table::TableClient& client, Run& run) {
  while (const auto reply = client.next_reply()) {
    CHECK(reply->id >= 1 && reply->id <= requests);
    CHECK(reply->state != table::ReplyState::Error || !reply->text.empty());
    run.replies += std::to_string(reply->id) +
                   static_cast<char>('A' + static_cast<int>(reply->state)) + reply->text + '\n';
  }
}

// After the handshake, so that requests are under way whatever comes.
Run run(std::string_view said, std::size_t step) {
  table::TableClient client("t");
  client.receive("register|alias\nregister|ready\n");
  for (int i = 0; i < requests; ++i) {
    const auto operation = static_cast<table::Operation>(i % 3);
    CHECK(client.ask(operation, "alias", "key", {i}) == static_cast<std::uint64_t>(i + 1));
  }
  Run result;
  while (!said.empty()) {
    client.receive(said.substr(0, step));
    said.remove_prefix(std::min(step, said.size()));
    take_replies(client, result);
  }
  result.error = client.error();
  CHECK((client.state() == table::TableClient::State::Broken) == !result.error.empty());
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  const std::string_view said = text_of(std::as_bytes(std::span(octets, size)));
  table::TableClient fresh("t");
  fresh.receive(said);
  CHECK(!fresh.next_reply());  // nothing was asked
  const Run whole = run(said, size + 1);
  CHECK(run(said, 1) == whole);
  CHECK(run(said, 7) == whole);
  return 0;
}
