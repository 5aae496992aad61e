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
  if (admitted != Admission::Allow) {
    verdict_ = Reply(refusal(admitted));
    chunk_out_of_turn_ = true;
    return read_chunk();
  }
  const bool is_too_big = chunk->octets > limits_->message_octets_max - content_octets_;
  if (is_too_big && content_open_) abort_content(AbortReason::TooBig, replies::too_big);
  if (is_too_big) verdict_ = Reply(replies::too_big);
  if (is_too_big || content_open_) return read_chunk();
  ask(Asked::ChunkBegin, ContentBegin{.chunked = true});
}

void ServerSession::chunk_begin_answered(const Decision& decision) {
  if (decision.accepts()) {
    begin_content();
    state_ = State::Chunking;
  } else {
    verdict_ = Reply(decision.reply_or({}));
  }
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
  if (content_open_ && !chunk_out_of_turn_) {
    decoder_.check_chunk(part);
    take_content(part);
  }
  if (chunk_octets_left_ == 0) chunk_ended();
  return length;
}

void ServerSession::chunk_ended() {
  phase_ = Phase::Commands;
  if (chunk_out_of_turn_) {
    chunk_out_of_turn_ = false;
    const Reply reply = std::exchange(verdict_, {});
    if (state_ == State::ChunkFailed && chunk_last_) end_transaction();
    return refuse(reply.view(), ViolationKind::Sequence);
  }
  if (chunk_last_ && content_open_ && limits_->bare_line_ends == BareLineEnds::Refuse &&
      decoder_.bare_line_end_seen(true))
    abort_content(AbortReason::BareLineEnd, replies::bare_line_end);
  if (content_open_) return chunk_last_ ? ask_content_end() : say(replies::chunk_taken);
  if (chunk_last_) return refuse_content();
  state_ = State::ChunkFailed;
  say(verdict_.view());
}

}  // namespace ringpost::smtp
