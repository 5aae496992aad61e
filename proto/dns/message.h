// Message: a DNS message as values, and the codec between these and octets. RFC 1035 4, RFC 6891
// (EDNS), RFC 3596 (AAAA), RFC 6698 (TLSA), RFC 4035 3.2.3 (AD). Octets that break the format are
// an error with a name; work and memory are bounded by the limits below.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "proto/base/bytes.h"
#include "proto/conf/net_address.h"
#include "proto/dns/name.h"

namespace ringpost::dns {

inline constexpr std::size_t message_octets_max = 65'535;
// Of all sections. A message of 64 KiB could hold five times as many, each with a name of 255
// octets made from a pointer of two.
inline constexpr std::size_t records_max = 1024;

// Any other number is a type that we do not know; its records are kept as octets.
enum class Type : std::uint16_t {
  A = 1,
  Ns = 2,
  Cname = 5,
  Soa = 6,
  Ptr = 12,
  Mx = 15,
  Txt = 16,
  Aaaa = 28,
  Opt = 41,
  Tlsa = 52,
};

inline constexpr std::uint16_t class_internet = 1;

// RFC 1035 4.1.1, RFC 6891 9; twelve bits where there is EDNS.
enum class ResponseCode : std::uint16_t {
  NoError = 0,
  FormatError = 1,
  ServerFailure = 2,
  NameError = 3,
  NotImplemented = 4,
  Refused = 5,
  BadVersion = 16,
};

struct Question {
  Name name = {};
  Type type = Type::A;
  bool operator==(const Question&) const = default;
};

struct MailExchanger {
  std::uint16_t preference = 0;
  Name host = {};
  bool operator==(const MailExchanger&) const = default;
};

// Each string of up to 255 octets; who uses them joins them.
struct Text {
  std::vector<std::string> strings = {};
  bool operator==(const Text&) const = default;
};

struct StartOfAuthority {
  Name server = {};
  Name contact = {};
  std::uint32_t serial = 0;
  std::uint32_t refresh_s = 0;
  std::uint32_t retry_s = 0;
  std::uint32_t expire_s = 0;
  std::uint32_t minimum_s = 0;
  bool operator==(const StartOfAuthority&) const = default;
};

struct TlsAssociation {
  std::uint8_t usage = 0;
  std::uint8_t selector = 0;
  std::uint8_t matching = 0;
  std::string data = {};
  bool operator==(const TlsAssociation&) const = default;
};

struct Opaque {
  std::string octets = {};
  bool operator==(const Opaque&) const = default;
};

// Of A and AAAA; of CNAME, PTR and NS; then one kind each.
using RecordData = std::variant<conf::NetAddress, Name, MailExchanger, Text, StartOfAuthority,
                                TlsAssociation, Opaque>;

struct Record {
  Name owner = {};
  Type type = Type::A;
  std::uint16_t record_class = class_internet;
  std::uint32_t ttl_s = 0;
  RecordData data = {};
  bool operator==(const Record&) const = default;
};

// The OPT record, which is none of the additional ones.
struct Edns {
  std::uint16_t datagram_octets_max = 1232;  // that the sender of the message can receive
  std::uint8_t version = 0;
  bool dnssec_wanted = false;  // DO
  std::string options = {};    // as they stand
  bool operator==(const Edns&) const = default;
};

struct Header {
  std::uint16_t id = 0;
  bool is_response = false;
  std::uint8_t operation = 0;
  bool authoritative = false;
  bool truncated = false;
  bool recursion_desired = false;
  bool recursion_available = false;
  bool authentic = false;          // AD
  bool checking_disabled = false;  // CD
  ResponseCode code = ResponseCode::NoError;
  bool operator==(const Header&) const = default;
};

struct Message {
  Header header = {};
  std::optional<Question> question = {};  // of class IN; more than one is refused
  std::vector<Record> answers = {};
  std::vector<Record> authorities = {};
  std::vector<Record> additionals = {};
  std::optional<Edns> edns = {};
  bool operator==(const Message&) const = default;
};

enum class MessageError : std::uint8_t {
  Short,           // ends in the middle
  BadName,         // a name that loops, is too long, or has an unknown kind of label
  BadQuestion,     // more than one, or not of class IN
  BadRecord,       // data that does not fit its type
  BadEdns,         // two OPT records, or one that is not the root's or not in its place
  TooManyRecords,  // more than records_max
  TrailingOctets,
};

// The head of a message: enough to know what it answers, before anything else of it is read. Of the
// response code the lower four bits.
struct MessageHead {
  Header header = {};
  std::optional<Question> question = {};
};
std::expected<MessageHead, MessageError> decode_head(Bytes octets);

std::expected<Message, MessageError> decode(Bytes octets);

// Without compression: what we ask holds one name, and RFC 1035 obliges nobody to compress. Nothing
// when it does not fit into message_octets_max, or when a string, a name or a count cannot be
// expressed. Data and type of a record must fit each other (CHECKed).
std::optional<std::string> encode(const Message& message);

}  // namespace ringpost::dns
