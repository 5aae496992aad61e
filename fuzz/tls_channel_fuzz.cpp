// Octets of a hostile client to a TLS server: any cutting ends in the same state, nothing is read
// behind the end, and what is answered stays within bounds. Signatures are junk, as nobody here can
// check them.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/tls/channel.h"
#include "proto/base/check.h"
#include "tests/engine/tls/test_authority.h"

namespace {

using namespace ringpost;

struct JunkSigner final : tls::Signer {
  void sign(tls::SignJob& job, const tls::KeyName&, std::uint16_t, Bytes) override { asked = &job; }
  void forget(tls::SignJob& job) override {
    if (asked == &job) asked = nullptr;
  }
  tls::SignJob* asked = nullptr;
};

struct Owner final : tls::ChannelOwner {
  void channel_resumes() override {}
};

const tls::ServerContext& context() {
  static const auto made = [] {
    const auto party = tls::testing::make_party(tls::testing::make_ec_key());
    auto server = tls::ServerContext::make(
        {.certificates = {party.parsed}, .tickets = std::make_shared<tls::TicketKeys>()});
    CHECK(server.has_value());
    return *server;
  }();
  return *made;
}

struct Outcome {
  tls::Channel::State state{};
  std::string problem{};
  bool signing = false;
  bool operator==(const Outcome&) const = default;
};

Outcome play(Bytes input, std::size_t piece, bool answers) {
  JunkSigner signer;
  Owner owner;
  tls::Channel channel(context(), signer, owner);
  std::vector<std::byte> room(1000);
  std::size_t answered = 0;
  while (!input.empty()) {
    const Bytes part = input.first(std::min(piece, input.size()));
    const auto progress = channel.receive(part, room);
    CHECK(progress.consumed <= part.size() && progress.produced <= room.size());
    input = input.subspan(progress.consumed);
    if (answers && signer.asked != nullptr) {
      std::exchange(signer.asked, nullptr)->signature_ready(std::vector<std::byte>(70));
    } else if (progress.none()) {
      break;
    }
    std::string output;
    channel.take_output(output);
    answered += output.size();
    CHECK(answered < 64 * 1024);
  }
  return {channel.state(), channel.problem(), channel.awaits_signature()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  if (size == 0) return 0;
  const Bytes input = std::as_bytes(std::span(octets + 1, size - 1));
  const bool answers = (octets[0] & 1) != 0;
  const Outcome whole = play(input, input.size(), answers);
  CHECK(whole == play(input, octets[0] / 2 + 1u, answers));
  CHECK(whole.state != tls::Channel::State::Open || input.size() > 100);
  return 0;
}
