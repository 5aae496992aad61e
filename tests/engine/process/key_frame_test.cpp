// The language of the key process: what is written is read back, and nothing else is taken.
#include "engine/process/key_frame.h"

#include <cerrno>

#include <gtest/gtest.h>

#include "engine/process/agent_frame.h"

namespace ringpost::process {
namespace {

constexpr KeyName name{std::byte{1}, std::byte{2}, std::byte{3}};

Bytes payload_of(const std::string& frame) {
  const Bytes octets = bytes_of(frame);
  EXPECT_EQ(frame_length(octets.first(frame_header_octets)), octets.size() - frame_header_octets);
  return octets.subspan(frame_header_octets);
}

TEST(KeyFrameTest, OrdersComeBack) {
  for (const KeyOrder& order : {KeyOrder(TakeKey{"/etc/ssl/a.key", "_ringkeys"}),
                                KeyOrder(ServeSigner{}), KeyOrder(ForgetKeys{Instant{5}})})
    EXPECT_EQ(decode_key_order(bytes_of(encode(order))), order);
  EXPECT_FALSE(decode_key_order(bytes_of("\x07")));
}

TEST(KeyFrameTest, AnswersComeBack) {
  const KeyAnswer loaded = LoadedKey{name, KeyKind::Rsa, 2048};
  EXPECT_EQ(decode_key_answer(bytes_of(encode(loaded))), loaded);
  const KeyAnswer refused = std::unexpected(std::string("mode 0644"));
  EXPECT_EQ(decode_key_answer(bytes_of(encode(refused))), refused);
  const KeyAnswer wordy = std::unexpected(std::string(5'000, 'x'));
  const auto cut = decode_key_answer(bytes_of(encode(wordy)));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->error(), std::string(key_error_octets_max, 'x'));
}

TEST(KeyFrameTest, RequestsComeBack) {
  const SignRequest request{.id = 77, .key = name, .scheme = 0x0804, .input = "to be signed"};
  const std::string frame = sign_frame(77, name, 0x0804, bytes_of("to be signed"));
  EXPECT_EQ(decode_sign_request(payload_of(frame)), request);
  const std::string_view octets = text_of(payload_of(frame));
  for (std::size_t cut = 0; cut < octets.size(); ++cut)
    EXPECT_FALSE(decode_sign_request(bytes_of(octets.substr(0, cut)))) << cut;
  const std::string longest(sign_input_octets_max, 'x');
  EXPECT_TRUE(decode_sign_request(payload_of(sign_frame(1, name, 1, bytes_of(longest)))));
}

TEST(KeyFrameTest, RepliesComeBack) {
  for (const SignReply& reply : {SignReply{1, 0, "signature"}, SignReply{2, ENOKEY, ""}})
    EXPECT_EQ(decode_sign_reply(payload_of(reply_frame(reply))), reply);
  for (const SignReply& reply :
       {SignReply{1, 0, ""}, SignReply{2, ENOKEY, "signature"}, SignReply{3, -1, ""}})
    EXPECT_FALSE(decode_sign_reply(payload_of(reply_frame(reply))));
}

}  // namespace
}  // namespace ringpost::process
