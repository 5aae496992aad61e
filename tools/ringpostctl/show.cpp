// Reads the members that engine/mta/control_rows.h promises, and takes nothing for granted.
#include "tools/ringpostctl/show.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "tools/ringpostctl/table.h"

namespace ringpost::ctl {
namespace {

std::string text(const Json& row, const char* name) {
  const auto member = row.find(name);
  if (member == row.end()) return {};
  if (member->is_string()) return member->get<std::string>();
  if (member->is_null()) return {};
  return member->dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::uint64_t number(const Json& row, const char* name) {
  const auto member = row.find(name);
  return member != row.end() && member->is_number_unsigned() ? member->get<std::uint64_t>() : 0;
}

std::string or_dash(std::string value) { return value.empty() ? "-" : std::move(value); }

std::string path_text(const Json& row, const char* name) {
  const std::string path = text(row, name);
  return path.empty() ? "<>" : path;
}

std::string age(const Json& row, WallTime now) {
  const auto time = parse_rfc3339(text(row, "accepted"));
  return time ? duration_text(now - *time) : "-";
}

std::string time_left(const Json& row, const char* name, WallTime now) {
  const auto time = parse_rfc3339(text(row, name));
  if (!time) return "-";
  return *time <= now ? "now" : "in " + duration_text(*time - now);
}

std::string next_try(const Json& row, WallTime now) { return time_left(row, "next_try", now); }

std::string figure_name(const Json& row) {
  const std::string label = text(row, "label");
  const std::string name = text(row, "name");
  return label.empty() ? name : fmt::format("{}{{{}}}", name, label);
}

// The figures of one summary or limit, gathered from several rows into one line.
struct Line {
  std::string name;
  std::string value;
};

std::string quoted_part(const std::string& label) {
  const std::size_t first = label.find('"');
  const std::size_t last = label.rfind('"');
  return first < last ? label.substr(first + 1, last - first - 1) : label;
}

class StatsLines {
 public:
  void add(const Json& row) {
    const std::string name = text(row, "name");
    const std::string label = text(row, "label");
    const std::uint64_t value = number(row, "value");
    if (name.starts_with("ringpost_limit_")) {
      add_limit(name, quoted_part(label), value);
    } else if (text(row, "kind") == "summary") {
      add_summary(name, quoted_part(label), value);
    } else if (label.empty() || value != 0) {
      lines_.push_back({figure_name(row), fmt::format("{}", value)});
    }
  }
  std::vector<Line> finish() && { return std::move(lines_); }

 private:
  void add_limit(const std::string& name, const std::string& limit, std::uint64_t value) {
    const std::string line = "limit " + limit;
    if (name == "ringpost_limit_used") {
      lines_.push_back({line, fmt::format("{}", value)});
    } else if (lines_.empty() || lines_.back().name != line) {
      lines_.push_back({fmt::format("{}{{{}}}", name, limit), fmt::format("{}", value)});
    } else if (name == "ringpost_limit_max") {
      lines_.back().value += fmt::format(" of {}", value);
    } else {
      lines_.back().value += fmt::format(", refused {}", value);
    }
  }

  void add_summary(const std::string& name, const std::string& part, std::uint64_t value) {
    static const std::map<std::string, std::string_view> parts{
        {"0.5", "p50"}, {"0.99", "p99"}, {"0.999", "p99.9"}, {"1", "max"}};
    const auto known = parts.find(part);
    if (known != parts.end() && known->first == "0.5") lines_.push_back({name, {}});
    if (lines_.empty() || !name.starts_with(lines_.back().name)) lines_.push_back({name, {}});
    const std::string_view title =
        known != parts.end()
            ? known->second
            : std::string_view(name).substr(std::min(name.rfind('_') + 1, name.size()));
    std::string& line = lines_.back().value;
    line += fmt::format("{}{} {}", line.empty() ? "" : "  ", title, value);
  }

  std::vector<Line> lines_;
};

// A command or a file of an alias says more than the address that led to it.
std::string goes_to(const Json& recipient) {
  const std::string target = text(recipient, "target");
  return target.empty() ? text(recipient, "final_address") : target;
}

}  // namespace

std::string queue_text(std::span<const Json> rows, WallTime now) {
  std::vector<const Json*> ordered;
  for (const Json& row : rows) {
    if (row.is_object()) ordered.push_back(&row);
  }
  std::ranges::sort(ordered, std::less{}, [](const Json* row) {
    return std::tuple(text(*row, "id"), number(*row, "recipient"));
  });
  Table table({{"id"},
               {"age", Align::Right},
               {"size", Align::Right},
               {"from"},
               {"to"},
               {"state"},
               {"attempts", Align::Right},
               {"next try"},
               {"last error"}});
  for (const Json* row : ordered) {
    table.add({text(*row, "id"), age(*row, now), size_text(number(*row, "octets")),
               path_text(*row, "from"), path_text(*row, "to"), or_dash(text(*row, "state")),
               fmt::format("{}", number(*row, "attempts")), next_try(*row, now),
               or_dash(text(*row, "last_error"))});
  }
  return table.empty() ? std::string() : table.text();
}

std::string envelope_text(const Json& row, WallTime now) {
  std::string result;
  for (const auto& [name, value] : row.items()) {
    if (value.is_array()) continue;
    const std::string shown = name == "from" ? path_text(row, "from") : text(row, name.c_str());
    if (!shown.empty()) result += fmt::format("{:<12} {}\n", printable(name), printable(shown));
  }
  const auto recipients = row.find("recipients");
  if (recipients == row.end() || !recipients->is_array()) return result;
  Table table({{"address"},
               {"goes to"},
               {"action"},
               {"user"},
               {"state"},
               {"attempts", Align::Right},
               {"next try"},
               {"last error"}});
  for (const Json& recipient : *recipients) {
    if (!recipient.is_object()) continue;
    table.add({text(recipient, "address"), or_dash(goes_to(recipient)),
               or_dash(text(recipient, "action")), or_dash(text(recipient, "user")),
               or_dash(text(recipient, "state")), fmt::format("{}", number(recipient, "attempts")),
               next_try(recipient, now), or_dash(text(recipient, "last_error"))});
  }
  return result + "\n" + table.text();
}

std::string stats_text(std::span<const Json> rows) {
  StatsLines gathered;
  for (const Json& row : rows) {
    if (row.is_object()) gathered.add(row);
  }
  Table table({{"figure"}, {"value"}});
  for (const Line& line : std::move(gathered).finish()) table.add({line.name, line.value});
  return table.text();
}

std::string dmarc_text(std::span<const Json> rows) {
  std::string result;
  for (const Json& row : rows) {
    if (!row.is_object()) continue;
    result += fmt::format("{} {} messages, seconds {} to {}\n", printable(text(row, "domain")),
                          text(row, "messages"), text(row, "begin"), text(row, "end"));
  }
  return result;
}

std::string pausable_text(std::span<const Json> rows) {
  std::string result;
  for (const Json& row : rows) {
    if (!row.is_object()) continue;
    const bool paused = text(row, "paused") == "true";
    result += fmt::format("{} {}\n", printable(text(row, "name")), paused ? "paused" : "running");
  }
  return result;
}

std::string why_text(std::span<const Json> rows, WallTime now) {
  std::string result;
  const auto add = [&result](std::string_view name, const std::string& value) {
    if (!value.empty() && value != "-") result += fmt::format("  {:<12} {}\n", name, value);
  };
  for (const Json& row : rows) {
    if (!row.is_object()) continue;
    result += fmt::format("{}.{}: {}\n", printable(text(row, "id")), number(row, "recipient"),
                          printable(text(row, "text")));
    add("until", time_left(row, "until", now));
    add("destination", printable(text(row, "destination")));
    add("attempts", fmt::format("{}", number(row, "attempts")));
    add("last error", printable(text(row, "last_error")));
    add("sender told", time_left(row, "deadline", now));
  }
  return result;
}

std::string destinations_text(std::span<const Json> rows, WallTime now) {
  Table table({{"destination"},
               {"waiting", Align::Right},
               {"ready", Align::Right},
               {"under way", Align::Right},
               {"connections", Align::Right},
               {"state"},
               {"until"},
               {"last failure"}});
  const auto count = [](const Json& row, const char* name) {
    return fmt::format("{}", number(row, name));
  };
  for (const Json& row : rows)
    table.add({text(row, "destination"), count(row, "waiting"), count(row, "ready"),
               count(row, "under_way"),
               fmt::format("{} of {}", number(row, "connections"), number(row, "window")),
               or_dash(text(row, "state")), time_left(row, "until", now),
               or_dash(text(row, "last_failure"))});
  return table.empty() ? std::string() : table.text();
}

std::string hosts_text(std::span<const Json> rows) {
  Table table({{"server"}, {"destination"}, {"connections", Align::Right}});
  for (const Json& row : rows)
    table.add({or_dash(text(row, "server")), text(row, "destination"),
               fmt::format("{}", number(row, "connections"))});
  return table.empty() ? std::string() : table.text();
}

std::string routes_text(std::span<const Json> rows) {
  Table table({{"action"}, {"destination"}, {"addresses"}});
  for (const Json& row : rows) {
    std::string where = text(row, "failure");
    if (const auto addresses = row.find("addresses");
        addresses != row.end() && addresses->is_array())
      for (const Json& one : *addresses)
        if (one.is_string()) where += (where.empty() ? "" : ", ") + one.get<std::string>();
    table.add({text(row, "action"), or_dash(text(row, "destination")), or_dash(where)});
  }
  return table.empty() ? std::string() : table.text();
}

std::string messages_text(std::span<const Json> rows, WallTime now) {
  Table table({{"id"},
               {"age", Align::Right},
               {"size", Align::Right},
               {"from"},
               {"to"},
               {"pending", Align::Right},
               {"attempts", Align::Right},
               {"next try"}});
  for (const Json& row : rows) {
    const auto recipients = row.find("to");
    std::string to = "-";
    if (recipients != row.end() && recipients->is_array() && !recipients->empty()) {
      const Json& first = (*recipients)[0];
      if (first.is_string()) to = first.get<std::string>();
      if (recipients->size() > 1) to += fmt::format(" and {} more", recipients->size() - 1);
    }
    table.add({text(row, "id"), age(row, now), size_text(number(row, "octets")),
               path_text(row, "from"), to, fmt::format("{}", number(row, "pending")),
               fmt::format("{}", number(row, "attempts")), next_try(row, now)});
  }
  return table.empty() ? std::string() : table.text();
}

}  // namespace ringpost::ctl
