// The header of a submitted message: see header_editor.h. What a field is, mail/header_scan.h says.
#include "proto/submission/header_editor.h"

#include <utility>

#include "proto/base/ascii.h"
#include "proto/submission/fields.h"

namespace ringpost::submission {
namespace {

// RFC 5322 2.1.1: a line that is longer without a colon is no field.
constexpr std::size_t name_octets_max = 998;

bool is_blind(std::string_view name) {
  return ascii::equal_ignoring_case(name, "bcc") || ascii::equal_ignoring_case(name, "resent-bcc");
}

}  // namespace

std::size_t HeaderEditor::edit(Bytes octets, std::string& target) {
  const std::string_view text = text_of(octets);
  std::size_t at = 0;
  while (at < text.size() && place_ != Place::Body) {
    if (place_ != Place::Value) {
      if (!step(text[at], target)) break;
      ++at;
      continue;
    }
    const std::size_t end = text.find('\n', at);
    const std::size_t stop = end == text.npos ? text.size() : end + 1;
    take_value(text.substr(at, stop - at), target);
    at = stop;
  }
  return at;
}

// False when the octet belongs to the body: the header has ended before it.
bool HeaderEditor::step(char octet, std::string& target) {
  switch (place_) {
    case Place::LineStart:
      return begin_line(octet, target);
    case Place::Name:
      return name_octet(octet, target);
    case Place::BeforeColon:
      held_ += octet;
      if (octet == ':') {
        name_ended(target);
        return true;
      }
      if (ascii::is_blank(octet) && held_.size() < name_octets_max) return true;
      held_.pop_back();
      end_header_before_text(target);
      return false;
    case Place::EmptyLine:
      if (octet != '\n') {
        end_header_before_text(target);
        return false;
      }
      add_missing(target);
      target += "\r\n";
      place_ = Place::Body;
      return true;
    case Place::Value:
    case Place::Body:
      break;
  }
  return false;
}

bool HeaderEditor::begin_line(char octet, std::string& target) {
  // RFC 5322 2.2.3: a line that begins with a blank goes on with the field before it.
  if (ascii::is_blank(octet)) {
    place_ = Place::Value;
    take_value({&octet, 1}, target);
    return true;
  }
  end_field(target);
  if (octet != '\r') {
    place_ = Place::Name;
    return name_octet(octet, target);
  }
  held_ = octet;
  place_ = Place::EmptyLine;
  return true;
}

bool HeaderEditor::name_octet(char octet, std::string& target) {
  const bool is_name = octet > ' ' && octet <= '~' && octet != ':';
  const bool ends_name = !held_.empty() && (octet == ':' || ascii::is_blank(octet));
  if ((!is_name && !ends_name) || held_.size() == name_octets_max) {
    end_header_before_text(target);
    return false;
  }
  held_ += octet;
  if (octet == ':') name_ended(target);
  if (ascii::is_blank(octet)) place_ = Place::BeforeColon;  // RFC 5322 4.5.8: obsolete, but seen
  return true;
}

void HeaderEditor::name_ended(std::string& target) {
  name_octets_ = held_.size();
  const std::string_view name = ascii::trim(std::string_view(held_).substr(0, name_octets_ - 1));
  place_ = Place::Value;
  after_cr_ = false;
  has_date_ |= ascii::equal_ignoring_case(name, "date");
  has_message_id_ |= ascii::equal_ignoring_case(name, "message-id");
  if (is_blind(name)) {
    fate_ = Fate::Drop;
  } else if (!edits_.author.empty() && ascii::equal_ignoring_case(name, "from")) {
    fate_ = Fate::Author;
  } else {
    fate_ = has_addresses(name) ? Fate::Complete : Fate::Pass;
  }
  if (fate_ == Fate::Pass) target += held_;
  if (fate_ == Fate::Pass || fate_ == Fate::Drop) held_.clear();
}

// `text` holds a line end at its end, or none.
void HeaderEditor::take_value(std::string_view text, std::string& target) {
  const bool after_cr = text.size() > 1 ? text[text.size() - 2] == '\r' : after_cr_;
  if (text.back() == '\n' && after_cr) place_ = Place::LineStart;
  after_cr_ = text.back() == '\r';
  const bool is_held = fate_ == Fate::Complete || fate_ == Fate::Author;
  if (is_held && held_.size() + text.size() > edited_field_octets_max) return let_go(text, target);
  if (is_held) held_ += text;
  if (fate_ == Fate::Pass) target += text;
}

// A field that is too long to be edited.
void HeaderEditor::let_go(std::string_view text, std::string& target) {
  if (std::exchange(fate_, fate_ == Fate::Author ? Fate::Drop : Fate::Pass) == Fate::Author) {
    held_.resize(name_octets_);
    target += held_;
    target += " ";
    target += edits_.author;
    target += "\r\n";
  } else {
    target += held_;
    target += text;
  }
  held_.clear();
}

void HeaderEditor::end_field(std::string& target) {
  const Fate fate = std::exchange(fate_, Fate::Pass);
  if (fate == Fate::Complete || fate == Fate::Author) {
    // RFC 6409 8.8
    std::string_view body = std::string_view(held_).substr(name_octets_);
    const std::string_view line_end = body.ends_with("\r\n") ? "\r\n" : "";
    body.remove_suffix(line_end.size());
    target += std::string_view(held_).substr(0, name_octets_);
    target +=
        fate == Fate::Author ? with_author(body, edits_.author) : with_domains(body, edits_.host);
    target += line_end;
  }
  held_.clear();
}

void HeaderEditor::add_missing(std::string& target) {
  // RFC 6409 8.2
  // RFC 6409 8.3
  if (!has_date_) append_date_field(target, edits_.now, 0);
  if (!has_message_id_) append_message_id_field(target, edits_.now, edits_.unique, edits_.host);
}

// What is held begins a line that is neither a field nor empty. Fields that are added must not
// become its neighbours.
void HeaderEditor::end_header_before_text(std::string& target) {
  add_missing(target);
  // Nor may who reads past this line find a From that nobody has looked at.
  if (!has_date_ || !has_message_id_ || !edits_.author.empty()) target += "\r\n";
  target += held_;
  held_.clear();
  place_ = Place::Body;
}

void HeaderEditor::finish(std::string& target) {
  switch (place_) {
    case Place::Name:
    case Place::BeforeColon:
    case Place::EmptyLine:
      return end_header_before_text(target);
    case Place::Value: {
      const bool is_there = fate_ != Fate::Drop;
      end_field(target);
      if (is_there && (!has_date_ || !has_message_id_)) target += "\r\n";
      break;
    }
    case Place::LineStart:
      end_field(target);
      break;
    case Place::Body:
      return;
  }
  add_missing(target);
  place_ = Place::Body;
}

}  // namespace ringpost::submission
