// Secret: octets that nobody may see, wiped from memory when they go. It has no formatter and is
// not copied; moving it leaves nothing behind. Owner: whoever holds it.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace ringpost {

// Overwrites memory that nobody reads any more. An asm without results is never left out, and what
// it may read must be there.
inline void wipe(void* memory, std::size_t octets) {
  if (octets == 0) return;
  std::memset(memory, 0, octets);
  asm("" : : "r"(memory) : "memory");
}

class Secret {
 public:
  Secret() = default;
  // `octets` zeros, to be written over.
  explicit Secret(std::size_t octets)
      : text_(octets == 0 ? nullptr : std::make_unique<char[]>(octets)), octets_(octets) {}
  explicit Secret(std::string_view text) : Secret(text.size()) {
    if (!text.empty()) std::memcpy(text_.get(), text.data(), text.size());
  }
  Secret(Secret&& other) noexcept
      : text_(std::move(other.text_)), octets_(std::exchange(other.octets_, 0)) {}
  Secret& operator=(Secret&& other) noexcept {
    std::swap(text_, other.text_);
    std::swap(octets_, other.octets_);
    return *this;
  }
  ~Secret() { wipe(text_.get(), octets_); }

  bool empty() const { return octets_ == 0; }
  std::size_t size() const { return octets_; }
  // The view lives as long as the secret. Not for logs, replies or anything that is kept.
  std::string_view reveal() const { return {text_.get(), octets_}; }
  char* writable() { return text_.get(); }

 private:
  std::unique_ptr<char[]> text_;
  std::size_t octets_ = 0;
};

// Whether both are the same, in a time that does not tell where they differ.
inline bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

}  // namespace ringpost
