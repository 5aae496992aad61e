// Datagram against plain UDP sockets on loopback: both ways, closed ports, the want of buffers, and
// its end.
#include "engine/net/datagram.h"

#include <set>

#include <poll.h>

#include "tests/engine/support.h"

namespace ringpost::net {
namespace {

// A UDP socket of the other side.
class Far {
 public:
  Far() : file_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const Address any = Address::parse("127.0.0.1", 0).value();
    EXPECT_EQ(bind(file_, any.kernel(), any.kernel_bytes()), 0);
    sockaddr_storage room{};
    socklen_t length = sizeof room;
    EXPECT_EQ(getsockname(file_, reinterpret_cast<sockaddr*>(&room), &length), 0);
    address_ = Address::from_kernel(&room, length).value();
  }
  ~Far() { close(); }
  void close() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
  }
  const Address& address() const { return address_; }

  // The next datagram, whose sender is answered from then on.
  std::string receive() {
    pollfd wait{.fd = file_, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, 5000) != 1) return "nothing came";
    char room[65'536];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const ssize_t got =
        recvfrom(file_, room, sizeof room, 0, reinterpret_cast<sockaddr*>(&from), &length);
    peer_ = Address::from_kernel(&from, length).value();
    return {room, static_cast<std::size_t>(got)};
  }
  void send(std::string_view text) {
    EXPECT_EQ(sendto(file_, text.data(), text.size(), 0, peer_.kernel(), peer_.kernel_bytes()),
              static_cast<ssize_t>(text.size()));
  }
  const Address& peer() const { return peer_; }
  void speak_to(const Address& peer) { peer_ = peer; }

 private:
  int file_;
  Address address_;
  Address peer_;
};

struct Near final : DatagramOwner {
  Near(ring::Core& core, memory::BufferRing& buffers) : socket(core, buffers, *this) {}
  void received(Bytes octets) override {
    texts.emplace_back(text_of(octets));
    if (on_received) on_received();
  }
  void broken(int error) override { errors.push_back(error); }
  void closed() override { is_closed = true; }

  std::vector<std::string> texts;
  std::vector<int> errors;
  bool is_closed = false;
  std::function<void()> on_received;
  Datagram socket;
};

class DatagramTest : public testing::Test {
 protected:
  void SetUp() override {
    core_ = test::make_core();
    ASSERT_NE(core_, nullptr);
    auto made =
        memory::BufferRing::create(core_->ring(), {.group = 7, .buffers = 4, .buffer_bytes = 4096});
    ASSERT_TRUE(made) << to_text(made.error());
    buffers_ = std::move(*made);
    core_->at_turn_end([this] { buffers_->serve_waiters(); });
    near_ = std::make_unique<Near>(*core_, *buffers_);
  }
  void TearDown() override {
    if (near_ == nullptr) return;
    if (near_->socket.is_open()) near_->socket.close();
    EXPECT_TRUE(run([this] { return near_->socket.is_closed(); }));
    near_.reset();
    EXPECT_EQ(buffers_->buffers_free(), buffers_->buffers_max());
  }
  bool run(const std::function<bool()>& finished) {
    return test::run_until(*core_, finished, seconds(5));
  }
  void turn() {
    int turns = 0;
    EXPECT_TRUE(run([&] { return ++turns > 1; }));
  }

  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  Far far_;
  std::unique_ptr<Near> near_;
};

TEST_F(DatagramTest, SendsAndReceives) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  near_->socket.send("question");
  turn();
  EXPECT_EQ(far_.receive(), "question");
  far_.send("answer");
  far_.send(std::string(4000, 'x'));
  ASSERT_TRUE(run([this] { return near_->texts.size() == 2; }));
  EXPECT_EQ(near_->texts[0], "answer");
  EXPECT_EQ(near_->texts[1], std::string(4000, 'x'));
}

TEST_F(DatagramTest, CutsWhatIsTooLarge) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  near_->socket.send("question");
  turn();
  far_.receive();
  far_.send(std::string(9000, 'x'));
  far_.send("behind");
  ASSERT_TRUE(run([this] { return near_->texts.size() == 2; }));
  EXPECT_EQ(near_->texts[0].size(), 4096u);
  EXPECT_EQ(near_->texts[1], "behind");
}

TEST_F(DatagramTest, GoesOnAfterAnEmptyDatagram) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  near_->socket.send("question");
  turn();
  far_.receive();
  far_.send("");
  far_.send("answer");
  ASSERT_TRUE(run([this] { return !near_->texts.empty() && near_->texts.back() == "answer"; }));
}

TEST_F(DatagramTest, ReceivesMoreThanThereAreBuffers) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  near_->socket.send("question");
  turn();
  far_.receive();
  for (int i = 0; i < 50; ++i) far_.send(std::to_string(i));
  ASSERT_TRUE(run([this] { return near_->texts.size() == 50; }));
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(near_->texts[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST_F(DatagramTest, SendsManyAtOnce) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  for (int i = 0; i < 50; ++i) near_->socket.send(std::string(100, 'a') + std::to_string(i));
  turn();
  std::set<std::string> came;
  for (int i = 0; i < 50; ++i) came.insert(far_.receive());
  EXPECT_EQ(came.size(), 50u);
}

TEST_F(DatagramTest, TellsOfAClosedPortAndGoesOn) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  near_->socket.send("question");
  turn();
  far_.receive();
  far_.close();
  near_->socket.send("to nobody");
  ASSERT_TRUE(run([this] { return !near_->errors.empty(); }));
  EXPECT_EQ(near_->errors.front(), ECONNREFUSED);
  EXPECT_TRUE(near_->socket.is_open());
  near_->socket.send("again");
  ASSERT_TRUE(run([this] { return near_->errors.size() >= 2; }));
}

TEST_F(DatagramTest, HearsItsPeerOnly) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  near_->socket.send("question");
  turn();
  far_.receive();
  Far stranger;
  stranger.speak_to(far_.peer());
  stranger.send("forged");
  far_.send("true");
  ASSERT_TRUE(run([this] { return !near_->texts.empty(); }));
  EXPECT_EQ(near_->texts, std::vector<std::string>{"true"});
}

TEST_F(DatagramTest, HasAPortOfItsOwn) {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 20; ++i) {
    Near near(*core_, *buffers_);
    ASSERT_TRUE(near.socket.open(far_.address()));
    near.socket.send("x");
    turn();
    far_.receive();
    ports.insert(far_.peer().port());
    near.socket.close();
    EXPECT_TRUE(run([&near] { return near.is_closed; }));
  }
  EXPECT_GT(ports.size(), 15u);
}

TEST_F(DatagramTest, EndsWhileMuchIsUnderWay) {
  ASSERT_TRUE(near_->socket.open(far_.address()));
  near_->on_received = [this] { near_->socket.close(); };
  near_->socket.send("question");
  turn();
  far_.receive();
  for (int i = 0; i < 20; ++i) far_.send("answer");
  for (int i = 0; i < 5; ++i) near_->socket.send("more");
  ASSERT_TRUE(run([this] { return near_->is_closed; }));
  EXPECT_EQ(near_->texts.size(), 1u) << "told of after close()";
}

TEST_F(DatagramTest, SaysWhyItCannotOpen) {
  const auto opened = near_->socket.open(Address::parse("255.255.255.255", 53).value());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, EACCES);
  EXPECT_TRUE(near_->socket.is_closed());
  EXPECT_TRUE(near_->socket.open(far_.address())) << "may be tried again";
}

}  // namespace
}  // namespace ringpost::net
