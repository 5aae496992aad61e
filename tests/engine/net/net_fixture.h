// A core with buffers, a listener on loopback, and owners of streams that note what they are told.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/net/listener.h"
#include "engine/net/stream.h"
#include "tests/engine/net/peer.h"
#include "tests/engine/support.h"

namespace ringpost::test {

class Owner final : public net::StreamOwner {
 public:
  Owner(ring::Core& core, memory::BufferRing& buffers) : stream(core, buffers, *this) {}

  void opened(const std::optional<net::Address>& address) override {
    EXPECT_FALSE(is_open);
    is_open = true;
    peer = address;
    if (on_opened) on_opened();
  }
  void connect_failed(int error) override {
    EXPECT_FALSE(failure.has_value());
    failure = error;
    is_closed = true;
  }
  void received(memory::Buffer buffer) override {
    EXPECT_FALSE(end.has_value()) << "octets after the end";
    EXPECT_FALSE(stream.closing()) << "octets after close";
    text.append(text_of(buffer.octets()));
    if (keep_buffers) kept.push_back(std::move(buffer));
    if (on_received) on_received();
  }
  void receive_ended(int error) override {
    EXPECT_FALSE(end.has_value()) << "two ends";
    end = error;
    if (on_end) on_end();
  }
  void sent(int error) override {
    send_results.push_back(error);
    if (on_sent) on_sent();
  }
  void closed() override {
    EXPECT_FALSE(is_closed);
    is_closed = true;
  }

  net::Stream stream;
  bool is_open = false;
  bool is_closed = false;
  bool keep_buffers = false;
  std::optional<net::Address> peer;
  std::optional<int> failure;
  std::optional<int> end;
  std::string text;
  std::vector<int> send_results;
  std::vector<memory::Buffer> kept;
  std::function<void()> on_opened, on_received, on_end, on_sent;
};

class NetTest : public testing::Test {
 protected:
  void start(memory::BufferRingOptions buffers = {.buffers = 64, .buffer_bytes = 16384},
             ring::CoreOptions core = {},
             const net::Address& address = *net::Address::parse("127.0.0.1", 0)) {
    core_ = make_core(core);
    auto made = memory::BufferRing::create(core_->ring(), buffers);
    ASSERT_TRUE(made.has_value()) << to_text(made.error());
    buffers_ = std::move(*made);
    core_->at_turn_end([this] { buffers_->serve_waiters(); });
    const auto file = net::bind_socket(address);
    ASSERT_TRUE(file.has_value()) << to_text(file.error());
    address_ = net::bound_address(*file).value();
    listener_ =
        std::make_unique<net::Listener>(*core_, *file, [this](int direct) { accepted(direct); });
    ASSERT_TRUE(listener_->start().has_value());
  }
  void TearDown() override {
    if (core_ == nullptr) return;
    listener_->stop();
    EXPECT_TRUE(run([&] {
      // Each time: what was accepted before the listener stopped may come only now.
      for (Owner& owner : owners_) {
        owner.kept.clear();
        if (!owner.is_closed) owner.stream.abort();
      }
      return listener_->finished() &&
             std::ranges::all_of(owners_, [](const Owner& owner) { return owner.is_closed; });
    }));
    owners_.clear();
    EXPECT_EQ(buffers_->buffers_free(), buffers_->buffers_max());
    listener_.reset();
    buffers_.reset();
    core_.reset();
  }

  virtual void accepted(int direct) {
    Owner& owner = make_owner();
    if (set_up) set_up(owner);
    owner.stream.accept(direct);
    owner.stream.receive();
  }
  Owner& make_owner() { return owners_.emplace_back(*core_, *buffers_); }
  bool run(const std::function<bool()>& finished, Duration limit = seconds(20)) {
    return run_until(*core_, finished, limit);
  }
  // Runs the core here while `peer` does its blocking work in a thread of its own; then goes on
  // until `finished`.
  void run_with(const std::function<void()>& peer, const std::function<bool()>& finished) {
    std::atomic<bool> peer_done{false};
    std::thread thread([&] {
      peer();
      peer_done.store(true);
      core_->stop();  // nothing but a wake-up: the loop is already asked to stop
    });
    EXPECT_TRUE(run([&] { return peer_done.load() && finished(); }));
    thread.join();
  }

  std::unique_ptr<ring::Core> core_;
  std::unique_ptr<memory::BufferRing> buffers_;
  std::unique_ptr<net::Listener> listener_;
  net::Address address_;
  std::deque<Owner> owners_;
  std::function<void(Owner&)> set_up;
};

}  // namespace ringpost::test
