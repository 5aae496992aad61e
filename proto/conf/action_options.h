// Which options an `action` line has given so far; shared by the two files that read such a line.
#pragma once

namespace ringpost::conf {

struct ActionOptions {
  bool user = false, alias = false, virtual_ = false, userbase = false, ttl = false;
  bool helo = false, helo_src = false, pki = false, ca = false, ciphers = false, protocols = false;
  bool src = false, mail_from = false, backup = false, host = false, tls = false, auth = false;
  bool filter = false, srs = false;
};

}  // namespace ringpost::conf
