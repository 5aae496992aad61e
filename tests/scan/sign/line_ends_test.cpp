// A CR or an LF that stands alone is seen wherever the octets are cut.
#include "scan/sign/line_ends.h"

#include <gtest/gtest.h>

namespace ringpost::scan {
namespace {

bool has_bare(std::string_view text, std::size_t cut) {
  LineEnds ends;
  ends.take(bytes_of(text.substr(0, cut)));
  ends.take(bytes_of(text.substr(cut)));
  return ends.has_bare();
}

TEST(LineEnds, SeesThoseThatStandAloneWhereverItIsCut) {
  for (const std::string_view text : {"", "a", "a\r\n", "\r\n\r\nb\r\n"})
    for (std::size_t cut = 0; cut <= text.size(); ++cut) EXPECT_FALSE(has_bare(text, cut)) << cut;
  for (const std::string_view text : {"\n", "\r", "a\nb\r\n", "a\rb\r\n", "a\r\r\n", "a\r\n\n",
                                      "a\r\n\r", "\n\r\n", "\r\n\n\r\n"})
    for (std::size_t cut = 0; cut <= text.size(); ++cut)
      EXPECT_TRUE(has_bare(text, cut)) << text << cut;
}

}  // namespace
}  // namespace ringpost::scan
