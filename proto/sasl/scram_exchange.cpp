// The four messages of SCRAM: RFC 5802 section 5 to 7. A message that is not of the grammar ends
// the exchange.
#include "proto/sasl/scram_exchange.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "proto/base/base64.h"
#include "proto/sasl/mechanism.h"

namespace ringpost::sasl {
namespace {

constexpr std::size_t nonce_octets_max = 256;

// Printable, without a comma.
bool is_nonce(std::string_view text) {
  return !text.empty() && text.size() <= nonce_octets_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != ','; });
}

// The value of the attribute `letter` at the front, with its comma taken off `rest`.
std::optional<std::string_view> take_attribute(std::string_view& rest, char letter) {
  if (rest.size() < 2 || rest[0] != letter || rest[1] != '=') return std::nullopt;
  const std::size_t comma = rest.find(',');
  const std::string_view value = rest.substr(0, comma).substr(2);
  rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  return value;
}

}  // namespace

std::optional<std::string> unescape_saslname(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const char c = text.front();
    const bool escaped = text.starts_with("=2C") || text.starts_with("=3D");
    if ((c == '=' && !escaped) || c == ',') return std::nullopt;
    name += !escaped ? c : text[1] == '2' ? ',' : '=';
    text.remove_prefix(escaped ? 3 : 1);
  }
  if (!is_credential(name)) return std::nullopt;
  return name;
}

Step ScramExchange::begin(std::optional<std::string_view> initial) {
  if (!initial) return Challenge{};
  return respond(*initial);
}

Step ScramExchange::refuse(Refusal reason) {
  at_ = At::End;
  return Refused{reason, user_};
}

Step ScramExchange::respond(std::string_view response) {
  if (response.size() > scram_message_octets_max) return refuse(Refusal::Malformed);
  switch (at_) {
    case At::First:
      return client_first(response);
    case At::Final:
      return client_final(response);
    case At::Acknowledgement:
      // The client has seen our signature; RFC 4954 4 has no place for it beside the 235.
      if (!response.empty()) return refuse(Refusal::Malformed);
      at_ = At::End;
      return Proved{user_};
    case At::Keys:
    case At::End:
      break;
  }
  return refuse(Refusal::Malformed);
}

// gs2-cbind-flag "," [authzid] ","
std::optional<Refusal> ScramExchange::take_header(std::string_view header) {
  const std::string_view flag = header.substr(0, header.find(','));
  std::string_view identity = header.substr(flag.size() + 1);
  identity.remove_suffix(1);
  if (!identity.empty()) {
    if (!identity.starts_with("a=")) return Refusal::Malformed;
    auto name = unescape_saslname(identity.substr(2));
    if (!name) return Refusal::Malformed;
    identity_ = std::move(*name);
  }
  if (flag == "n" || flag == "y") {
    // RFC 5802 6: it could bind, and somebody took our offer away.
    const bool deceived = flag == "y" && settings_.plus_offered;
    return settings_.plus || deceived ? std::optional(Refusal::NoChannelBinding) : std::nullopt;
  }
  if (!flag.starts_with("p=")) return Refusal::Malformed;
  if (!settings_.plus) return Refusal::NoChannelBinding;
  const auto found = std::ranges::find(settings_.bindings, flag.substr(2), &ChannelBinding::name);
  if (found == settings_.bindings.end()) return Refusal::NoChannelBinding;
  binding_ = &*found;
  return std::nullopt;
}

Step ScramExchange::client_first(std::string_view message) {
  const std::size_t first = message.find(',');
  const std::size_t second = first == message.npos ? first : message.find(',', first + 1);
  if (second == message.npos) return refuse(Refusal::Malformed);
  header_ = message.substr(0, second + 1);
  first_bare_ = message.substr(second + 1);
  // RFC 5802 5.1: an attribute m= is an extension that must be understood, and no name.
  std::string_view rest = first_bare_;
  const auto name = take_attribute(rest, 'n');
  const auto nonce = take_attribute(rest, 'r');
  if (!name || !nonce || !is_nonce(*nonce)) return refuse(Refusal::Malformed);
  auto user = unescape_saslname(*name);
  if (!user) return refuse(Refusal::Malformed);
  user_ = std::move(*user);
  if (const auto reason = take_header(header_)) return refuse(*reason);
  if (!identity_.empty() && identity_ != user_) return refuse(Refusal::OtherIdentity);
  nonce_ = fmt::format("{}{}", *nonce, settings_.nonce);
  at_ = At::Keys;
  return KeysWanted{user_};
}

Step ScramExchange::found(ScramKeys keys, bool known) {
  if (at_ != At::Keys) return refuse(Refusal::Malformed);
  keys_ = std::move(keys);
  known_ = known;
  server_first_ =
      fmt::format("r={},s={},i={}", nonce_, base64_encode(keys_.salt), keys_.iterations);
  at_ = At::Final;
  return Challenge{server_first_};
}

bool ScramExchange::binding_is(std::string_view octets) const {
  const std::string_view data = binding_ == nullptr ? std::string_view() : binding_->data;
  return octets.size() == header_.size() + data.size() && octets.starts_with(header_) &&
         equal_in_constant_time(octets.substr(header_.size()), data);
}

// ClientKey is the proof without our signature, and StoredKey its hash.
bool ScramExchange::proof_holds(std::string_view proof, Bytes auth_message) const {
  Hash client = settings_.hashing->hmac_sha256(keys_.stored, auth_message);
  if (proof.size() != client.size()) return false;
  std::ranges::transform(client, bytes_of(proof), client.begin(), std::bit_xor<>());
  const Hash stored = settings_.hashing->sha256(client);
  wipe(client.data(), client.size());
  return equal_in_constant_time(text_of(stored), text_of(keys_.stored)) && known_;
}

// c=binding,r=nonce[,extensions],p=proof
Step ScramExchange::client_final(std::string_view message) {
  const std::size_t proof_at = message.rfind(",p=");
  if (proof_at == message.npos) return refuse(Refusal::Malformed);
  const std::string_view without_proof = message.substr(0, proof_at);
  const auto proof = base64_decode(message.substr(proof_at + 3));
  std::string_view rest = without_proof;
  const auto binding_text = take_attribute(rest, 'c');
  const auto nonce = take_attribute(rest, 'r');
  if (!binding_text || !nonce || !proof) return refuse(Refusal::Malformed);
  const auto binding = base64_decode(*binding_text);
  if (!binding) return refuse(Refusal::Malformed);
  if (*nonce != nonce_) return refuse(Refusal::Malformed);
  if (!binding_is(*binding)) return refuse(Refusal::NoChannelBinding);
  const std::string auth_message =
      fmt::format("{},{},{}", first_bare_, server_first_, without_proof);
  if (!proof_holds(*proof, bytes_of(auth_message))) return refuse(Refusal::WrongCredentials);
  const Hash signature = settings_.hashing->hmac_sha256(keys_.server, bytes_of(auth_message));
  at_ = At::Acknowledgement;
  return Challenge{"v=" + base64_encode(text_of(signature))};
}

}  // namespace ringpost::sasl
