// Messages: what real servers send (compressed, with EDNS), every error by name, and the way back.
#include "proto/dns/message.h"

#include <gtest/gtest.h>

namespace ringpost::dns {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

Name name(std::string_view text) { return Name::parse(text).value(); }

Message decoded(std::string_view octets) {
  const auto message = decode(bytes_of(octets));
  EXPECT_TRUE(message) << (message ? 0 : static_cast<int>(message.error()));
  return message.value_or(Message{});
}

std::optional<MessageError> error_of(std::string_view octets) {
  const auto message = decode(bytes_of(octets));
  return message ? std::nullopt : std::optional(message.error());
}

// A header with these counts, then what follows.
std::string with_counts(std::array<char, 4> counts, std::string_view rest) {
  std::string octets("\x12\x34\x81\xa0", 4);
  for (const char count : counts) octets += '\0', octets += count;
  return octets.append(rest);
}

Record record(std::string_view owner, Type type, RecordData data) {
  return {.owner = name(owner), .type = type, .ttl_s = 300, .data = std::move(data)};
}

TEST(DnsMessage, ReadsWhatAServerSends) {
  const std::string octets =
      with_counts({1, 2, 1, 1},
                  "\7example\3com\0\0\x0f\0\x01"
                  "\xc0\x0c\0\x0f\0\x01\0\0\x0e\x10\0\x09\0\x0a\4mail\xc0\x0c"
                  "\xc0\x0c\0\x0f\0\x01\0\0\x0e\x10\0\x04\0\x14\xc0\x2b"
                  "\xc0\x0c\0\x02\0\x01\0\0\x0e\x10\0\x05\2ns\xc0\x0c"
                  "\0\0\x29\x04\xd0\0\0\x80\0\0\0"sv);
  const Message message = decoded(octets);
  EXPECT_EQ(message.header.id, 0x1234);
  EXPECT_TRUE(message.header.is_response);
  EXPECT_TRUE(message.header.recursion_desired);
  EXPECT_TRUE(message.header.recursion_available);
  EXPECT_TRUE(message.header.authentic);
  EXPECT_FALSE(message.header.truncated);
  EXPECT_EQ(message.question, (Question{name("example.com"), Type::Mx}));
  ASSERT_EQ(message.answers.size(), 2u);
  EXPECT_EQ(message.answers[0].owner, name("example.com"));
  EXPECT_EQ(message.answers[0].ttl_s, 3600u);
  EXPECT_EQ(message.answers[0].data, RecordData(MailExchanger{10, name("mail.example.com")}));
  EXPECT_EQ(message.answers[1].data, RecordData(MailExchanger{20, name("mail.example.com")}));
  ASSERT_EQ(message.authorities.size(), 1u);
  EXPECT_EQ(message.authorities[0].data, RecordData(name("ns.example.com")));
  EXPECT_TRUE(message.additionals.empty());
  EXPECT_EQ(message.edns, (Edns{.datagram_octets_max = 1232, .dnssec_wanted = true}));
}

Message full_message() {
  Message message;
  message.header = {.id = 7,
                    .is_response = true,
                    .operation = 4,
                    .authoritative = true,
                    .truncated = true,
                    .checking_disabled = true,
                    .code = ResponseCode::BadVersion};
  message.question = Question{name("example.com"), Type::Txt};
  const auto address = [](std::string_view text) { return *conf::parse_net_address(text); };
  message.answers = {
      record("a.example", Type::A, address("192.0.2.1")),
      record("a.example", Type::Aaaa, address("2001:db8::1")),
      record("b.example", Type::Cname, name("c.example")),
      record("1.2.0.192.in-addr.arpa", Type::Ptr, name("d.example")),
      record("e.example", Type::Txt, Text{{"v=spf1 ", std::string(255, 'x'), ""}}),
      record("f.example", Type::Mx, MailExchanger{0, Name()}),
      record("_25._tcp.g.example", Type::Tlsa, TlsAssociation{3, 1, 1, std::string(32, '\xfe')})};
  message.authorities = {
      record("example", Type::Soa,
             StartOfAuthority{name("ns.example"), name("admin\\.x.example"), 1, 2, 3, 4, 5})};
  message.additionals = {record("h.example", static_cast<Type>(99), Opaque{"\0\1\2"s})};
  message.edns = Edns{.datagram_octets_max = 4096, .version = 0, .options = "\0\x0a\0\0"s};
  return message;
}

TEST(DnsMessage, ComesBackFromItsOctets) {
  const auto octets = encode(full_message());
  ASSERT_TRUE(octets);
  EXPECT_EQ(decoded(*octets), full_message());
  const auto head = decode_head(bytes_of(*octets));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->question, full_message().question);
  EXPECT_EQ(head->header.id, 7);
}

TEST(DnsMessage, WritesAQuestionInTheOctetsOfTheStandard) {
  Message message;
  message.header = {.id = 0x0102, .recursion_desired = true, .authentic = true};
  message.question = Question{name("a.b"), Type::A};
  message.edns = Edns{};
  EXPECT_EQ(encode(message),
            "\1\2\1\x20\0\1\0\0\0\0\0\1\1a\1b\0\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\0"s);
}

TEST(DnsMessage, IsShortWhereverItIsCut) {
  const std::string octets = encode(full_message()).value();
  for (std::size_t size = 0; size < octets.size(); ++size)
    EXPECT_TRUE(error_of(std::string_view(octets).substr(0, size))) << size;
}

TEST(DnsMessage, NamesWhatIsWrong) {
  EXPECT_EQ(error_of("\0\1\2"sv), MessageError::Short);
  EXPECT_EQ(error_of(with_counts({2, 0, 0, 0}, "\0\0\1\0\1\0\0\1\0\1"sv)),
            MessageError::BadQuestion);
  EXPECT_EQ(error_of(with_counts({1, 0, 0, 0}, "\0\0\1\0\3"sv)), MessageError::BadQuestion);
  EXPECT_EQ(error_of(with_counts({1, 0, 0, 0}, "\xc0\x0c\0\1\0\1"sv)), MessageError::BadName);
  EXPECT_EQ(error_of(with_counts({1, 0, 0, 0}, "\0\0\1"sv)), MessageError::Short);
  EXPECT_EQ(error_of(with_counts({0, 0, 0, 0}, "x"sv)), MessageError::TrailingOctets);
  const auto with_record = [](std::string_view type_to_end) {
    return error_of(with_counts({0, 1, 0, 0}, "\0"s.append(type_to_end)));
  };
  EXPECT_EQ(with_record("\0\1\0\1\0\0\0\0\0\3abc"sv), MessageError::BadRecord);    // A of 3 octets
  EXPECT_EQ(with_record("\0\1\0\1\0\0\0\0\0\5abcde"sv), MessageError::BadRecord);  // and of 5
  EXPECT_EQ(with_record("\0\1\0\1\0\0\0\0\0\5abcd"sv), MessageError::Short);
  EXPECT_EQ(with_record("\0\x10\0\1\0\0\0\0\0\2\5a"sv), MessageError::BadRecord);  // half a string
  EXPECT_EQ(with_record("\0\5\0\1\0\0\0\0\0\2\xc0\xff"sv), MessageError::BadName);
  EXPECT_EQ(with_record("\0\5\0\1\0\0\0\0\0\1\3abc\0"sv), MessageError::BadRecord);  // beyond it
  EXPECT_EQ(with_record("\0\x34\0\1\0\0\0\0\0\2\3\1"sv), MessageError::BadRecord);   // half a TLSA
  EXPECT_EQ(with_record("\0\x29\4\xd0\0\0\0\0\0\0"sv), MessageError::BadEdns);  // not additional
  const std::string_view edns = "\0\0\x29\4\xd0\0\0\0\0\0\0"sv;
  EXPECT_EQ(error_of(with_counts({0, 0, 0, 2}, std::string(edns) + std::string(edns))),
            MessageError::BadEdns);
  EXPECT_EQ(error_of(with_counts({0, 0, 0, 1}, "\1x"s + std::string(edns))), MessageError::BadEdns);
  EXPECT_EQ(error_of(with_counts({0, 0, 0, 1}, edns.substr(0, edns.size() - 1))),
            MessageError::Short);
}

TEST(DnsMessage, ATextWithoutAStringIsAnEmptyOne) {
  const auto message = decode(bytes_of(with_counts({0, 1, 0, 0}, "\0\0\x10\0\1\0\0\0\0\0\0"sv)));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->answers.at(0).data, RecordData(Text{{""}}));
}

TEST(DnsMessage, HoldsABoundedNumberOfRecords) {
  Message message;
  message.answers.assign(records_max, record(".", static_cast<Type>(99), Opaque{}));
  EXPECT_FALSE(error_of(encode(message).value()));
  message.authorities.push_back(message.answers.front());
  EXPECT_EQ(error_of(encode(message).value()), MessageError::TooManyRecords);
}

TEST(DnsMessage, TakesALifetimeThatCannotBeAsZero) {
  const Message message = decoded(with_counts({0, 1, 0, 0}, "\0\0\x63\0\1\x80\0\0\0\0\0"sv));
  ASSERT_EQ(message.answers.size(), 1u);
  EXPECT_EQ(message.answers[0].ttl_s, 0u);
}

TEST(DnsMessage, KeepsRecordsOfOtherClassesAsOctets) {
  const Message message = decoded(with_counts({0, 1, 0, 0}, "\0\0\1\0\3\0\0\0\5\0\3abc"sv));
  ASSERT_EQ(message.answers.size(), 1u);
  EXPECT_EQ(message.answers[0].record_class, 3);
  EXPECT_EQ(message.answers[0].data, RecordData(Opaque{"abc"}));
}

TEST(DnsMessage, IsNotWrittenWhenItDoesNotFit) {
  Message message;
  message.answers = {record("x", Type::Txt, Text{})};
  EXPECT_FALSE(encode(message));
  message.answers = {record("x", Type::Txt, Text{{std::string(256, 'x')}})};
  EXPECT_FALSE(encode(message));
  message.answers = {record("x", static_cast<Type>(99), Opaque{std::string(65'000, 'x')})};
  EXPECT_TRUE(encode(message));
  message.answers.push_back(message.answers[0]);
  EXPECT_FALSE(encode(message));
  message.answers.clear();
  message.header.code = ResponseCode::BadVersion;  // five bits: needs EDNS
  EXPECT_FALSE(encode(message));
  message.edns = Edns{};
  EXPECT_TRUE(encode(message));
}

}  // namespace
}  // namespace ringpost::dns
