// Maildir names: see name.h. Pure; cannot fail.
#include "store/maildir/name.h"

#include <fmt/format.h>

namespace ringpost::store {

std::string maildir_name(const MaildirDelivery& delivery, std::string_view host) {
  std::string safe_host;
  for (const char c : host) {
    if (c == '/')
      safe_host += "\\057";
    else if (c == ':')
      safe_host += "\\072";
    else
      safe_host += c;
  }
  return fmt::format("{}.M{}P{}Q{}_{}.{}", delivery.now.seconds(), delivery.now.us % 1'000'000,
                     delivery.process, to_text(delivery.id), delivery.recipient, safe_host);
}

}  // namespace ringpost::store
