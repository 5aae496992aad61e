// Private keys in files, for signing without a server: made, read, and shown as what the DNS shall
// publish. RFC 6376 3.6, RFC 8301, RFC 8463. What is wrong is a sentence.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "scan/sign/private_key.h"

namespace ringpost::ctl {

std::expected<scan::PrivateKey, std::string> load_key(const std::string& path);

// A new key as PKCS#8 in PEM. `bits`: of RSA.
std::string make_key(auth::Algorithm algorithm, unsigned bits);
// Writes it to a file that must not be there yet and that only its owner may read.
std::optional<std::string> store_key(const std::string& path, std::string_view pem);

// "v=DKIM1; k=...; p=..."
std::string key_record(const scan::PrivateKey& key);
// That record as one line of a zone file, in strings of at most 255 octets.
std::string zone_line(std::string_view domain, std::string_view selector, std::string_view record);

}  // namespace ringpost::ctl
