// Berkeley DB files: those under data/ were made by db_load (5.3) with pages of 512 octets, so that
// they have many pages, a value and a key on overflow pages; damage of every octet is survived.
#include "proto/table/berkeley_db.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace ringpost::table {
namespace {

std::string file_of(const std::string& name) {
  std::ifstream file(std::string(RINGPOST_SOURCE_DIR) + "/tests/proto/table/data/" + name,
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string error_of(const std::string& octets) {
  const auto rows = read_berkeley_db(bytes_of(octets));
  return rows ? std::string() : rows.error();
}

template <class T>
std::string with(std::string octets, std::size_t offset, T value) {
  std::memcpy(octets.data() + offset, &value, sizeof value);
  return octets;
}

class Files : public testing::TestWithParam<const char*> {};

TEST_P(Files, AllPairsAreRead) {
  const std::string octets = file_of(GetParam());
  const auto rows = read_berkeley_db(bytes_of(octets));
  ASSERT_TRUE(rows) << rows.error();
  std::map<std::string, std::string> found;
  for (const DatabaseRow& row : *rows) EXPECT_TRUE(found.emplace(row.key, row.value).second);
  ASSERT_EQ(found.size(), 152u);
  for (int i = 0; i < 150; ++i) {
    EXPECT_EQ(found["user" + std::to_string(i) + "@example.org"], "mailbox" + std::to_string(i));
  }
  EXPECT_EQ(found["long@example.org"], std::string(3000, 'x'));
  EXPECT_EQ(found[std::string(900, 'k')], "long-key");
}

TEST_P(Files, WhatIsCutIsRefused) {
  const std::string octets = file_of(GetParam());
  for (std::size_t size = 0; size < octets.size(); size += 256)
    EXPECT_NE(error_of(octets.substr(0, size)), "") << size;
}

TEST_P(Files, DamageDoesNoHarm) {
  const std::string octets = file_of(GetParam());
  for (std::size_t at = 0; at < octets.size(); at += 7) {
    for (const char value : {'\0', '\x7f', '\xff'}) {
      const auto rows = read_berkeley_db(bytes_of(with(octets, at, value)));
      if (!rows) EXPECT_FALSE(rows.error().empty());
    }
  }
}

TEST_P(Files, ForeignFormsAreNamed) {
  const std::string octets = file_of(GetParam());
  EXPECT_NE(error_of(with<std::uint32_t>(octets, 12, 0)).find("not a Berkeley DB file"),
            std::string::npos);
  EXPECT_NE(error_of(with<std::uint32_t>(octets, 16, 6)).find("version 6"), std::string::npos);
  EXPECT_NE(error_of(with<std::uint32_t>(octets, 20, 500)).find("number of pages"),
            std::string::npos);
  EXPECT_NE(error_of(with<std::uint8_t>(octets, 24, 1)).find("encrypted"), std::string::npos);
  EXPECT_NE(error_of(with<std::uint8_t>(octets, 26, 1)).find("checksums"), std::string::npos);
  EXPECT_NE(error_of(with<std::uint32_t>(octets, 48, 0x22)).find("several databases"),
            std::string::npos);
  EXPECT_NE(error_of(with<std::uint32_t>(octets, 32, 0x7fffffff)).find("missing"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(BerkeleyDb, Files, testing::Values("hash.db", "btree.db"));

TEST(BerkeleyDb, TheOldFormatIsNamed) {
  std::string octets(1024, '\0');
  octets = with<std::uint32_t>(octets, 0, 0x061561);
  EXPECT_NE(error_of(octets).find("makemap -U"), std::string::npos);
}

// The NUL that makemap writes behind keys and values is not part of them.
TEST(BerkeleyDb, OneFinalNulGoes) {
  std::string octets = file_of("hash.db");
  std::size_t value = octets.find("mailbox72");
  ASSERT_NE(value, std::string::npos);
  for (; value != std::string::npos; value = octets.find("mailbox72"))
    octets[value + 8] = '\0';  // in free room of the page too, which counts for nothing
  const auto rows = read_berkeley_db(bytes_of(octets));
  ASSERT_TRUE(rows) << rows.error();
  std::size_t bare = 0;
  for (const DatabaseRow& row : *rows) bare += row.value == "mailbox7" ? 1 : 0;
  EXPECT_EQ(bare, 2u);
}

}  // namespace
}  // namespace ringpost::table
