// BDAT: RFC 3030 section 2. The octets of every chunk are taken before it is answered, also of one
// that is refused; only a size that cannot be read ends the session, since nobody knows where
// commands go on.
#include <algorithm>
#include <utility>

#include "proto/base/ascii.h"
#include "proto/smtp/replies.h"
#include "proto/smtp/server_session.h"

namespace ringpost::smtp {

std::expected<Chunk, ReplyView> parse_bdat(std::string_view arguments) {
  const std::string_view size = arguments.substr(0, arguments.find_first_of(" \t"));
  const std::string_view rest = ascii::trim(arguments.substr(size.size()));
  const auto octets = ascii::parse_decimal(size);
  if (!octets || (!rest.empty() && !ascii::equal_ignoring_case(rest, "LAST")))
    return std::unexpected(replies::chunk_size_unknown);
  return Chunk{*octets, !rest.empty()};
}

void ServerSession::bdat(std::string_view arguments, Admission admitted) {
  const auto chunk = parse_bdat(arguments);
  if (!chunk) return end(&chunk.error(), CloseReason::BrokenChunk, AbortReason::Reset);
  chunk_octets_left_ = chunk->octets;
  chunk_last_ = chunk->last;
  chunk_out_of_turn_ = admitted != Admission::Allow;
  if (chunk_out_of_turn_) return pass_over_chunk(refusal(admitted));
  if (chunk->octets > limits_->message_octets_max - content_octets_) {
    if (content_open_) abort_content(AbortReason::TooBig);
    return pass_over_chunk(replies::too_big);
  }
  if (content_open_) return read_chunk();
  ask(Asked::ChunkBegin, ContentBegin{.chunked = true});
}

void ServerSession::chunk_begin_answered(const Decision& decision) {
  if (!decision.accepts()) return pass_over_chunk(decision.reply_or({}));
  begin_content();
  state_ = State::Chunking;
  read_chunk();
}

void ServerSession::pass_over_chunk(const ReplyView& reply) {
  chunk_refusal_ = Reply(reply);
  read_chunk();
}

void ServerSession::read_chunk() {
  phase_ = Phase::Chunk;
  if (chunk_octets_left_ == 0) chunk_ended();
}

std::size_t ServerSession::receive_chunk(Bytes octets) {
  const auto length =
      static_cast<std::size_t>(std::min<std::uint64_t>(octets.size(), chunk_octets_left_));
  const Bytes part = octets.first(length);
  chunk_octets_left_ -= length;
  if (chunk_refusal_.code == 0) {
    decoder_.check_chunk(part);
    take_content(part);
  }
  if (chunk_octets_left_ == 0) chunk_ended();
  return length;
}

void ServerSession::chunk_ended() {
  phase_ = Phase::Commands;
  const Reply refusal = std::exchange(chunk_refusal_, {});
  if (chunk_out_of_turn_) {
    if (state_ == State::ChunkFailed && chunk_last_) end_transaction();
    return refuse(refusal.view(), ViolationKind::Sequence);
  }
  const auto reason = flaw();
  if (refusal.code == 0 && chunk_last_) return content_ended();
  if (refusal.code == 0 && !reason) return say(replies::chunk_taken);
  say(refusal.code != 0 ? refusal.view() : verdict(*reason));
  ++messages_;
  end_transaction();
  if (!chunk_last_) state_ = State::ChunkFailed;
}

}  // namespace ringpost::smtp
