// Every mechanism as the server speaks it, and the keys of SCRAM in a table. The first octet
// chooses; lines are what the client says. An exchange ends, stays ended, and gives no empty names.
#include "proto/base/check.h"
#include "proto/sasl/password_exchange.h"
#include "proto/sasl/scram_exchange.h"
#include "tests/support/sha256_model.h"

namespace {

using namespace ringpost;

template <class Exchange>
bool goes_on(Exchange& exchange, sasl::Step step, bool known) {
  for (;;) {
    if (std::holds_alternative<sasl::Challenge>(step)) return true;
    const auto* wanted = std::get_if<sasl::KeysWanted>(&step);
    if (wanted == nullptr) break;
    CHECK(sasl::is_credential(wanted->user));
    if constexpr (requires { exchange.found(sasl::ScramKeys{}, known); })
      step = exchange.found({.salt = "salt"}, known);
  }
  if (const auto* given = std::get_if<sasl::PasswordGiven>(&step))
    CHECK(sasl::is_credential(given->user) && sasl::is_credential(given->password.reveal()));
  // Nobody proves anything by chance: the keys above are zeros.
  CHECK(!std::holds_alternative<sasl::Proved>(step));
  return false;
}

template <class Exchange>
void play(Exchange exchange, std::string_view text, bool known) {
  bool begun = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    sasl::Step step = begun ? exchange.respond(line) : exchange.begin(line);
    begun = true;
    if (!goes_on(exchange, std::move(step), known)) return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = text_of(std::as_bytes(std::span(data + 1, size - 1)));
  const bool known = (data[0] & 8) != 0;
  if ((data[0] & 7) == 0) play(sasl::PasswordExchange(sasl::Mechanism::Plain), text, known);
  if ((data[0] & 7) == 1) play(sasl::PasswordExchange(sasl::Mechanism::Login), text, known);
  if ((data[0] & 7) == 2) {
    if (const auto keys = sasl::parse_scram_keys(text))
      CHECK(sasl::parse_scram_keys(sasl::to_text(*keys)) == keys);
  }
  if ((data[0] & 7) >= 3) {
    sasl::ScramSettings settings{.hashing = &test::hashing,
                                 .plus = (data[0] & 16) != 0,
                                 .plus_offered = (data[0] & 32) != 0,
                                 .nonce = "server"};
    settings.bindings.push_back({"tls-exporter", "0123"});
    play(sasl::ScramExchange(std::move(settings)), text, known);
  }
  return 0;
}
