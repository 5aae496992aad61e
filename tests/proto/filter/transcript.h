// Lines of a recorded dialogue between smtpd and a filter, of tests/proto/filter/data.
#pragma once

#include <fstream>
#include <string>
#include <vector>

namespace ringpost::filter {

// Those of the server ("S>F "), or of the filter ("F>S "), without the mark.
inline std::vector<std::string> lines_of(const std::string& name, const std::string& mark) {
  std::ifstream file(RINGPOST_SOURCE_DIR "/tests/proto/filter/data/" + name + ".transcript");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(mark)) lines.push_back(line.substr(mark.size()));
  return lines;
}

}  // namespace ringpost::filter
