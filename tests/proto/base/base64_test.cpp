// Base64 against the vectors of RFC 4648 10, and what must not be taken for it.
#include "proto/base/base64.h"

#include <gtest/gtest.h>

namespace ringpost {
namespace {

TEST(Base64, VectorsOfTheRfc) {
  constexpr std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                       {"f", "Zg=="},
                                                                       {"fo", "Zm8="},
                                                                       {"foo", "Zm9v"},
                                                                       {"foob", "Zm9vYg=="},
                                                                       {"fooba", "Zm9vYmE="},
                                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [octets, text] : vectors) {
    EXPECT_EQ(base64_encode(octets), text);
    EXPECT_EQ(base64_decode(text), octets);
    EXPECT_EQ(base64_encode_secret(octets).reveal(), text);
    ASSERT_TRUE(base64_decode_secret(text));
    EXPECT_EQ(base64_decode_secret(text)->reveal(), octets);
  }
}

TEST(Base64, OctetsOfAllKindsComeBack) {
  std::string octets;
  for (int i = 0; i < 1000; ++i) octets += static_cast<char>(i * 37 >> 2);
  for (std::size_t length = 0; length <= octets.size(); ++length) {
    const std::string_view part = std::string_view(octets).substr(0, length);
    ASSERT_EQ(base64_decode(base64_encode(part)), part);
  }
}

TEST(Base64, NothingElseIsDecoded) {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "Zg==Zg==", "Z===", "====", "=Zg=", "Zm9v\r\n", "Zm 9", "Zm9-",
        "Zm9_", "Zh==", "Zm9=", "Zm9v====", "\xff\xff\xff\xff"})
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  EXPECT_FALSE(base64_decode_secret("Zg="));
}

}  // namespace
}  // namespace ringpost
