// The configuration as another process reads it: every file that is named, whole, or why not.
#include "engine/mta/configuration_bundle.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/process/permissions.h"
#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

class ConfigurationBundleTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int* const file : {&texts_, &permissions_}) {
      *file = memfd_create("test", MFD_CLOEXEC);
      ASSERT_GE(*file, 0);
    }
  }
  ~ConfigurationBundleTest() override {
    for (const int file : {texts_, permissions_}) close(file);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.file(name)) << text;
  }
  std::expected<ConfigurationBundle, Fault> pass() {
    EXPECT_TRUE(write_configuration(wish_, dup(texts_), dup(permissions_)));
    return read_bundle(texts_);
  }
  process::Permissions permissions() const {
    std::string octets(std::size_t{1} << 20, '\0');
    const ssize_t got = pread(permissions_, octets.data(), octets.size(), 0);
    octets.resize(static_cast<std::size_t>(got));
    return process::decode_permissions(bytes_of(octets)).value_or(process::Permissions{});
  }
  test::TemporaryDirectory folder_;
  int texts_ = -1;
  int permissions_ = -1;
  LoadWish wish_{.path = folder_.file("smtpd.conf"), .server_name = "mx.example.org"};
};

TEST_F(ConfigurationBundleTest, EveryFileThatIsNamed) {
  std::string rows;
  for (unsigned i = 0; i < 200'000; ++i) rows += "user" + std::to_string(i) + "@example.org\n";
  write("users", rows);
  write("more.conf", "table away file:" + folder_.file("away") + "\nnonsense\n");
  const std::string main = "include \"" + folder_.file("more.conf") +
                           "\"\ntable users file:" + folder_.file("users") + "\n";
  write("smtpd.conf", main);
  const auto bundle = pass();
  ASSERT_TRUE(bundle) << to_text(bundle.error());
  ASSERT_EQ(bundle->size(), 4u);
  EXPECT_EQ(bundle->at(wish_.path).value_or(""), main);
  EXPECT_TRUE(bundle->at(folder_.file("users")).value_or("") == rows);
  EXPECT_TRUE(bundle->at(folder_.file("more.conf")));
  const auto& away = bundle->at(folder_.file("away"));
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ENOENT);
  EXPECT_EQ(away.error().path, folder_.file("away"));
  EXPECT_EQ(permissions(), process::Permissions{}) << "of what cannot be used";
}

TEST_F(ConfigurationBundleTest, NoMainFile) {
  const auto bundle = pass();
  ASSERT_TRUE(bundle);
  ASSERT_EQ(bundle->size(), 1u);
  EXPECT_EQ(bundle->at(wish_.path).error().code, ENOENT);
}

// Keys, certificates and programs; as the engine itself will ask for them.
TEST_F(ConfigurationBundleTest, WhatItPermits) {
  write("smtpd.conf",
        "engine user _mail\nengine keys-user _keys\n"
        "pki a cert \"/ssl/a.pem\"\npki a key \"/ssl/a.key\"\nca b cert \"/ssl/b.pem\"\n"
        "table people \"proc:/usr/bin/table-people  -v x\"\n"
        "filter f proc-exec \"filter-f -v\" group _f chroot \"/srv\"\n"
        "filter unused proc-exec \"filter-u\"\n"
        "listen on 127.0.0.1 port smtp\naction a relay filter f\nmatch for any action a\n");
  const auto bundle = pass();
  ASSERT_TRUE(bundle);
  conf::FileReader read = reader_of(*bundle);
  for (const auto& wrong :
       conf::parse(parse_input(wish_, *bundle->at(wish_.path)), read).diagnostics)
    EXPECT_NE(wrong.severity, conf::Severity::Error) << conf::to_text_with_caret(wrong);
  const process::Permissions wanted{.keys_user = "_keys",
                                    .keys = {"/ssl/a.key"},
                                    .files = {"/ssl/a.pem", "/ssl/b.pem"},
                                    .programs = {{.name = "people",
                                                  .words = {"/usr/bin/table-people", "-v", "x"},
                                                  .user = "_mail"}},
                                    .filters = {{"f", "filter-f -v", "_mail", "_f", "/srv"}}};
  EXPECT_EQ(permissions(), wanted);
}

// What is read as it is now although everything else is as it was.
TEST_F(ConfigurationBundleTest, KeysThatSignArePermitted) {
  write("smtpd.conf",
        "listen on lo dmarc none\ndkim domain a.test selector s key \"/one\"\n"
        "dkim domain { B.test, c.test } selector s key \"/k/%{domain}\"\n"
        "arc domain a.test selector seal key \"/seal\"\nmatch reject\n");
  ASSERT_TRUE(pass());
  EXPECT_EQ(permissions().keys, (std::set<std::string>{"/k/b.test", "/k/c.test", "/one", "/seal"}));
}

TEST_F(ConfigurationBundleTest, CertificatesCanBeForgotten) {
  write("a.pem", "old");
  write("smtpd.conf", "pki a cert \"" + folder_.file("a.pem") +
                          "\"\npki a key \"/ssl/a.key\"\naction a relay\nmatch for any action a\n");
  auto bundle = pass();
  ASSERT_TRUE(bundle);
  ASSERT_EQ(bundle->size(), 2u);
  write("smtpd.conf", "nonsense");
  write("a.pem", "new");
  EXPECT_EQ(reader_of(*bundle)(folder_.file("a.pem")), "old");
  forget_certificates(*bundle, wish_);
  EXPECT_EQ(reader_of(*bundle)(folder_.file("a.pem")), "new");
  EXPECT_TRUE(reader_of(*bundle)(wish_.path)->starts_with("pki a"));
}

TEST_F(ConfigurationBundleTest, AnEndInTheMiddleIsAFault) {
  write("smtpd.conf", "x");
  ASSERT_TRUE(pass());
  struct stat status{};
  ASSERT_EQ(fstat(texts_, &status), 0);
  for (off_t octets = status.st_size - 1; octets >= 0; --octets) {
    ASSERT_EQ(ftruncate(texts_, octets), 0);
    const auto bundle = read_bundle(texts_);
    ASSERT_FALSE(bundle);
    EXPECT_EQ(bundle.error().code, EBADMSG);
  }
}

TEST_F(ConfigurationBundleTest, NobodyTakesIt) {
  write("smtpd.conf", "x");
  EXPECT_FALSE(write_configuration(wish_, -1, dup(permissions_)));
  EXPECT_FALSE(write_configuration(wish_, dup(texts_), -1));
}

}  // namespace
}  // namespace ringpost::mta
