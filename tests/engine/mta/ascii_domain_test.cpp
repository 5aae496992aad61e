// International domains become what the DNS can be asked about; everything else stays.
#include "engine/mta/ascii_domain.h"

#include <gtest/gtest.h>

namespace ringpost::mta {
namespace {

TEST(AsciiDomain, HasLabelsOfAscii) {
  EXPECT_EQ(ascii_domain("b\u00fccher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ascii_domain("B\u00dcCHER.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ascii_domain("bu\u0308cher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(ascii_domain("_dmarc.Example.com"), "_dmarc.Example.com");
  EXPECT_EQ(ascii_domain(""), "");
}

TEST(AsciiDomain, LeavesWhatIsNoDomain) {
  for (const std::string& text :
       {std::string("\xff.example"), std::string("\u00fc\0.x", 5),
        std::string(70, 'a') + "\u00fc.example", "\u00fc" + std::string(2000, 'a')})
    EXPECT_EQ(ascii_domain(text), text);
}

TEST(AsciiDomain, OfAnAddressOnlyTheDomainChanges) {
  EXPECT_EQ(with_ascii_domain("j\u00fcrg@b\u00fccher.example"), "j\u00fcrg@xn--bcher-kva.example");
  EXPECT_EQ(with_ascii_domain("\"a@b\"@b\u00fccher.example"), "\"a@b\"@xn--bcher-kva.example");
  EXPECT_EQ(with_ascii_domain("b\u00fccher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(with_ascii_domain(""), "");
}

}  // namespace
}  // namespace ringpost::mta
