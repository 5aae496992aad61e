// Fields are: tag, length, value. A tag's meaning never changes; a new one is added behind the
// others.
#include "store/decision/record.h"

#include <algorithm>

#include "proto/base/wire.h"

namespace ringpost::store {
namespace {

enum class Tag : std::uint8_t {
  Id = 1,
  Session,
  At,
  Verdict,  // verdict, stage, flags
  Reply,    // code, text
  Client,
  ClientName,  // state, name
  Listener,
  ListenerTag,
  Hello,
  Tls,
  User,
  Sender,
  RecipientCount,
  Recipient,
  Refused,
  FilterSaid,
  Lookup,
  Authentication,
  Times,
  ContentOctets,
};

constexpr std::size_t method_octets_max = 16, rule_octets_max = 32, lookup_octets_max = 72;
constexpr std::uint8_t junk_flag = 1;
constexpr std::uint32_t field_octets_max = 512;

class Encoder {
 public:
  explicit Encoder(MutableBytes room) : writer_{.room = room} {}

  // `write` is called twice: to count, then to write.
  void field(Tag tag, auto&& write) {
    FieldCounter counter;
    write(counter);
    put_fixed(writer_, std::to_underlying(tag));
    put_number(writer_, static_cast<std::uint32_t>(counter.octets));
    write(writer_);
  }
  void text(Tag tag, std::string_view text, std::size_t octets_max = decision_name_octets_max) {
    if (text.empty()) return;
    field(tag, [=](auto& sink) { sink.put(bytes_of(cut(text, octets_max))); });
  }
  void texts(Tag tag, std::initializer_list<std::string_view> texts) {
    field(tag, [=](auto& sink) {
      for (const std::string_view text : texts) put_text(sink, text);
    });
  }
  std::size_t used() const { return writer_.used; }

 private:
  FieldWriter writer_;
};

void put_recipient(Encoder& encoder, Tag tag, const DecidedRecipient& recipient) {
  encoder.texts(tag, {cut(recipient.address, decision_name_octets_max),
                      cut(recipient.rule, rule_octets_max)});
}

void put_says(Encoder& encoder, const DecisionRecord& record) {
  for (std::size_t i = 0; i < std::min(record.says.size(), filter_says_max); ++i) {
    const FilterSay& say = record.says[i];
    encoder.field(Tag::FilterSaid, [&say](auto& sink) {
      put_fixed(sink, std::to_underlying(say.phase));
      put_text(sink, cut(say.filter, decision_text_octets_max));
      put_text(sink, cut(say.word, method_octets_max));
      put_text(sink, cut(say.text, decision_text_octets_max));
      put_text(sink, cut(say.reason, decision_text_octets_max));
    });
  }
}

void put_found(Encoder& encoder, const DecisionRecord& record) {
  for (std::size_t i = 0; i < std::min(record.lookups.size(), lookups_made_max); ++i)
    encoder.texts(Tag::Lookup, {cut(record.lookups[i].what, lookup_octets_max),
                                cut(record.lookups[i].outcome, decision_text_octets_max)});
  for (std::size_t i = 0; i < std::min(record.authentication.size(), authentication_words_max); ++i)
    encoder.texts(Tag::Authentication,
                  {cut(record.authentication[i].method, method_octets_max),
                   cut(record.authentication[i].result, method_octets_max),
                   cut(record.authentication[i].detail, decision_text_octets_max)});
}

// Stages that took no time are left out: a bit for each that follows.
void put_times(Encoder& encoder, const DecisionRecord& record) {
  std::uint16_t present = 0;
  for (std::size_t i = 0; i < record.spent_us.size(); ++i)
    if (record.spent_us[i] != 0) present = static_cast<std::uint16_t>(present | 1u << i);
  if (present == 0) return;
  encoder.field(Tag::Times, [&](auto& sink) {
    put_fixed(sink, present);
    for (const std::uint32_t spent : record.spent_us)
      if (spent != 0) put_number(sink, spent);
  });
}

void put_client(Encoder& encoder, const DecisionRecord& record) {
  encoder.text(Tag::Client, record.client);
  if (record.name_state != NameState::NotKnown)
    encoder.field(Tag::ClientName, [&record](auto& sink) {
      put_fixed(sink, std::to_underlying(record.name_state));
      sink.put(bytes_of(cut(record.client_name, decision_name_octets_max)));
    });
  encoder.text(Tag::Listener, record.listener);
  encoder.text(Tag::ListenerTag, record.tag);
  encoder.text(Tag::Hello, record.hello);
  encoder.text(Tag::Tls, record.tls);
  encoder.text(Tag::User, record.user);
}

// Whole when it was written by us; what is left over of a field is of a later version.
class Decoder {
 public:
  Decoder(Bytes octets, DecisionRecord& record) : all_(octets), record_(record) {}

  bool decode() {
    while (all_.ok() && !all_.at_end()) {
      const auto tag = all_.fixed<std::uint8_t>();
      FieldReader value(bytes_of(all_.view(field_octets_max)));
      read(static_cast<Tag>(tag), value);
      all_.require(value.ok());
    }
    return all_.ok() && record_.id.value != 0;
  }

 private:
  template <class Word>
  Word word(FieldReader& value, std::size_t words) {
    const auto number = value.fixed<std::uint8_t>();
    value.require(number < words);
    return value.ok() ? static_cast<Word>(number) : Word{};
  }

  std::string_view name(FieldReader& value) { return value.view(field_octets_max); }

  DecidedRecipient recipient(FieldReader& value) {
    const std::string_view address = name(value);
    return {address, name(value)};
  }

  void read(Tag tag, FieldReader& value) {
    switch (tag) {
      case Tag::Id:
        record_.id.value = value.fixed<std::uint64_t>();
        return;
      case Tag::Session:
        record_.session = value.fixed<std::uint64_t>();
        return;
      case Tag::At:
        record_.at.us = value.fixed<std::int64_t>();
        return;
      case Tag::Verdict:
        record_.verdict = word<DecisionVerdict>(value, verdict_words.size());
        record_.stage = word<Stage>(value, stage_words.size());
        record_.is_junk = (value.fixed<std::uint8_t>() & junk_flag) != 0;
        return;
      case Tag::Reply:
        record_.code = value.fixed<std::uint16_t>();
        record_.reply = value.rest();
        return;
      case Tag::RecipientCount:
        record_.recipients_accepted = value.number();
        return;
      case Tag::ContentOctets:
        record_.content_octets = value.fixed<std::uint64_t>();
        return;
      case Tag::Times:
        return read_times(value);
      default:
        return read_text(tag, value);
    }
  }

  void read_text(Tag tag, FieldReader& value) {
    switch (tag) {
      case Tag::Client:
        record_.client = value.rest();
        return;
      case Tag::ClientName:
        record_.name_state = word<NameState>(value, name_states);
        record_.client_name = value.rest();
        return;
      case Tag::Listener:
        record_.listener = value.rest();
        return;
      case Tag::ListenerTag:
        record_.tag = value.rest();
        return;
      case Tag::Hello:
        record_.hello = value.rest();
        return;
      case Tag::Tls:
        record_.tls = value.rest();
        return;
      case Tag::User:
        record_.user = value.rest();
        return;
      case Tag::Sender:
        record_.has_sender = true;
        record_.sender = value.rest();
        return;
      default:
        return read_list(tag, value);
    }
  }

  void read_list(Tag tag, FieldReader& value) {
    switch (tag) {
      case Tag::Recipient:
        return add(record_.recipients, decided_recipients_max, recipient(value));
      case Tag::Refused:
        record_.refused = recipient(value);
        return;
      case Tag::FilterSaid: {
        FilterSay say{.phase = word<filter::Phase>(value, filter::phases)};
        for (auto* const text : {&say.filter, &say.word, &say.text, &say.reason})
          *text = name(value);
        return add(record_.says, filter_says_max, say);
      }
      case Tag::Lookup: {
        const std::string_view what = name(value);
        return add(record_.lookups, lookups_made_max, LookupMade{what, name(value)});
      }
      case Tag::Authentication: {
        AuthenticationWord found;
        for (auto* const text : {&found.method, &found.result, &found.detail}) *text = name(value);
        return add(record_.authentication, authentication_words_max, found);
      }
      default:
        return;  // of a later version
    }
  }

  template <class Member>
  void add(std::vector<Member>& list, std::size_t max, const Member& member) {
    all_.require(list.size() < max);
    if (list.size() < max) list.push_back(member);
  }

  void read_times(FieldReader& value) {
    const auto present = value.fixed<std::uint16_t>();
    for (std::size_t i = 0; i < record_.spent_us.size(); ++i)
      if ((present >> i & 1u) != 0) record_.spent_us[i] = value.number();
  }

  FieldReader all_;
  DecisionRecord& record_;
};

}  // namespace

std::string_view cut(std::string_view text, std::size_t octets_max) {
  if (text.size() <= octets_max) return text;
  const auto is_inside = [](char octet) {
    return (static_cast<unsigned char>(octet) & 0xc0) == 0x80;
  };
  std::size_t end = octets_max;
  while (end > 0 && octets_max - end < 3 && is_inside(text[end])) --end;
  return text.substr(0, is_inside(text[end]) ? octets_max : end);
}

std::size_t encode(const DecisionRecord& record, MutableBytes room) {
  Encoder encoder(room);
  encoder.field(Tag::Id, [&](auto& sink) { put_fixed(sink, record.id.value); });
  encoder.field(Tag::Session, [&](auto& sink) { put_fixed(sink, record.session); });
  encoder.field(Tag::At, [&](auto& sink) { put_fixed(sink, record.at.us); });
  encoder.field(Tag::Verdict, [&](auto& sink) {
    put_fixed(sink, std::to_underlying(record.verdict));
    put_fixed(sink, std::to_underlying(record.stage));
    put_fixed(sink, static_cast<std::uint8_t>(record.is_junk ? junk_flag : 0));
  });
  if (record.code != 0)
    encoder.field(Tag::Reply, [&](auto& sink) {
      put_fixed(sink, record.code);
      sink.put(bytes_of(cut(record.reply, decision_reply_octets_max)));
    });
  put_client(encoder, record);
  if (record.has_sender)
    encoder.field(Tag::Sender, [&](auto& sink) {
      sink.put(bytes_of(cut(record.sender, decision_name_octets_max)));
    });
  if (record.recipients_accepted != 0)
    encoder.field(Tag::RecipientCount,
                  [&](auto& sink) { put_number(sink, record.recipients_accepted); });
  for (std::size_t i = 0; i < std::min(record.recipients.size(), decided_recipients_max); ++i)
    put_recipient(encoder, Tag::Recipient, record.recipients[i]);
  if (record.refused != DecidedRecipient{}) put_recipient(encoder, Tag::Refused, record.refused);
  put_says(encoder, record);
  put_found(encoder, record);
  put_times(encoder, record);
  if (record.content_octets != 0)
    encoder.field(Tag::ContentOctets, [&](auto& sink) { put_fixed(sink, record.content_octets); });
  return encoder.used();
}

void clear(DecisionRecord& record) {
  const auto emptied = [](auto& list) {
    list.clear();
    return std::move(list);
  };
  record = DecisionRecord{.recipients = emptied(record.recipients),
                          .says = emptied(record.says),
                          .lookups = emptied(record.lookups),
                          .authentication = emptied(record.authentication)};
}

bool decode(Bytes octets, DecisionRecord& record) {
  clear(record);
  return Decoder(octets, record).decode();
}

}  // namespace ringpost::store
