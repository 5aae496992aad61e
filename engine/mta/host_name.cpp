// gethostname(2), made a domain name.
#include "engine/mta/host_name.h"

#include <unistd.h>

#include "proto/smtp/path.h"

namespace ringpost::mta {

std::string host_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name) != 0) return "localhost";
  name[sizeof name - 1] = '\0';
  return smtp::parse_domain(name).value_or("localhost");
}

}  // namespace ringpost::mta
