// The addresses of host names: see address_directory.h.
#include "engine/mta/address_directory.h"

#include "engine/mta/listen_addresses.h"
#include "engine/ring/clock.h"

namespace ringpost::mta {
namespace {

constexpr Duration found_kept = seconds(60);
constexpr Duration failure_kept = seconds(5);
constexpr std::size_t kept_max = 1'000;

}  // namespace

AddressDirectory::~AddressDirectory() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
  }
  waiting_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void AddressDirectory::ask(AddressQuestion& question) {
  {
    const std::lock_guard guard(lock_);
    questions_.push_back(&question);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  waiting_.notify_one();
}

AddressDirectory::Kept AddressDirectory::look_up(const std::string& host) {
  Kept result;
  for (const net::Address& address : addresses_of_host(host))
    result.hosts.push_back(address.host());
  if (result.hosts.empty()) result.error = "no address is known for " + host;
  result.until = ring::monotonic_now() + (result.hosts.empty() ? failure_kept : found_kept);
  return result;
}

void AddressDirectory::answer(AddressQuestion& question, const Kept& kept) {
  for (const std::string& host : kept.hosts)
    if (const auto address = net::Address::parse(host, question.port))
      question.addresses.push_back(*address);
  question.error = kept.error;
  question.core.post(question);
}

void AddressDirectory::run() {
  std::unique_lock guard(lock_);
  while (true) {
    waiting_.wait(guard, [this] { return stopping_ || !questions_.empty(); });
    if (questions_.empty()) return;
    AddressQuestion& question = *questions_.front();
    questions_.pop_front();
    auto known = kept_.find(question.host);
    if (known == kept_.end() || known->second.until < ring::monotonic_now()) {
      guard.unlock();
      Kept found = look_up(question.host);
      guard.lock();
      if (kept_.size() >= kept_max) kept_.clear();
      known = kept_.insert_or_assign(question.host, std::move(found)).first;
    }
    answer(question, known->second);
  }
}

}  // namespace ringpost::mta
