// The least that a filter does: registers for every report, for connect and for content, and
// answers proceed; with the argument "reports" for reports alone. What filter_process_bench has at
// the other end.
#include <cstdio>
#include <string>
#include <string_view>

#include <unistd.h>

namespace {

std::string_view field(std::string_view line, int number) {
  for (; number > 0; --number) line.remove_prefix(std::min(line.find('|'), line.size() - 1) + 1);
  return line.substr(0, line.find('|'));
}

void answer(std::string_view line, bool decides, std::string& out) {
  if (line == "config|ready") {
    out += "register|report|smtp-in|*\n";
    if (decides) out += "register|filter|smtp-in|connect\nregister|filter|smtp-in|data-line\n";
    out += "register|ready\n";
  }
  if (!line.starts_with("filter|")) return;
  const std::string_view session = field(line, 5);
  const std::string_view rest(session.data(), line.data() + line.size());
  if (field(line, 4) == "data-line") {
    out.append("filter-dataline|").append(rest) += '\n';
  } else {
    out.append("filter-result|").append(rest.substr(0, 33)).append("|proceed\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool decides = argc < 2 || std::string_view(argv[1]) != "reports";
  std::string in;
  std::string out;
  char room[65'536];
  for (ssize_t got = 0; (got = read(STDIN_FILENO, room, sizeof room)) > 0;) {
    in.append(room, static_cast<std::size_t>(got));
    std::size_t at = 0;
    for (std::size_t end = 0; (end = in.find('\n', at)) != in.npos; at = end + 1)
      answer(std::string_view(in).substr(at, end - at), decides, out);
    in.erase(0, at);
    for (std::string_view rest = out; !rest.empty();) {
      const ssize_t put = write(STDOUT_FILENO, rest.data(), rest.size());
      if (put <= 0) return 1;
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    out.clear();
  }
  return 0;
}
