// From 8 bits to 7: see seven_bit.h.
#include "proto/mail/seven_bit.h"

namespace ringpost::mail {
namespace {

bool has_eight_bits(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all > 0x7f;
}

std::string_view word_of(PartAction action) {
  if (action == PartAction::QuotedPrintable) return "quoted-printable";
  return action == PartAction::Base64 ? "base64" : "7bit";
}

bool is_encoded(PartAction action) {
  return action == PartAction::QuotedPrintable || action == PartAction::Base64;
}

void write_line(const LinePiece& piece, std::string& target) {
  target += piece.text;
  target += piece.end;
}

}  // namespace

void SevenBitPlan::scan(std::string_view octets) {
  cutter_.cut(octets, [this](const LinePiece& piece) { take(piece); });
}

void SevenBitPlan::take(const LinePiece& piece) {
  const LinePlace place = walk_.take(piece);
  const std::size_t number = walk_.part_number();
  if (piece.end == "\n") has_bare_line_end_ = true;
  if (number >= mime_parts_max) return;
  if (parts_.size() <= number) parts_.resize(number + 1);
  if (place == LinePlace::BlankLine || place == LinePlace::Body) parts_[number].part = walk_.part();
  if (!has_eight_bits(piece.text)) return;
  is_needed_ = true;
  if (place == LinePlace::Body) {
    parts_[number].has_eight_bits = true;
  } else {
    stop(place == LinePlace::Header ? "8-bit octets in a header"
                                    : "8-bit octets outside of its parts");
  }
}

void SevenBitPlan::finish() {
  cutter_.finish([this](const LinePiece& piece) { take(piece); });
  if (!is_needed_) return;
  if (has_bare_line_end_) stop("a line that does not end with CRLF");
  if (!walk_.doubt().empty()) stop(walk_.doubt());
  for (const Seen& seen : parts_) actions_.push_back(action_for(seen));
}

PartAction SevenBitPlan::action_for(const Seen& seen) {
  const Part& part = seen.part;
  if (!seen.has_eight_bits) {
    const bool says_more =
        part.encoding == PartEncoding::EightBit || part.encoding == PartEncoding::Binary;
    return says_more && !part.is_signed && part.is_mime ? PartAction::Relabel : PartAction::Keep;
  }
  if (!part.is_mime) stop("8-bit content that is not MIME");
  if (part.is_signed) stop("8-bit content that is signed or encrypted");
  if (part.encoding == PartEncoding::Encoded) stop("8-bit octets in a part that is encoded");
  if (part.encoding == PartEncoding::Unknown) stop("an unknown Content-Transfer-Encoding");
  if (part.kind == PartKind::Fixed) stop("8-bit octets in a part that must have none");
  return part.kind == PartKind::Text ? PartAction::QuotedPrintable : PartAction::Base64;
}

void SevenBitConverter::convert(std::string_view octets, std::string& target) {
  cutter_.cut(octets, [&](const LinePiece& piece) { take(piece, target); });
}

void SevenBitConverter::finish(std::string& target) {
  cutter_.finish([&](const LinePiece& piece) { take(piece, target); });
  // Without a boundary behind it the last line end is the content's.
  if (std::exchange(line_end_held_, false)) base64_.write("\r\n", target);
  end_body(target);
}

void SevenBitConverter::take(const LinePiece& piece, std::string& target) {
  const LinePlace place = walk_.take(piece);
  if (place == LinePlace::Body) {
    write_body(piece, target);
    return;
  }
  end_body(target);
  if (place == LinePlace::Header || place == LinePlace::BlankLine) {
    action_ = plan_.action(walk_.part_number());
    if (replace_encoding(target)) return;
  }
  if (place == LinePlace::BlankLine && is_encoded(action_) && !encoding_written_)
    write_encoding(target);
  if (place != LinePlace::Header) encoding_written_ = false;
  write_line(piece, target);
}

// The field is written anew where it stood.
bool SevenBitConverter::replace_encoding(std::string& target) {
  if (!walk_.is_in_encoding_field() || action_ == PartAction::Keep) return false;
  if (!encoding_written_) write_encoding(target);
  return true;
}

void SevenBitConverter::write_encoding(std::string& target) {
  target += "Content-Transfer-Encoding: ";
  target += word_of(action_);
  target += "\r\n";
  encoding_written_ = true;
}

void SevenBitConverter::write_body(const LinePiece& piece, std::string& target) {
  in_body_ = true;
  if (action_ == PartAction::QuotedPrintable) {
    quoted_printable_.write(piece.text, target);
    if (!piece.end.empty()) quoted_printable_.end_line(target);
  } else if (action_ == PartAction::Base64) {
    if (std::exchange(line_end_held_, false)) base64_.write("\r\n", target);
    base64_.write(piece.text, target);
    line_end_held_ = !piece.end.empty();
  } else {
    write_line(piece, target);
  }
}

void SevenBitConverter::end_body(std::string& target) {
  if (!std::exchange(in_body_, false)) return;
  line_end_held_ = false;
  quoted_printable_.finish(target);
  base64_.finish(target);
}

}  // namespace ringpost::mail
