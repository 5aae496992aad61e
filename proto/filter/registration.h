// The beginning of a dialogue with a filter process, smtpd-filters(7): what we tell it of
// ourselves, and what it registers for. Anything but registrations before `register|ready` is an
// error, as is a word that does not exist; it quotes the line.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "proto/base/clock.h"
#include "proto/filter/vocabulary.h"

namespace ringpost::filter {

struct Handshake {
  Duration session_timeout = seconds(300);
  bool smtp_in = true, smtp_out = false;
  std::string_view admd;  // who we are in Authentication-Results fields
};

// The config| lines.
void append_handshake(std::string& out, const Handshake& handshake);

class Registration {
 public:
  // The next line, without its end. Not to be called when ready().
  std::expected<void, std::string> take(std::string_view line);

  bool ready() const { return ready_; }
  const Interest& interest() const { return interest_; }

 private:
  bool take_report(std::string_view rest);
  bool take_filter(std::string_view rest);

  Interest interest_;
  bool ready_ = false;
};

}  // namespace ringpost::filter
