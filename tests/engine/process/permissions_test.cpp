// What the parent permits, as octets: it comes back as it was, and what nobody writes is not taken.
#include "engine/process/permissions.h"

#include <gtest/gtest.h>

namespace ringpost::process {
namespace {

Permissions example() {
  return {.keys_user = "_ringkeys",
          .keys = {"/ssl/a.key", "/ssl/b.key"},
          .files = {"/ssl/a.pem"},
          .programs = {{.name = "people", .words = {"/usr/bin/table", "-v", ""}, .user = "mail"},
                       {.name = "others", .words = {"/usr/bin/table"}, .user = "mail"}},
          .filters = {{"spam", "filter-x -v | tee", "_x", "_y", "/srv"},
                      {"other", "/usr/bin/filter", "mail", "", ""}}};
}

TEST(PermissionsTest, ComeBack) {
  for (const Permissions& one : {example(), Permissions{}})
    EXPECT_EQ(decode_permissions(bytes_of(encode(one))), one);
}

TEST(PermissionsTest, WhatNobodyCanAskForIsLeftOut) {
  Permissions more = example();
  more.keys.insert({"", "relative", "/" + std::string(10'000, 'x'), std::string("/a\0b", 4)});
  more.files.insert("relative");
  more.programs.insert({.name = "x", .words = {}, .user = "mail"});
  more.programs.insert({.name = "x", .words = {"relative"}, .user = "mail"});
  more.programs.insert({.name = "x", .words = {"/x"}, .user = std::string(300, 'u')});
  more.filters.insert({"spam", "filter", "mail", "", "relative"});
  more.filters.insert({std::string(300, 'n'), "filter", "mail", "", ""});
  EXPECT_EQ(decode_permissions(bytes_of(encode(more))), example());
}

TEST(PermissionsTest, WhatIsNotTaken) {
  const std::string good = encode(example());
  for (std::size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_FALSE(decode_permissions(bytes_of(std::string_view(good).substr(0, cut)))) << cut;
  EXPECT_FALSE(decode_permissions(bytes_of(good + "x")));
}

}  // namespace
}  // namespace ringpost::process
