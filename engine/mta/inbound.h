// Inbound: one connection of a client: pumps octets from its Stream into a ServerSession, answers
// what that asks, and turns content into a durable message. Owner: one core; ends by telling its
// InboundOwner, which then frees it.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "engine/memory/buffer.h"
#include "engine/mta/auth_dialogue.h"
#include "engine/mta/decision_notes.h"
#include "engine/mta/enquiries.h"
#include "engine/mta/filter_run.h"
#include "engine/mta/generation.h"
#include "engine/mta/lookups.h"
#include "engine/mta/resolver.h"
#include "engine/mta/sender_check.h"
#include "engine/mta/transaction.h"
#include "engine/mta/worker_parts.h"
#include "engine/net/stream.h"
#include "engine/tls/channel.h"
#include "proto/conf/expand.h"
#include "proto/proxy/header.h"
#include "proto/smtp/server_session.h"

namespace ringpost::mta {

class Inbound;

// What files a message as junk is a field like any other, as upstream's.
inline constexpr std::string_view spam_mark = "X-Spam: Yes\r\n";

class InboundOwner {
 public:
  // Nothing of the connection is in flight any more; it may be freed now.
  virtual void inbound_ended(Inbound& connection) = 0;

 protected:
  ~InboundOwner() = default;
};

class Inbound final : net::StreamOwner,
                      AuthDialogueOwner,
                      FilterRunOwner,
                      SenderCheckOwner,
                      MailSignerOwner {
 public:
  // `listener` is one of `generation`, on which the session will end.
  Inbound(WorkerParts& parts, InboundOwner& owner, std::shared_ptr<const Generation> generation,
          const ListenAddress& listener, observe::SessionId id);
  ~Inbound();
  Inbound(const Inbound&) = delete;
  Inbound& operator=(const Inbound&) = delete;

  void start(int direct_file) {
    listener_.is_socket ? stream_.accept_local(direct_file) : stream_.accept(direct_file);
  }
  // 421 at the next command boundary (drain).
  void shut_down();
  // Ends at once.
  void abort();
  // Buffers run short: if the peer does not read its replies, or a name service does not answer,
  // what it sent moves to the heap as far as the limit for all such peers allows; else the peer
  // that does not read is cut off.
  void give_back_buffers();

  // Called by the transaction when its message was committed, or could not be.
  void committed(bool durable);

  Inbound* next = nullptr;  // links of the owner's list
  Inbound* previous = nullptr;

 private:
  enum class Waiting : std::uint8_t {
    Nothing,
    Proxy,
    Name,
    Room,
    Answer,
    Auth,
    Filter,
    Content,
    Sender,
    Signature,
    Commit
  };

  // TLS between the stream and the dialogue.
  struct Secured final : tls::ChannelOwner {
    Secured(Inbound& owner, const tls::ServerContext& context, tls::Signer& signer)
        : inbound(owner), channel(context, signer, *this) {}
    void channel_resumes() override { inbound.pump(); }
    Bytes plain() const { return {room.get() + plain_begin, plain_end - plain_begin}; }

    Inbound& inbound;
    tls::Channel channel;
    bool stands = false;                  // the handshake is done, and the dialogue knows
    tls::ChannelFacts facts;              // of one that stands
    std::unique_ptr<std::byte[]> room{};  // nothing while no plaintext is left
    std::size_t plain_begin = 0, plain_end = 0;
    Instant deadline{};  // of the handshake
  };

  // net::StreamOwner
  void opened(const std::optional<net::Address>& peer) override;
  void connect_failed(int) override {}
  void received(memory::Buffer buffer) override;
  void receive_ended(int error) override;
  void sent(int error) override;
  void closed() override;

  bool await_proxy();
  bool read_proxy_header();
  void know_origin(const proxy::Origin& origin);
  void proxy_gone();
  void refuse_proxy(std::string_view reason);
  // AuthDialogueOwner
  void auth_replied(const smtp::ReplyView& reply, const std::string& user) override;

  // Of filters: inbound_filter.cpp.
  // FilterRunOwner
  void filters_bound() override;
  void filtered(FilterVerdict verdict) override;
  conf::SessionFacts facts() const override;
  bool server_speaks_first() const override {
    return listener_.tls_mode != conf::TlsMode::Implicit;
  }
  bool client_has_spoken() const override { return !unread().empty(); }
  void content_came(std::string_view lines) override;
  void content_filtered(const smtp::ReplyView* refusal) override;
  void content_room() override;
  void filter_said(const conf::Filter& filter, filter::Phase phase, observe::FilterWord word,
                   std::string_view text, std::string_view reason) override;
  void looked_up(std::string_view what, std::string_view outcome) override {
    notes_.looked_up(what, outcome);
  }
  // The filters of the phase, then passed() or its refusal. The parameters are those of
  // filter::append_question.
  void filter(filter::Phase phase, std::vector<std::string> parameters = {{}},
              conf::AddressView recipient = {});
  void passed(filter::Phase phase);
  void refused_by_filter(const FilterVerdict& verdict);
  void rewrite(const std::string& value);
  std::string_view spam_field() const;
  void tell(filter::ReportEvent event, std::initializer_list<std::string_view> fields = {}) {
    if (filters_ != nullptr && filters_->is_bound) filters_->run.report(event, fields);
  }
  void tell_result(filter::ReportEvent event, unsigned code, std::string_view value = {});
  void filter_connection();
  void tell_encryption();
  std::string shown_client_name() const;
  std::string message_id() const { return to_text(transaction_->id()); }
  void drop_transaction();
  // Records of decisions: inbound_decision.cpp.
  void begin_stage(const smtp::Event& event);
  std::string place_of(const conf::Rule* rule) const;
  void trace_recipient(const conf::Expansion& expansion);
  void with_record(store::DecisionVerdict verdict, QueueId id, const smtp::ReplyView& reply,
                   const std::function<void(const store::DecisionRecord&)>& use) const;
  void record_decision(store::DecisionVerdict verdict, QueueId id,
                       const smtp::ReplyView& reply) const;
  // Records a refusal, and gives the reply to be answered with.
  smtp::Reply decline(const smtp::ReplyView& reply, bool is_last = false);
  // The same, and answers.
  void refuse(const smtp::ReplyView& reply, bool is_last = false);
  // Of the message whose commit is under way, for when nobody is there to hear of it.
  void leave_record();
  // Content through filter processes: inbound_filter_content.cpp.
  void begin_filtered_content();
  void give_pending();
  void take_came();
  void end_filtered_content();
  void settle_filtered_content();

  void offer_auth();
  void bind_auth();
  bool know_client(const std::optional<net::Address>& peer);
  void pump();
  bool take_event();
  bool offer_input();
  void drop_consumed();
  // Received and not yet given to the dialogue, or to TLS.
  Bytes unread() const;
  Bytes unread_plain() const { return tls_ != nullptr ? tls_->plain() : unread(); }
  void set_input_aside();
  void clear_set_aside();
  void drop_input();
  void command_read(std::string_view line);
  void note_replies(std::string_view replies);
  bool gather_replies();
  void flush();
  void arm_timer();
  void time_is_up();
  void room_again();
  void answered(conf::Answer answer);
  void ask_client_name();

  // Of TLS: inbound_tls.cpp.
  bool shakes_hands() const { return tls_ != nullptr && !tls_->stands; }
  Instant handshake_deadline() const;
  void begin_tls();
  void shake_hands();
  bool decrypt();
  void tls_stands();
  void tls_failed(std::string_view why);
  std::string encryption() const;
  void named(ClientName name);

  void on(const smtp::Opened&);
  void on(const smtp::HelloReceived& event);
  void on(const smtp::StartTlsReceived&);
  void on(const smtp::AuthStep& event);
  void on(const smtp::AuthAborted&);
  void on(const smtp::MailFrom& event);
  void on(const smtp::RcptTo& event);
  void on(const smtp::ContentBegin&);
  void on(const smtp::Content& event);
  void on(const smtp::SmallCommand& event);
  void on(const smtp::ContentEnd& event);
  void on(const smtp::ContentAborted& event);
  void on(const smtp::Reset&);
  void on(const smtp::Violation&);
  void on(const smtp::Closed& event);

  void answer(const smtp::Decision& decision);
  void judge_recipient();
  // Of submission: inbound_submission.cpp.
  bool submits() const;
  const conf::Table* senders() const;
  void judge_sender();
  void refuse_sender(const smtp::ReplyView& reply);
  void begin_header();
  // Of senders: inbound_sender_auth.cpp.
  void sender_checked() override;
  const std::string& results_service() const;
  void begin_sender_check();
  void content_is_there();
  void write_results(const SenderCheck& check);
  void write_login();
  void mark_junk();
  void keep_findings(const SenderCheck& check);
  void note_results(const SenderCheck& check);
  // Of signatures: inbound_signing.cpp.
  void mail_signed(bool is_done) override;
  void begin_signing();
  static bool relays_for_known(const conf::Rule& rule);
  bool leaves_again() const;
  void sign();
  bool ask_for_signatures();
  void note_for_report(const SenderCheck& check);
  void note_failure(const SenderCheck& check, const std::string& results);
  void refuse_recipient(const conf::Expansion& expansion);
  void add_recipients(const conf::Expansion& expansion);
  smtp::ReplyView refusal_of(const conf::Expansion& expansion, std::string& room) const;
  void begin_hello(const smtp::HelloReceived& event);
  void begin_transaction(const smtp::MailFrom& event);
  void begin_content();
  void begin_auth(const smtp::AuthStep& event);
  void append_pending();
  void commit();
  void refuse_content(const smtp::ReplyView& reply, bool is_last = false);
  void report_closed();
  static void room_called(RoomWaiter& waiter);

  struct Room : RoomWaiter {
    explicit Room(Inbound& owner) : RoomWaiter(&Inbound::room_called), inbound(owner) {}
    Inbound& inbound;
  };
  struct Asker final : EnquiryAsker {
    explicit Asker(Inbound& owner) : inbound(owner) {}
    void answered(conf::Answer answer) override;
    Inbound& inbound;
  };

  struct NameAsker final : ClientNameAsker {
    explicit NameAsker(Inbound& owner) : inbound(owner) {}
    void named(ClientName name) override { inbound.named(std::move(name)); }
    Inbound& inbound;
  };

  WorkerParts& parts_;
  InboundOwner& owner_;
  std::shared_ptr<const Generation> generation_;
  const ListenAddress& listener_;
  observe::SessionId id_;
  net::Stream stream_;
  smtp::ServerSession session_;
  std::string source_;  // address and port of the client, for filters
  std::string client_;  // address as text, or "local:UID"; empty until it is known
  std::string proxy_;   // by which the client came
  std::unique_ptr<proxy::HeaderReader> proxy_header_;  // while it is read
  std::optional<std::uint32_t> local_user_;            // of a client of the local socket
  std::optional<conf::NetAddress> client_address_;
  std::optional<ClientName> client_name_;  // nothing: not known yet
  std::string user_;                       // as whom the client is authenticated; empty: not at all
  std::string hello_;
  bool extended_ = false;
  DecisionNotes notes_;
  std::string auth_mechanisms_;
  std::unique_ptr<AuthDialogue> auth_;  // from the first AUTH on
  // Of a listener with filters: their run, and what waits for it.
  struct Filters {
    template <class... Arguments>
    explicit Filters(Arguments&&... arguments) : run(std::forward<Arguments>(arguments)...) {}
    FilterRun run;
    filter::Phase phase = filter::Phase::Connect;
    bool is_bound = false;      // the processes know of the session
    bool is_beginning = false;  // inside run.begin()
    Instant began{};            // the phase
    smtp::HelloReceived hello = {};
    smtp::MailFrom mail = {};
    smtp::AuthStep auth = {};
    bool junk_session = false, junk_message = false;
    std::vector<conf::SenderFinding> findings = {};  // about the sender of the message
    // Of a message whose content goes through processes.
    bool has_content = false;
    bool all_given = false, all_came = false;
    bool is_first_line = false;  // nothing of it has come yet
    const smtp::ReplyView* refusal = nullptr;
    std::string came = {};  // and found no room yet
    bool waits_for_room = false;
  };
  std::unique_ptr<Filters> filters_;
  smtp::Mailbox sender_;
  std::unique_ptr<Secured> tls_;
  bool counted_ = false;
  bool peer_closed_ = false;
  bool end_waits_ = false;     // for room for the last of the content
  bool commit_waits_ = false;  // for room
  Waiting waiting_ = Waiting::Nothing;
  observe::CloseReason close_reason_ = observe::CloseReason::PeerClosed;
  std::uint32_t messages_ = 0;
  std::uint32_t commands_ = 0;  // lines, whatever became of them
  std::uint32_t errors_ = 0;
  std::uint64_t octets_ = 0;
  Instant began_{};

  std::string set_aside_;             // received before input_, see give_back_buffers()
  std::deque<memory::Buffer> input_;  // received and not yet consumed
  std::size_t consumed_ = 0;          // of set_aside_, or else of input_.front()
  std::string sending_;
  Instant sending_since_{};
  std::unique_ptr<Transaction> transaction_;
  std::unique_ptr<SenderCheck> sender_check_;  // of the content under way
  bool judges_sender_ = false;                 // inside content_is_there()
  Transaction* committing_ = nullptr;          // owned by the spooler meanwhile
  std::uint64_t committed_octets_ = 0;
  Instant commit_began_{};
  std::unique_ptr<smtp::RcptTo> rcpt_;  // being judged
  std::optional<LookupMemo> lookups_;   // of the recipient being judged
  conf::Question asked_;                // what its judgement waits for
  Asker asker_{*this};
  NameAsker name_asker_{*this};
  Room room_{*this};
  ring::TimerOf<Inbound, &Inbound::time_is_up> timer_{*this};
};

}  // namespace ringpost::mta
