// Frames: see agent_frame.h.
#include "engine/process/agent_frame.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "engine/process/frame_fields.h"

namespace ringpost::process {
namespace {

enum class OrderKind : std::uint8_t { Forward, File, Maildir, Mbox, Append, Command };

std::string take_path(FieldReader& in) { return take_absolute_path(in, path_octets_max); }

std::string take_from_line(FieldReader& in) {
  std::string line = take_text(in, from_line_octets_max);
  in.require(line.starts_with("From ") && line.find('\n') == std::string::npos);
  return line;
}

bool is_command_variable(std::string_view entry) {
  const std::size_t equals = entry.find('=');
  if (equals == std::string_view::npos) return false;
  return std::ranges::find(command_variables, entry.substr(0, equals)) !=
         std::end(command_variables);
}

void put_order(StringSink& sink, const ForwardOrder& order) {
  put_kind(sink, OrderKind::Forward);
  put_text(sink, order.home);
}

void put_order(StringSink& sink, const FileOrder& order) {
  put_kind(sink, OrderKind::File);
  put_text(sink, order.path);
}

void put_order(StringSink& sink, const MaildirOrder& order) {
  put_kind(sink, OrderKind::Maildir);
  put_text(sink, order.folder);
  put_text(sink, order.preferred_folder);
  put_text(sink, order.file_name);
}

void put_order(StringSink& sink, const MboxOrder& order) {
  put_kind(sink, OrderKind::Mbox);
  put_text(sink, order.from_line);
}

void put_order(StringSink& sink, const AppendOrder& order) {
  put_kind(sink, OrderKind::Append);
  put_text(sink, order.path);
  put_text(sink, order.from_line);
}

void put_order(StringSink& sink, const CommandOrder& order) {
  put_kind(sink, OrderKind::Command);
  put_text(sink, order.command);
  put_texts(sink, order.environment);
  put_text(sink, order.folder);
  put_fixed(sink, order.seconds_max);
}

MaildirOrder take_maildir(FieldReader& in) {
  MaildirOrder order;
  order.folder = take_path(in);
  order.preferred_folder = take_text(in, path_octets_max);
  in.require(order.preferred_folder.empty() || order.preferred_folder.starts_with('/'));
  order.file_name = take_text(in, name_octets_max);
  in.require(is_file_name(order.file_name));
  return order;
}

CommandOrder take_command(FieldReader& in) {
  CommandOrder order;
  order.command = take_text(in, command_octets_max);
  in.require(!order.command.empty());
  const std::uint32_t entries = in.number(std::size(command_variables));
  for (std::uint32_t i = 0; in.ok() && i < entries; ++i) {
    order.environment.push_back(take_text(in, variable_octets_max));
    in.require(is_command_variable(order.environment.back()));
  }
  order.folder = take_path(in);
  order.seconds_max = in.fixed<std::uint32_t>();
  in.require(order.seconds_max > 0 && order.seconds_max <= command_seconds_max);
  return order;
}

AgentOrder take_order(FieldReader& in) {
  switch (static_cast<OrderKind>(in.fixed<std::uint8_t>())) {
    case OrderKind::Forward:
      return ForwardOrder{take_path(in)};
    case OrderKind::File:
      return FileOrder{take_path(in)};
    case OrderKind::Maildir:
      return take_maildir(in);
    case OrderKind::Mbox:
      return MboxOrder{take_from_line(in)};
    case OrderKind::Append: {
      std::string path = take_path(in);
      return AppendOrder{std::move(path), take_from_line(in)};
    }
    case OrderKind::Command:
      return take_command(in);
  }
  in.require(false);
  return {};
}

// A file's text may hold any octets.
AgentReply take_reply(FieldReader& in) {
  AgentReply reply;
  const auto status = in.fixed<std::uint8_t>();
  in.require(status <= static_cast<std::uint8_t>(AgentStatus::Permanent));
  reply.status = static_cast<AgentStatus>(status);
  reply.code = in.fixed<std::int32_t>();
  reply.text = in.text(text_octets_max);
  reply.file = in.text(file_octets_max);
  return reply;
}

std::string encoded(const AgentOrder& order) {
  StringSink sink;
  std::visit([&sink](const auto& one) { put_order(sink, one); }, order);
  return std::move(sink.octets);
}

}  // namespace

std::string frame_header(std::size_t octets) {
  StringSink sink;
  put_fixed(sink, static_cast<std::uint32_t>(octets));
  return std::move(sink.octets);
}

std::uint32_t frame_length(Bytes header) {
  CHECK(header.size() == frame_header_octets);
  std::uint32_t octets = 0;
  std::memcpy(&octets, header.data(), sizeof octets);
  return octets;
}

std::string order_frame(const AgentOrder& order) {
  const std::string payload = encoded(order);
  CHECK(payload.size() <= order_octets_max);
  return frame_header(payload.size()) + payload;
}

std::string reply_frame(const AgentReply& reply) {
  StringSink sink;
  put_fixed(sink, static_cast<std::uint8_t>(reply.status));
  put_fixed(sink, std::int32_t{reply.code});
  put_text(sink, std::string_view(reply.text).substr(0, text_octets_max));
  CHECK(reply.file.size() <= file_octets_max);
  put_text(sink, reply.file);
  return frame_header(sink.octets.size()) + sink.octets;
}

std::optional<AgentOrder> decode_order(Bytes payload) {
  if (payload.size() > order_octets_max) return std::nullopt;
  FieldReader in(payload);
  AgentOrder order = take_order(in);
  return taken(in, std::move(order));
}

std::optional<AgentReply> decode_reply(Bytes payload) {
  if (payload.size() > reply_octets_max) return std::nullopt;
  FieldReader in(payload);
  AgentReply reply = take_reply(in);
  return taken(in, std::move(reply));
}

bool is_within_limits(const AgentOrder& order) {
  const std::string payload = encoded(order);
  return decode_order(bytes_of(payload)).has_value();
}

bool takes_content(const AgentOrder& order) {
  return !std::holds_alternative<ForwardOrder>(order) && !std::holds_alternative<FileOrder>(order);
}

}  // namespace ringpost::process
