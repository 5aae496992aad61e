// What a delivery wants to know of the header of a message before it decides where it goes: is it
// marked as spam, and was it delivered to this address before (RFC 9228: a loop)? Any cutting of
// the octets gives the same answer; memory is bounded. Cannot fail: what is no header ends it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/base/bytes.h"

namespace ringpost::mail {

class DeliveryScan {
 public:
  static constexpr std::size_t header_octets_max = 256 * 1024;  // what comes later is not looked at
  static constexpr std::size_t field_octets_max = 1024;         // kept of one field

  // `address` as append_delivered_to() was given it.
  explicit DeliveryScan(std::string address) : address_(std::move(address)) {}

  // The next octets of the content. False when the header is over: nothing more is needed.
  bool scan(Bytes octets);
  // The content ended.
  void finish();

  // A field X-Spam or X-Spam-Flag whose value begins with the word "yes", in any case; the field
  // may be folded.
  bool is_spam() const { return spam_; }
  bool was_delivered_before() const { return delivered_before_; }

 private:
  void line_ended();
  void field_ended();

  std::string address_;
  std::string line_;   // what is kept of the line under way
  std::string field_;  // of the field, unfolded
  std::size_t octets_ = 0;
  bool over_ = false;
  bool spam_ = false;
  bool delivered_before_ = false;
};

}  // namespace ringpost::mail
