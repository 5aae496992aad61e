// Keys to try: see table_probe.h.
#include "proto/conf/table_probe.h"

#include <utility>

#include <fmt/format.h>

#include "proto/conf/net_address.h"

namespace ringpost::conf {
namespace {

// Far more than any name of 255 octets that a peer can send has dots worth asking for.
constexpr std::size_t labels_max = 128;

void add_domain_keys(std::vector<std::string>& keys, std::string_view front,
                     std::string_view domain) {
  keys.push_back(fmt::format("{}{}", front, domain));
  std::size_t labels = 0;
  for (std::size_t dot = domain.find('.'); dot != std::string_view::npos && labels < labels_max;
       dot = domain.find('.', dot + 1), ++labels) {
    if (dot > 0) keys.push_back(fmt::format("{}*{}", front, domain.substr(dot)));
  }
  keys.push_back(fmt::format("{}*", front));
}

void add_mail_address_keys(std::vector<std::string>& keys, std::string_view address,
                           char delimiter) {
  keys.emplace_back("@");
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos) return;
  const std::string_view user = address.substr(0, at);
  const std::string_view domain = address.substr(at + 1);
  add_domain_keys(keys, "@", domain);
  if (user.empty()) return;
  const auto add_user = [&keys, domain](std::string_view name) {
    // A quoted local part may hold an '@': it is not the address that a key says.
    if (!name.contains('@')) keys.emplace_back(name);
    add_domain_keys(keys, fmt::format("{}@", name), domain);
  };
  add_user(user);
  const std::size_t tag = user.find(delimiter);
  if (tag != 0 && tag != std::string_view::npos) add_user(user.substr(0, tag));
}

void add_net_address_keys(std::vector<std::string>& keys, std::string_view text) {
  keys.emplace_back(text);
  const auto address = parse_net_address(text);
  if (!address) return;
  const bool is_v6 = address->family == Family::Inet6;
  if (is_v6) keys.push_back(fmt::format("[{}]", text));
  for (unsigned length = address->bits() + 1; length-- > 0;) {
    const std::string network = to_text(masked(*address, length));
    keys.push_back(fmt::format("{}/{}", network, length));
    if (is_v6) keys.push_back(fmt::format("[{}]/{}", network, length));
  }
}

}  // namespace

std::vector<std::string> probe_keys(TableService service, std::string_view key, char delimiter) {
  std::vector<std::string> keys;
  switch (service) {
    case TableService::Domain:
      add_domain_keys(keys, "", key);
      break;
    case TableService::MailAddress:
      add_mail_address_keys(keys, key, delimiter);
      break;
    case TableService::NetAddress:
      add_net_address_keys(keys, key);
      break;
    case TableService::Alias:
    case TableService::UserInfo:
    case TableService::MailAddressMap:
    case TableService::Credentials:
    case TableService::Source:
    case TableService::AddressName:
    case TableService::RelayHost:
    case TableService::String:
    case TableService::Regex:
      keys.emplace_back(key);
      break;
  }
  return keys;
}

}  // namespace ringpost::conf
