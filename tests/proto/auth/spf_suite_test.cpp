// The published suite of tests for SPF implementations (tests/corpus/spf), row by row.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/auth/spf.h"
#include "proto/base/ascii.h"
#include "tests/proto/auth/zone.h"

namespace ringpost::auth {
namespace {

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      plain += static_cast<char>(ascii::parse_decimal<unsigned>(text.substr(i + 2, 2), 16).value());
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::vector<std::string> fields_of(std::string_view line, std::size_t most) {
  std::vector<std::string> fields;
  while (fields.size() + 1 < most && line.contains('|')) {
    fields.push_back(unescaped(line.substr(0, line.find('|'))));
    line.remove_prefix(line.find('|') + 1);
  }
  fields.push_back(unescaped(line));
  return fields;
}

void add_record(Zone& zone, const std::vector<std::string>& row) {
  const std::string& owner = row[1];
  const std::string& value = row[3];
  if (row[2] == "TIMEOUT") {
    zone.silent(owner);
  } else if (row[2] == "TXT") {
    zone.txt(owner, value);
  } else if (row[2] == "A" || row[2] == "AAAA") {
    zone.address(owner, value);
  } else if (row[2] == "PTR") {
    zone.ptr(owner, value);
  } else if (row[2] == "MX" && plain_name(value.substr(value.find(' ') + 1))) {
    zone.mx(owner, 10, value.substr(value.find(' ') + 1));
  }
}

void run_row(const Zone& zone, const std::vector<std::string>& row) {
  SCOPED_TRACE(row[1]);
  const SpfInput input{
      .client = conf::parse_net_address(row[3]).value(), .helo = row[2], .mail_from = row[4]};
  const SpfResult result = zone.run([&](DnsMemo& memo) { return evaluate_spf(input, memo); });
  EXPECT_EQ(to_text(result.result), row[5]) << result.mechanism << " " << result.problem;
  if (row[6] != "-") EXPECT_EQ(result.explanation, row[6]);
}

// Zones stand before the tests that use them.
TEST(SpfSuite, EveryRowHasItsResult) {
  std::ifstream file(RINGPOST_SOURCE_DIR "/tests/corpus/spf/rfc4408.txt");
  Zone zone;
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("scenario|")) zone = Zone();
    if (line.starts_with("zone|")) add_record(zone, fields_of(line, 4));
    if (!line.starts_with("test|")) continue;
    run_row(zone, fields_of(line, 7));
    ++rows;
  }
  EXPECT_EQ(rows, 191);
}

}  // namespace
}  // namespace ringpost::auth
