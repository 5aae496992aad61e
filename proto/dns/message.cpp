// Octets to a Message: RFC 1035 4.1, RFC 6891 6.1.2. Strict in lengths and counts, since a record
// that ends elsewhere than it says makes everything behind it a matter of taste.
#include "proto/dns/message.h"

#include <algorithm>
#include <utility>

namespace ringpost::dns {
namespace {

constexpr std::uint32_t ttl_max = 0x7fff'ffff;

// Takes big-endian fields off a message. After the first that is not there everything is zero and
// ok() is false.
class MessageReader {
 public:
  explicit MessageReader(Bytes message) : message_(message), end_(message.size()) {}

  std::uint32_t number(std::size_t octets) {
    std::uint32_t value = 0;
    for (const std::byte octet : take(octets))
      value = value << 8 | std::to_integer<unsigned>(octet);
    return value;
  }
  std::uint8_t number8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t number16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t number32() { return number(4); }
  std::string text(std::size_t octets) { return std::string(text_of(take(octets))); }
  std::string rest() { return text(left()); }

  // A name may point backwards, out of the part that is read, but must end within it.
  Name name() {
    auto name = Name::read(message_, at_);
    has_bad_name_ |= !name;
    if (!name || at_ > end_) ok_ = false;
    return ok_ ? std::move(*name) : Name();
  }

  // What follows is read only up to `octets` from here; false when there are not so many.
  bool narrow(std::size_t octets) {
    if (octets > left()) return ok_ = false;
    end_ = at_ + octets;
    return true;
  }
  void widen() { end_ = message_.size(); }

  std::size_t left() const { return end_ - std::min(at_, end_); }
  bool ok() const { return ok_; }
  bool has_bad_name() const { return has_bad_name_; }

 private:
  Bytes take(std::size_t octets) {
    ok_ = ok_ && octets <= left();
    if (!ok_) return {};
    at_ += octets;
    return message_.subspan(at_ - octets, octets);
  }

  Bytes message_;
  std::size_t at_ = 0;
  std::size_t end_;
  bool ok_ = true;
  bool has_bad_name_ = false;
};

struct Counts {
  std::uint16_t questions, answers, authorities, additionals;
};

Header header_of(std::uint16_t id, std::uint16_t flags) {
  return {.id = id,
          .is_response = (flags & 0x8000) != 0,
          .operation = static_cast<std::uint8_t>(flags >> 11 & 15),
          .authoritative = (flags & 0x0400) != 0,
          .truncated = (flags & 0x0200) != 0,
          .recursion_desired = (flags & 0x0100) != 0,
          .recursion_available = (flags & 0x0080) != 0,
          .authentic = (flags & 0x0020) != 0,
          .checking_disabled = (flags & 0x0010) != 0,
          .code = static_cast<ResponseCode>(flags & 15)};
}

MessageError error_of(const MessageReader& reader) {
  return reader.has_bad_name() ? MessageError::BadName : MessageError::Short;
}

std::expected<MessageHead, MessageError> read_head(MessageReader& reader, Counts& counts) {
  MessageHead head;
  const std::uint16_t id = reader.number16();
  head.header = header_of(id, reader.number16());
  counts.questions = reader.number16();
  counts.answers = reader.number16();
  counts.authorities = reader.number16();
  counts.additionals = reader.number16();
  if (!reader.ok()) return std::unexpected(MessageError::Short);
  if (counts.questions > 1) return std::unexpected(MessageError::BadQuestion);
  if (counts.questions == 0) return head;
  Question question{.name = reader.name()};
  question.type = static_cast<Type>(reader.number16());
  const std::uint16_t question_class = reader.number16();
  if (!reader.ok()) return std::unexpected(error_of(reader));
  if (question_class != class_internet) return std::unexpected(MessageError::BadQuestion);
  head.question = std::move(question);
  return head;
}

conf::NetAddress read_address(MessageReader& reader, conf::Family family) {
  conf::NetAddress address{.family = family};
  for (unsigned i = 0; i < address.bits() / 8; ++i) address.octets[i] = reader.number8();
  return address;
}

Text read_text(MessageReader& reader) {
  // A record without a string, which the standard does not have, says what an empty one says.
  if (reader.ok() && reader.left() == 0) return Text{{""}};
  Text text;
  do {
    text.strings.push_back(reader.text(reader.number8()));
  } while (reader.ok() && reader.left() > 0);
  return text;
}

StartOfAuthority read_soa(MessageReader& reader) {
  StartOfAuthority soa;
  soa.server = reader.name();
  soa.contact = reader.name();
  for (std::uint32_t* field :
       {&soa.serial, &soa.refresh_s, &soa.retry_s, &soa.expire_s, &soa.minimum_s})
    *field = reader.number32();
  return soa;
}

RecordData read_data(MessageReader& reader, Type type) {
  switch (type) {
    case Type::A:
      return read_address(reader, conf::Family::Inet4);
    case Type::Aaaa:
      return read_address(reader, conf::Family::Inet6);
    case Type::Cname:
    case Type::Ptr:
    case Type::Ns:
      return reader.name();
    case Type::Mx: {
      const std::uint16_t preference = reader.number16();
      return MailExchanger{.preference = preference, .host = reader.name()};
    }
    case Type::Txt:
      return read_text(reader);
    case Type::Soa:
      return read_soa(reader);
    case Type::Tlsa: {
      TlsAssociation tlsa{.usage = reader.number8()};
      tlsa.selector = reader.number8();
      tlsa.matching = reader.number8();
      tlsa.data = reader.rest();
      return tlsa;
    }
    case Type::Opt:
      break;
  }
  return Opaque{reader.rest()};
}

// The record after its name and type were read; `record.type` is not OPT.
std::optional<MessageError> read_record(MessageReader& reader, Record& record) {
  record.record_class = reader.number16();
  const std::uint32_t ttl = reader.number32();
  record.ttl_s = ttl > ttl_max ? 0 : ttl;  // RFC 2181 8
  const std::size_t octets = reader.number16();
  if (!reader.narrow(octets)) return MessageError::Short;
  const Type type = record.record_class == class_internet ? record.type : Type{};
  record.data = read_data(reader, type);
  if (!reader.ok()) return reader.has_bad_name() ? MessageError::BadName : MessageError::BadRecord;
  if (reader.left() > 0) return MessageError::BadRecord;
  reader.widen();
  return std::nullopt;
}

// RFC 6891 6.1.3: the class holds a size, the TTL the code's upper bits, a version and DO.
std::optional<MessageError> read_edns(MessageReader& reader, Message& message) {
  if (message.edns) return MessageError::BadEdns;
  Edns edns{.datagram_octets_max = reader.number16()};
  const std::uint8_t code = reader.number8();
  edns.version = reader.number8();
  edns.dnssec_wanted = (reader.number16() & 0x8000) != 0;
  edns.options = reader.text(reader.number16());
  if (!reader.ok()) return MessageError::Short;
  message.header.code =
      static_cast<ResponseCode>(code << 4 | std::to_underlying(message.header.code));
  message.edns = std::move(edns);
  return std::nullopt;
}

std::optional<MessageError> read_section(MessageReader& reader, std::size_t count,
                                         std::vector<Record>& section, Message& message) {
  for (; count > 0; --count) {
    Record record{.owner = reader.name()};
    record.type = static_cast<Type>(reader.number16());
    if (!reader.ok()) return error_of(reader);
    const bool is_edns = record.type == Type::Opt;
    if (is_edns && (&section != &message.additionals || !record.owner.is_root()))
      return MessageError::BadEdns;
    const auto error = is_edns ? read_edns(reader, message) : read_record(reader, record);
    if (error) return error;
    if (!is_edns) section.push_back(std::move(record));
  }
  return std::nullopt;
}

}  // namespace

std::expected<MessageHead, MessageError> decode_head(Bytes octets) {
  MessageReader reader(octets);
  Counts counts{};
  return read_head(reader, counts);
}

std::expected<Message, MessageError> decode(Bytes octets) {
  MessageReader reader(octets);
  Counts counts{};
  auto head = read_head(reader, counts);
  if (!head) return std::unexpected(head.error());
  if (std::size_t{counts.answers} + counts.authorities + counts.additionals > records_max)
    return std::unexpected(MessageError::TooManyRecords);
  Message message{.header = head->header, .question = std::move(head->question)};
  for (const auto& [count, section] : {std::pair{counts.answers, &message.answers},
                                       std::pair{counts.authorities, &message.authorities},
                                       std::pair{counts.additionals, &message.additionals}})
    if (const auto error = read_section(reader, count, *section, message))
      return std::unexpected(*error);
  if (reader.left() > 0) return std::unexpected(MessageError::TrailingOctets);
  return message;
}

}  // namespace ringpost::dns
