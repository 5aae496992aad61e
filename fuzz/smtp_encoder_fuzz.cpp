// The data encoder: cuts do not matter, the pieces are small and lawful DATA, and the decoder gives
// back exactly the content, save that stray CR and LF have become blanks.
#include <cstdint>
#include <string>
#include <vector>

#include "proto/base/check.h"
#include "proto/smtp/data_decoder.h"
#include "proto/smtp/data_encoder.h"

namespace {

using namespace ringpost;

std::string encode(std::string_view content, std::size_t piece) {
  smtp::DataEncoder encoder;
  std::vector<Bytes> pieces;
  for (; !content.empty(); content.remove_prefix(std::min(piece, content.size())))
    encoder.encode(bytes_of(content.substr(0, piece)), pieces);
  encoder.finish(pieces);
  std::string text;
  for (const Bytes each : pieces) {
    CHECK(!each.empty());
    text += text_of(each);
  }
  return text;
}

std::string decode(std::string_view text) {
  smtp::DataDecoder decoder;
  std::string content;
  for (Bytes rest = bytes_of(text);;) {
    CHECK(!rest.empty());
    const auto step = decoder.decode(rest);
    content += text_of(step.content);
    rest = rest.subspan(step.octets);
    if (!step.ended) continue;
    CHECK(rest.empty());
    break;
  }
  CHECK(!decoder.bare_line_end_seen(true));
  return content;
}

// The content as it should arrive, said octet by octet.
std::string arrived(std::string_view content) {
  std::string result;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const bool pair = content.substr(i, 2) == "\r\n";
    if (pair) result += content.substr(i++, 2);
    if (!pair) result += content[i] == '\r' || content[i] == '\n' ? ' ' : content[i];
  }
  if (!result.empty() && !result.ends_with("\r\n")) result += "\r\n";
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view content(reinterpret_cast<const char*>(octets) + 1, size - 1);
  const std::string whole = encode(content, std::string_view::npos);
  CHECK(encode(content, 1 + octets[0] % 16) == whole);
  CHECK(decode(whole) == arrived(content));
  return 0;
}
