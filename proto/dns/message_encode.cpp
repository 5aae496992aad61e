// A Message to octets: RFC 1035 4.1, RFC 6891 6.1.2. Names are written in full. Fails with nothing,
// when something is too large for its field.
#include <algorithm>
#include <utility>

#include "proto/base/check.h"
#include "proto/dns/message.h"

namespace ringpost::dns {
namespace {

class MessageWriter {
 public:
  void number8(unsigned value) { octets_ += static_cast<char>(value); }
  void number16(unsigned value) {
    number8(value >> 8);
    number8(value & 0xff);
  }
  void number32(std::uint32_t value) {
    number16(value >> 16);
    number16(value & 0xffff);
  }
  void text(std::string_view text) { octets_ += text; }
  void name(const Name& name) { octets_ += name.wire(); }

  // A field of 16 bits for the number of octets that come between these two.
  std::size_t open_length() {
    number16(0);
    return octets_.size();
  }
  void close_length(std::size_t began) {
    const std::size_t length = octets_.size() - began;
    fits_ = fits_ && length <= 0xffff;
    octets_[began - 2] = static_cast<char>(length >> 8);
    octets_[began - 1] = static_cast<char>(length & 0xff);
  }

  void require(bool condition) { fits_ = fits_ && condition; }
  std::optional<std::string> finish() {
    if (!fits_ || octets_.size() > message_octets_max) return std::nullopt;
    return std::move(octets_);
  }

 private:
  std::string octets_;
  bool fits_ = true;
};

unsigned flags_of(const Header& header) {
  const auto bit = [](bool set, unsigned value) { return set ? value : 0; };
  return bit(header.is_response, 0x8000) | (header.operation & 15u) << 11 |
         bit(header.authoritative, 0x0400) | bit(header.truncated, 0x0200) |
         bit(header.recursion_desired, 0x0100) | bit(header.recursion_available, 0x0080) |
         bit(header.authentic, 0x0020) | bit(header.checking_disabled, 0x0010) |
         (std::to_underlying(header.code) & 15u);
}

struct DataWriter {
  MessageWriter& writer;
  Type type;

  void operator()(const conf::NetAddress& address) {
    CHECK(type == (address.family == conf::Family::Inet4 ? Type::A : Type::Aaaa));
    for (unsigned i = 0; i < address.bits() / 8; ++i) writer.number8(address.octets[i]);
  }
  void operator()(const Name& name) {
    CHECK(type == Type::Cname || type == Type::Ptr || type == Type::Ns);
    writer.name(name);
  }
  void operator()(const MailExchanger& exchanger) {
    CHECK(type == Type::Mx);
    writer.number16(exchanger.preference);
    writer.name(exchanger.host);
  }
  void operator()(const Text& text) {
    CHECK(type == Type::Txt);
    writer.require(!text.strings.empty());
    for (const std::string& part : text.strings) {
      writer.require(part.size() <= 255);
      writer.number8(static_cast<unsigned>(part.size() & 0xff));
      writer.text(part);
    }
  }
  void operator()(const StartOfAuthority& soa) {
    CHECK(type == Type::Soa);
    writer.name(soa.server);
    writer.name(soa.contact);
    for (const std::uint32_t field :
         {soa.serial, soa.refresh_s, soa.retry_s, soa.expire_s, soa.minimum_s})
      writer.number32(field);
  }
  void operator()(const TlsAssociation& tlsa) {
    CHECK(type == Type::Tlsa);
    writer.number8(tlsa.usage);
    writer.number8(tlsa.selector);
    writer.number8(tlsa.matching);
    writer.text(tlsa.data);
  }
  void operator()(const Opaque& opaque) { writer.text(opaque.octets); }
};

void write_record(MessageWriter& writer, const Record& record) {
  CHECK(record.type != Type::Opt);
  CHECK(record.record_class == class_internet || std::holds_alternative<Opaque>(record.data));
  writer.name(record.owner);
  writer.number16(std::to_underlying(record.type));
  writer.number16(record.record_class);
  writer.number32(record.ttl_s);
  const std::size_t began = writer.open_length();
  std::visit(DataWriter{writer, record.type}, record.data);
  writer.close_length(began);
}

void write_edns(MessageWriter& writer, const Edns& edns, ResponseCode code) {
  writer.name(Name());
  writer.number16(std::to_underlying(Type::Opt));
  writer.number16(edns.datagram_octets_max);
  writer.number8(std::to_underlying(code) >> 4u & 0xff);
  writer.number8(edns.version);
  writer.number16(edns.dnssec_wanted ? 0x8000 : 0);
  const std::size_t began = writer.open_length();
  writer.text(edns.options);
  writer.close_length(began);
}

}  // namespace

std::optional<std::string> encode(const Message& message) {
  MessageWriter writer;
  writer.number16(message.header.id);
  writer.number16(flags_of(message.header));
  writer.number16(message.question ? 1 : 0);
  const std::size_t additionals = message.additionals.size() + (message.edns ? 1 : 0);
  for (const std::size_t count :
       {message.answers.size(), message.authorities.size(), additionals}) {
    writer.require(count <= 0xffff);
    writer.number16(static_cast<unsigned>(count & 0xffff));
  }
  writer.require(std::to_underlying(message.header.code) < (message.edns ? 0x1000 : 0x10));
  if (message.question) {
    writer.name(message.question->name);
    writer.number16(std::to_underlying(message.question->type));
    writer.number16(class_internet);
  }
  for (const auto* section : {&message.answers, &message.authorities, &message.additionals})
    for (const Record& record : *section) write_record(writer, record);
  if (message.edns) write_edns(writer, *message.edns, message.header.code);
  return writer.finish();
}

}  // namespace ringpost::dns
