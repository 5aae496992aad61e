// The structure of a message: see mime_walk.h. RFC 2046 5.1.1 lets a boundary be followed by
// anything, and most readers do not: a line where that makes a difference is a doubt.
#include "proto/mail/mime_walk.h"

#include <algorithm>
#include <array>

#include "proto/base/ascii.h"

namespace ringpost::mail {
namespace {

constexpr std::size_t boundary_line_octets_max = 1'000;
constexpr std::size_t field_octets_max = 16'384;
constexpr std::array<std::string_view, 3> wanted_fields{"content-type", "mime-version",
                                                        "content-transfer-encoding"};

enum class Delimiter : std::uint8_t { None, Next, Close };

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t") == text.npos; }

// What stands before the colon; empty: the line begins no field.
std::string_view name_of(std::string_view line) {
  const std::string_view name = ascii::trim(line.substr(0, std::min(line.find(':'), line.size())));
  const bool is_name =
      name.size() < line.size() && std::ranges::all_of(name, [](char c) { return c > ' '; });
  return is_name ? name : std::string_view();
}

Delimiter delimiter_of(std::string_view line, std::string_view boundary) {
  if (line.size() > boundary_line_octets_max || !line.substr(2).starts_with(boundary))
    return Delimiter::None;
  const std::string_view rest = line.substr(2 + boundary.size());
  if (is_blank(rest)) return Delimiter::Next;
  return rest.starts_with("--") && is_blank(rest.substr(2)) ? Delimiter::Close : Delimiter::None;
}

PartEncoding encoding_of(std::string_view word) {
  if (word == "7bit") return PartEncoding::SevenBit;
  if (word == "8bit") return PartEncoding::EightBit;
  if (word == "binary") return PartEncoding::Binary;
  if (word == "quoted-printable" || word == "base64") return PartEncoding::Encoded;
  return PartEncoding::Unknown;
}

bool is_plain(PartEncoding encoding) {
  return encoding != PartEncoding::Encoded && encoding != PartEncoding::Unknown;
}

}  // namespace

LinePlace MimeWalk::take(const LinePiece& piece) {
  in_encoding_field_ = piece.begins ? false : in_encoding_field_;
  if (piece.begins && is_boundary(piece)) return LinePlace::Boundary;
  if (state_ == State::BeforeMessage) begin_part(true);
  if (state_ == State::Header) return take_header(piece);
  return state_ == State::Body ? LinePlace::Body : LinePlace::Between;
}

LinePlace MimeWalk::take_header(const LinePiece& piece) {
  const std::string_view text = piece.text;
  if (piece.begins && text.empty()) {
    header_ended();
    return LinePlace::BlankLine;
  }
  const bool goes_on = !piece.begins || text.starts_with(' ') || text.starts_with('\t');
  if (!goes_on && name_of(text).empty()) {
    doubt("a header without an end");
    header_ended();
    return state_ == State::Body ? LinePlace::Body : LinePlace::Between;
  }
  if (!goes_on) new_field(text);
  if (goes_on && !field_.empty()) {
    if (field_.size() + text.size() > field_octets_max) doubt("a field that is too long");
    field_ += text.substr(0, field_octets_max);
    in_encoding_field_ = ascii::equal_ignoring_case(name_of(field_), wanted_fields.back());
  }
  return LinePlace::Header;
}

void MimeWalk::new_field(std::string_view line) {
  field_ended();
  const std::string name = ascii::lower(name_of(line));
  if (std::ranges::find(wanted_fields, name) == wanted_fields.end()) return;
  field_ = line.substr(0, field_octets_max);
  in_encoding_field_ = name == wanted_fields.back();
}

void MimeWalk::field_ended() {
  if (field_.empty()) return;
  const std::string name = ascii::lower(name_of(field_));
  std::string value = field_.substr(field_.find(':') + 1);
  field_.clear();
  if (name == "mime-version") {
    has_version_ = true;
    return;
  }
  std::optional<std::string>& place = name == "content-type" ? content_type_ : encoding_;
  if (place) doubt("a field that says twice what a part is");
  place = std::move(value);
}

void MimeWalk::header_ended() {
  field_ended();
  state_ = read_kind();
  content_type_.reset();
  encoding_.reset();
}

MimeWalk::State MimeWalk::fixed(std::string_view why) {
  part_.kind = PartKind::Fixed;
  doubt(why);
  return State::Body;
}

MimeWalk::State MimeWalk::read_kind() {
  if (encoding_) part_.encoding = encoding_of(parse_transfer_encoding(*encoding_));
  if (is_message_) part_.is_mime = has_version_;
  if (!part_.is_mime) return State::Body;
  const bool is_digest = !is_message_ && !levels_.empty() && levels_.back().is_digest;
  const std::string_view usual = is_digest ? "message/rfc822" : "text/plain";
  const auto type = parse_content_type(content_type_ ? std::string_view(*content_type_) : usual);
  if (!type) return fixed("a Content-Type that cannot be read");
  if (type->type == "multipart") return read_multipart(*type);
  if (type->type == "message" && type->subtype == "rfc822") {
    if (!is_plain(part_.encoding)) return fixed("a message inside that is encoded");
    part_.kind = PartKind::Composite;
    return State::BeforeMessage;
  }
  part_.kind = type->type == "text" ? PartKind::Text : PartKind::Other;
  if (type->type == "message" && type->subtype != "global") part_.kind = PartKind::Fixed;
  return State::Body;
}

MimeWalk::State MimeWalk::read_multipart(const ContentType& type) {
  if (!is_plain(part_.encoding)) return fixed("a multipart that is encoded");
  if (type.boundary.empty()) return fixed("a multipart without a boundary");
  if (levels_.size() >= mime_depth_max) return fixed("too many multiparts in each other");
  const auto same = [&](const Level& level) { return level.boundary == type.boundary; };
  if (std::ranges::any_of(levels_, same)) return fixed("two multiparts with one boundary");
  part_.kind = PartKind::Composite;
  part_.is_signed |= type.subtype == "signed" || type.subtype == "encrypted";
  levels_.push_back({type.boundary, part_.is_signed, type.subtype == "digest", part_.is_mime});
  return State::Between;
}

// The innermost multipart whose boundary it is; those inside of that have ended.
bool MimeWalk::is_boundary(const LinePiece& piece) {
  if (levels_.empty() || !piece.text.starts_with("--")) return false;
  bool is_alike = false;
  for (std::size_t i = levels_.size(); i > 0; --i) {
    const std::string& boundary = levels_[i - 1].boundary;
    const Delimiter delimiter = delimiter_of(piece.text, boundary);
    is_alike |= piece.text.substr(2).starts_with(boundary);
    if (delimiter == Delimiter::None) continue;
    if (state_ == State::Header) header_ended();
    levels_.resize(delimiter == Delimiter::Close ? i - 1 : i);
    state_ = State::Between;
    if (delimiter == Delimiter::Next) begin_part(false);
    return true;
  }
  if (is_alike) doubt("a line that may be a boundary");
  return false;
}

void MimeWalk::begin_part(bool is_message) {
  if (++number_ >= mime_parts_max) doubt("too many parts");
  const bool was_signed = is_message && part_.is_signed;
  part_ = {};
  part_.is_signed = was_signed || (!levels_.empty() && levels_.back().is_signed);
  part_.is_mime = levels_.empty() || levels_.back().is_mime;
  is_message_ = is_message;
  has_version_ = false;
  content_type_.reset();
  encoding_.reset();
  field_.clear();
  state_ = State::Header;
}

}  // namespace ringpost::mail
