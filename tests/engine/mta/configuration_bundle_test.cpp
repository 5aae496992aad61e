// The configuration as another process reads it: every file that is named, whole, or why not.
#include "engine/mta/configuration_bundle.h"

#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/process/agent_frame.h"
#include "engine/process/content.h"
#include "engine/process/descriptor_passing.h"
#include "engine/process/parent_request.h"
#include "tests/engine/support.h"

namespace ringpost::mta {
namespace {

// A parent of one request: what it does with the socket that came along.
class FakeParent {
 public:
  explicit FakeParent(std::function<void(int)> serve) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    link = std::make_unique<process::ParentLink>(ends[0], true);
    thread_ = std::thread([end = ends[1], serve = std::move(serve)] {
      std::byte room[process::request_octets_max];
      const auto received = process::receive_with_descriptor(end, room);
      EXPECT_TRUE(received && received->file >= 0);
      const auto request = process::decode_request(Bytes(room).first(received->octets));
      EXPECT_EQ(request, process::ParentRequest(process::ReadConfiguration{}));
      serve(received->file);
      close(received->file);
      close(end);
    });
  }
  ~FakeParent() { thread_.join(); }
  std::unique_ptr<process::ParentLink> link;

 private:
  std::thread thread_;
};

class ConfigurationBundleTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.file(name)) << text;
  }
  std::expected<ConfigurationBundle, Fault> fetch() {
    FakeParent parent([this](int socket) { EXPECT_TRUE(send_configuration(wish_, socket)); });
    return fetch_configuration(*parent.link);
  }
  test::TemporaryDirectory folder_;
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
  const auto bundle = fetch();
  ASSERT_TRUE(bundle) << to_text(bundle.error());
  ASSERT_EQ(bundle->size(), 4u);
  EXPECT_EQ(bundle->at(wish_.path).value_or(""), main);
  EXPECT_TRUE(bundle->at(folder_.file("users")).value_or("") == rows);
  EXPECT_TRUE(bundle->at(folder_.file("more.conf")));
  const auto& away = bundle->at(folder_.file("away"));
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, ENOENT);
  EXPECT_EQ(away.error().path, folder_.file("away"));
}

TEST_F(ConfigurationBundleTest, NoMainFile) {
  const auto bundle = fetch();
  ASSERT_TRUE(bundle);
  ASSERT_EQ(bundle->size(), 1u);
  EXPECT_EQ(bundle->at(wish_.path).error().code, ENOENT);
}

TEST_F(ConfigurationBundleTest, AnEndInTheMiddleIsAFault) {
  write("smtpd.conf", "x");
  for (const std::string& sent :
       {std::string(), process::frame_header(9), process::frame_header(2) + "ab",
        process::frame_header(1u << 30)}) {
    FakeParent parent([&](int socket) { process::write_frame(socket, sent); });
    const auto bundle = fetch_configuration(*parent.link);
    ASSERT_FALSE(bundle);
    EXPECT_EQ(bundle.error().code, ECONNRESET);
  }
}

TEST_F(ConfigurationBundleTest, NobodyTakesIt) {
  write("smtpd.conf", "x");
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  close(ends[0]);
  EXPECT_FALSE(send_configuration(wish_, ends[1]));
  close(ends[1]);
}

}  // namespace
}  // namespace ringpost::mta
