// A sink that runs beside a test, on a port of its own.
#pragma once

#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/net/listener.h"
#include "tools/load/sink.h"

namespace ringpost::load {

// A loopback port that stays ours: bound, but not listening, so that a sink may share it.
class Port {
 public:
  Port() : file_(net::bind_socket(*net::Address::parse("127.0.0.1", 0)).value_or(-1)) {}
  ~Port() { close(file_); }
  net::Address address() const { return *net::bound_address(file_); }
  int file() const { return file_; }

 private:
  int file_;
};

inline Options sink_at(const Port& port) {
  Options options;
  options.mode = Mode::Sink;
  options.listen = {port.address()};
  return options;
}

// Runs a sink beside `act`; returns what it counted.
template <class Act>
Report with_sink(const Options& options, const Act& act) {
  Statistics statistics;
  std::promise<Sink*> started;
  std::promise<void> released;
  std::thread thread([&] {
    auto sink = Sink::create(options, 0, statistics);
    started.set_value(sink ? sink->get() : nullptr);
    if (!sink) return;
    (*sink)->run_to_end();
    released.get_future().wait();  // stop() has returned: nobody else touches the sink
  });
  Sink* const sink = started.get_future().get();
  EXPECT_NE(sink, nullptr);
  if (sink != nullptr) {
    act();
    sink->stop();
    released.set_value();
  }
  thread.join();
  return Report::of(statistics);
}

}  // namespace ringpost::load
