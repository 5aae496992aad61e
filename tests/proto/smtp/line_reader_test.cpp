// Command lines cut out of a stream.
#include "proto/smtp/line_reader.h"

#include <vector>

#include <gtest/gtest.h>

namespace ringpost::smtp {
namespace {

// Lines as text, "<too long>" for one that is.
std::vector<std::string> lines_in_parts(std::string_view text, std::size_t part_octets,
                                        std::size_t octets_max) {
  LineReader reader;
  std::vector<std::string> lines;
  for (; !text.empty(); text.remove_prefix(std::min(part_octets, text.size()))) {
    Bytes part = bytes_of(text.substr(0, part_octets));
    while (!part.empty()) {
      const LineReader::Taken taken = reader.take(part, octets_max);
      EXPECT_GT(taken.octets, 0u);
      if (taken.status == LineReader::Status::Line) lines.emplace_back(taken.line);
      if (taken.status == LineReader::Status::TooLong) lines.emplace_back("<too long>");
      part = part.subspan(taken.octets);
    }
  }
  return lines;
}

TEST(LineReader, EndsLinesAtCrLfOnly) {
  const std::vector<std::string> expected{"NOOP", "", "a\nb", "a\rb", "a\r", "\n"};
  for (const std::size_t part : {1u, 2u, 3u, 5u, 100u})
    EXPECT_EQ(lines_in_parts("NOOP\r\n\r\na\nb\r\na\rb\r\na\r\r\n\n\r\nrest", part, 100), expected);
}

TEST(LineReader, PassesOverLongLinesHoweverTheyAreCut) {
  const std::vector<std::string> expected{"12345678", "<too long>", "ok", "<too long>", "ok"};
  for (const std::size_t part : {1u, 2u, 3u, 7u, 11u, 1000u})
    EXPECT_EQ(
        lines_in_parts("12345678\r\n123456789\r\nok\r\n" + std::string(300, 'x') + "\r\nok\r\n",
                       part, 10),
        expected);
}

TEST(LineReader, ViewsALineThatCameWhole) {
  const std::string text = "NOOP\r\n";
  LineReader reader;
  const LineReader::Taken taken = reader.take(bytes_of(text), 100);
  EXPECT_EQ(taken.line.data(), text.data());
  EXPECT_EQ(taken.octets, text.size());
}

TEST(LineReader, GivesNothingForNothing) {
  LineReader reader;
  EXPECT_EQ(reader.take({}, 100).octets, 0u);
  EXPECT_EQ(reader.take(bytes_of("NO"), 100).status, LineReader::Status::Partial);
  EXPECT_EQ(reader.take({}, 100).octets, 0u);
  EXPECT_EQ(reader.take(bytes_of("OP\r\n"), 100).line, "NOOP");
}

}  // namespace
}  // namespace ringpost::smtp
