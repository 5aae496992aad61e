// DATA decoding as plainly as RFC 5321 4.5.2 puts it, one octet at a time, to hold the fast decoder
// against; and the decoder driven over input cut into parts.
#pragma once

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>

#include "proto/base/check.h"
#include "proto/smtp/data_decoder.h"

namespace ringpost::test {

struct DecodedData {
  std::string content;
  std::string rest;  // behind the end of the data
  bool ended = false;
  bool bare = false;  // a bare CR or LF among what was decoded

  bool operator==(const DecodedData&) const = default;
};

inline void PrintTo(const DecodedData& data, std::ostream* stream) {
  *stream << "content " << data.content.size() << " octets, rest " << data.rest.size() << " octets"
          << (data.ended ? ", ended" : "") << (data.bare ? ", bare" : "");
}

// What is undecided at the end of `text` (a dot, or dot and CR, at the start of a line) is not
// content yet.
inline DecodedData decode_by_model(std::string_view text) {
  DecodedData data;
  bool line_start = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (line_start && text[i] == '.') {
      const std::string_view behind = text.substr(i + 1);
      if (behind.empty() || behind == "\r") break;
      if (behind.starts_with("\r\n")) {
        data.ended = true;
        data.rest = behind.substr(2);
        break;
      }
      ++i;
    }
    const bool after_cr = i > 0 && text[i - 1] == '\r';
    const bool before_lf = i + 1 < text.size() && text[i + 1] == '\n';
    if (text[i] == '\n' && !after_cr) data.bare = true;
    if (text[i] == '\r' && !before_lf && i + 1 < text.size()) data.bare = true;
    data.content += text[i];
    line_start = text[i] == '\n' && after_cr;
  }
  return data;
}

inline DecodedData decode_in_parts(std::string_view text, std::size_t part_octets) {
  DecodedData data;
  smtp::DataDecoder decoder;
  while (!text.empty() && !data.ended) {
    Bytes part = bytes_of(text.substr(0, part_octets));
    while (!part.empty() && !data.ended) {
      const smtp::DataDecoder::Step step = decoder.decode(part);
      CHECK(step.octets > 0 || !step.content.empty());
      data.content += text_of(step.content);
      data.ended = step.ended;
      part = part.subspan(step.octets);
      text.remove_prefix(step.octets);
    }
  }
  data.rest = text;
  data.bare = decoder.bare_line_end_seen();
  return data;
}

}  // namespace ringpost::test
