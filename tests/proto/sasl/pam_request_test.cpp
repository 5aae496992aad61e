// Datagrams to and from the process that speaks PAM.
#include "proto/sasl/pam_request.h"

#include <gtest/gtest.h>

namespace ringpost::sasl {
namespace {

Secret request_text(std::string_view user, std::string_view password, std::string client) {
  return encode(PamRequest{.id = 7,
                           .user = std::string(user),
                           .password = Secret(password),
                           .client = std::move(client)});
}

TEST(PamRequest, ComesBack) {
  const Secret datagram = request_text("alice", "p\xc3\xa4ss", "2001:db8::1");
  const auto request = decode_pam_request(bytes_of(datagram.reveal()));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->id, 7u);
  EXPECT_EQ(request->user, "alice");
  EXPECT_EQ(request->password.reveal(), "p\xc3\xa4ss");
  EXPECT_EQ(request->client, "2001:db8::1");
  for (std::size_t cut = 0; cut < datagram.size(); ++cut)
    EXPECT_FALSE(decode_pam_request(bytes_of(datagram.reveal().substr(0, cut)))) << cut;
  EXPECT_FALSE(decode_pam_request(bytes_of(std::string(datagram.reveal()) + "x")));
}

TEST(PamRequest, IsNothingElse) {
  const std::string longest(credential_octets_max, 'a');
  EXPECT_LE(request_text(longest, longest, std::string(64, '1')).size(), pam_datagram_octets_max);
  for (const auto& [user, password] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", "x"}, {"alice", ""}, {"al\nice", "x"}, {"alice", std::string("a\0b", 3)}})
    EXPECT_FALSE(decode_pam_request(bytes_of(request_text(user, password, "").reveal()))) << user;
}

TEST(PamReply, ComesBack) {
  for (const PamResult result : {PamResult::Refused, PamResult::Accepted, PamResult::Failed}) {
    const PamReply reply{.id = 9, .result = result, .reason = "PAM: no"};
    const std::string datagram = encode(reply);
    EXPECT_EQ(decode_pam_reply(bytes_of(datagram)), reply);
    EXPECT_FALSE(decode_pam_reply(bytes_of(datagram + "x")));
  }
  std::string other = encode(PamReply{.id = 9});
  other[8] = 3;
  EXPECT_FALSE(decode_pam_reply(bytes_of(other)));
  EXPECT_EQ(
      decode_pam_reply(bytes_of(encode(PamReply{.reason = std::string(999, 'x')})))->reason.size(),
      256u);
}

}  // namespace
}  // namespace ringpost::sasl
