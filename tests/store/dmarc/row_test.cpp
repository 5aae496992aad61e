// Rows of DMARC's reports in a file: what is written is read, and nothing that is torn.
#include "store/dmarc/row.h"

#include <gtest/gtest.h>

namespace ringpost::store {
namespace {

auth::DmarcRow full_row() {
  return {.second = 1'700'000'000,
          .published = {.domain = "example.com",
                        .policy = auth::DmarcPolicy::Reject,
                        .subdomain_policy = auth::DmarcPolicy::Quarantine,
                        .strict_spf = true,
                        .percent = 40,
                        .failure_options = "1:d",
                        .aggregate_uris = {"mailto:a@example.com!10m", "mailto:b@example.net"}},
          .source = "2001:db8::1",
          .disposition = auth::DmarcPolicy::Quarantine,
          .reason = auth::PolicyOverride::SampledOut,
          .dkim_aligned = true,
          .is_report = true,
          .header_from = "mail.example.com",
          .envelope_from = "bounce.example.com",
          .spf_domain = "bounce.example.com",
          .spf_of_helo = true,
          .spf = auth::Result::SoftFail,
          .signatures = {{"example.com", "s1", auth::Result::Pass},
                         {"list.example", "s2", auth::Result::PermError}}};
}

TEST(DmarcRow, IsReadAsItWasWritten) {
  std::string file;
  append_row(file, full_row());
  append_row(file, {});
  RowReader reader(bytes_of(file));
  EXPECT_EQ(reader.next(), full_row());
  EXPECT_EQ(reader.next(), auth::DmarcRow{});
  EXPECT_EQ(reader.next(), std::nullopt);
  EXPECT_EQ(reader.rest(), 0u);
}

TEST(DmarcRow, ATornEndIsNoRow) {
  std::string file;
  append_row(file, full_row());
  const std::size_t one = file.size();
  append_row(file, full_row());
  for (std::size_t octets = 0; octets < file.size(); ++octets) {
    RowReader reader(bytes_of(file).first(octets));
    EXPECT_EQ(reader.next().has_value(), octets >= one);
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_EQ(reader.rest(), octets >= one ? octets - one : octets);
  }
}

TEST(DmarcRow, AChangedOctetIsFound) {
  std::string file;
  append_row(file, full_row());
  for (char& octet : file) {
    octet = static_cast<char>(octet ^ 0x20);
    EXPECT_EQ(RowReader(bytes_of(file)).next(), std::nullopt);
    octet = static_cast<char>(octet ^ 0x20);
  }
}

TEST(DmarcRow, LongTextsAreCutAndLongAddressesLeftOut) {
  auth::DmarcRow row = full_row();
  row.header_from = std::string(1000, 'x');
  row.published.aggregate_uris.insert(row.published.aggregate_uris.begin(),
                                      "mailto:" + std::string(600, 'y') + "@example.com");
  row.signatures.assign(50, {std::string(500, 'd'), std::string(500, 's'), auth::Result::Fail});
  std::string file;
  append_row(file, row);
  EXPECT_LE(file.size(), row_octets_max);
  const auto read = RowReader(bytes_of(file)).next();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->header_from, std::string(255, 'x'));
  EXPECT_EQ(read->published.aggregate_uris, full_row().published.aggregate_uris);
  EXPECT_EQ(read->signatures.size(), auth::row_signatures_max);
}

}  // namespace
}  // namespace ringpost::store
