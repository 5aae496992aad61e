// The daemon is believed to be ours but not to be of our version: every line is checked before it
// is used.
#include "tools/ringpostctl/daemon_client.h"

#include <array>
#include <cerrno>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/mta/control_socket.h"

namespace ringpost::ctl {
namespace {

class Connection {
 public:
  explicit Connection(int file) : file_(file) {
    const timeval limit{answer_max.seconds(), 0};
    setsockopt(file_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(file_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(file_); }

  // A daemon that refuses a request early answers before it has read all of it: not an error here.
  void send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::send(file_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  std::expected<std::string, Fault> receive_all() const {
    std::string text;
    std::array<char, 65536> room;
    while (true) {
      const ssize_t count = recv(file_, room.data(), room.size(), 0);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return std::unexpected(Fault{"receive", errno});
      if (count == 0) return text;
      text.append(room.data(), static_cast<std::size_t>(count));
    }
  }

 private:
  int file_;
};

std::string text_member(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return {};
  return member->get<std::string>();
}

struct Page {
  std::vector<Json> rows;
  Json last;
};

std::expected<Page, std::string> parse_page(std::string_view text) {
  const std::string broken = "the daemon's answer is cut off or not of this protocol";
  Page page;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == text.npos || !page.last.is_null()) return std::unexpected(broken);
    Json line = Json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(end + 1);
    if (!line.is_object()) return std::unexpected(broken);
    if (const auto row = line.find("row"); row != line.end()) {
      page.rows.push_back(std::move(*row));
    } else {
      page.last = std::move(line);
    }
  }
  const auto ok = page.last.find("ok");
  if (!page.last.is_object() || ok == page.last.end() || !ok->is_boolean()) {
    return std::unexpected(broken);
  }
  if (!ok->get<bool>()) return std::unexpected(text_member(page.last, "error"));
  return {std::move(page)};
}

std::expected<Page, std::string> ask_page(const std::string& socket_path,
                                          const control::Request& request) {
  const auto file = mta::connect_control(socket_path);
  if (!file) {
    return std::unexpected(fmt::format("no daemon answers at {}: {}", socket_path,
                                       to_text(Fault{"connect", file.error().code})));
  }
  const Connection connection(*file);
  connection.send(control::print_request(request));
  const auto text = connection.receive_all();
  if (!text) {
    return std::unexpected(
        fmt::format("no answer from the daemon at {}: {}", socket_path, to_text(text.error())));
  }
  return parse_page(*text);
}

// Numbers beside "ok" count what one page was about.
void add_counts(const Json& last, Json& counted) {
  for (const auto& [name, value] : last.items())
    if (value.is_number_unsigned())
      counted[name] = counted.value(name, std::uint64_t{0}) + value.get<std::uint64_t>();
}

Json with_counts(Json last, const Json& counted) {
  last.update(counted);
  return last;
}

}  // namespace

std::expected<Json, std::string> ask(const std::string& socket_path, control::Request request,
                                     const std::function<void(std::span<const Json>)>& page) {
  Json counted = Json::object();
  while (true) {
    auto answer = ask_page(socket_path, request);
    if (!answer) return std::unexpected(answer.error());
    page(answer->rows);
    add_counts(answer->last, counted);
    const std::string next = text_member(answer->last, "next");
    if (next.empty()) return with_counts(std::move(answer->last), counted);
    if (next == request.after) return std::unexpected("the daemon's answer does not go on");
    request.after = next;
  }
}

}  // namespace ringpost::ctl
