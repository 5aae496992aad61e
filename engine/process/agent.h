// What the engine asks of an agent: a process that has become a user and does, with that user's
// rights and no other, what a delivery or an expansion needs of that user. Values only; how they
// travel is agent_frame.h's, who carries them out agent_main.h's.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <sys/types.h>

namespace ringpost::process {

inline constexpr std::string_view mail_folder = "/var/mail";

// Whom an agent becomes.
struct AgentUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  // A mailbox agent serves MboxOrders and nothing else; it may be made for root, and has the group
  // of mail_folder, so that it can make lock files there. No other agent of root takes anything but
  // a ForwardOrder.
  bool mailbox = false;
  auto operator<=>(const AgentUser&) const = default;
};

// Read home/.forward. Refused when others than the user or root could have written it.
struct ForwardOrder {
  std::string home;
  bool operator==(const ForwardOrder&) const = default;
};

// Read a file that an `:include:` names.
struct FileOrder {
  std::string path;
  bool operator==(const FileOrder&) const = default;
};

// Deliver into a Maildir, which is made when it is missing.
struct MaildirOrder {
  std::string folder;
  std::string preferred_folder;  // taken instead of `folder` when it exists; empty: none
  std::string file_name;         // unique, the same for every try of this delivery
  bool operator==(const MaildirOrder&) const = default;
};

// Append to mail_folder/NAME, the mailbox of the agent's user. `from_line` is the separator before
// the message, "From …", without its line end.
struct MboxOrder {
  std::string from_line;
  bool operator==(const MboxOrder&) const = default;
};

// Append to a file in the same form; /dev/null takes everything.
struct AppendOrder {
  std::string path;
  std::string from_line;
  bool operator==(const AppendOrder&) const = default;
};

// Run `command` by /bin/sh -c with the message as its standard input. Killed, with all processes of
// its session's group, after `seconds_max`.
struct CommandOrder {
  std::string command;
  std::vector<std::string> environment;  // "NAME=value", names of command_variables only
  std::string folder;                    // where it runs; "/" when that cannot be entered
  std::uint32_t seconds_max = 0;
  bool operator==(const CommandOrder&) const = default;
};

inline constexpr std::string_view command_variables[] = {
    "DOMAIN", "EXTENSION", "HOME",   "LOCAL", "LOGNAME", "ORIGINAL_RECIPIENT",
    "PATH",   "RECIPIENT", "SENDER", "SHELL", "USER"};

using AgentOrder =
    std::variant<ForwardOrder, FileOrder, MaildirOrder, MboxOrder, AppendOrder, CommandOrder>;

enum class AgentStatus : std::uint8_t {
  Done,
  Absent,     // ForwardOrder, FileOrder: there is no such file
  Temporary,  // trying again may help
  Permanent,  // it will not
};

struct AgentReply {
  AgentStatus status = AgentStatus::Temporary;
  int code = 0;      // the command's exit code, or the errno of what failed
  std::string text;  // for people: what failed, or the first KiB of what the command printed
  std::string file;  // ForwardOrder, FileOrder: the content
  bool operator==(const AgentReply&) const = default;
};

}  // namespace ringpost::process
