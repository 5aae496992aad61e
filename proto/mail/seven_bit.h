// Content with 8-bit octets for a server that takes none (RFC 6152 3): which of its parts become
// quoted-printable and which base64, and the content so converted. What cannot be converted without
// a loss (signatures, headers, what is no proper MIME) is left to its sender. Streaming, bounded in
// memory; the same for any cutting of the octets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/mail/mime_walk.h"
#include "proto/mail/transfer_encoding.h"

namespace ringpost::mail {

enum class PartAction : std::uint8_t { Keep, Relabel, QuotedPrintable, Base64 };

// The first look, at the whole content.
class SevenBitPlan {
 public:
  void scan(std::string_view octets);
  // The content ended; what stands below counts from here on.
  void finish();

  // Some octet of it has 8 bits. Otherwise the content goes as it is, whatever its labels say.
  bool is_needed() const { return is_needed_; }
  // Why it cannot be converted, for people; empty: it can.
  std::string_view obstacle() const { return obstacle_; }
  PartAction action(std::size_t part) const {
    return part < actions_.size() ? actions_[part] : PartAction::Keep;
  }

 private:
  struct Seen {
    Part part = {};
    bool has_eight_bits = false;
  };
  void take(const LinePiece& piece);
  void stop(std::string_view why) {
    if (obstacle_.empty()) obstacle_ = why;
  }
  PartAction action_for(const Seen& seen);

  LineCutter cutter_;
  MimeWalk walk_;
  std::vector<Seen> parts_;
  std::vector<PartAction> actions_;
  bool is_needed_ = false;
  bool has_bare_line_end_ = false;
  std::string_view obstacle_;
};

// The second one. Only with a plan without an obstacle, which must stay.
class SevenBitConverter {
 public:
  explicit SevenBitConverter(const SevenBitPlan& plan) : plan_(plan) {}

  // Appends to `target` what the next octets of the content become, or part of it.
  void convert(std::string_view octets, std::string& target);
  // The rest.
  void finish(std::string& target);

 private:
  void take(const LinePiece& piece, std::string& target);
  bool replace_encoding(std::string& target);
  void write_encoding(std::string& target);
  void write_body(const LinePiece& piece, std::string& target);
  void end_body(std::string& target);

  const SevenBitPlan& plan_;
  LineCutter cutter_;
  MimeWalk walk_;
  PartAction action_ = PartAction::Keep;  // of the part under way
  bool encoding_written_ = false;
  bool in_body_ = false;
  bool line_end_held_ = false;  // base64: it belongs to the boundary, if one follows
  QuotedPrintableWriter quoted_printable_;
  Base64Writer base64_;
};

}  // namespace ringpost::mail
