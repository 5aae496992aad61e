// The decoder of DATA against a model that looks at one octet at a time. The first octet chooses
// how the rest is cut into parts.
#include "proto/base/bytes.h"
#include "tests/support/smtp_data_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringpost;
  if (size == 0) return 0;
  const std::string_view text = text_of(std::as_bytes(std::span(data + 1, size - 1)));
  const test::DecodedData expected = test::decode_by_model(text);
  CHECK(test::decode_in_parts(text, std::size_t{data[0]} + 1) == expected);
  CHECK(test::decode_in_parts(text, text.size() + 1) == expected);
  return 0;
}
