// Questions on their way: see enquiries.h.
#include "engine/mta/enquiries.h"

#include <iterator>
#include <optional>
#include <utility>

#include "engine/mta/table_source.h"
#include "engine/mta/user_directory.h"
#include "engine/ring/await.h"

namespace ringpost::mta {

struct EnquiryOfUser : UserQuestion {
  EnquiryOfUser(Handler called, Enquiry& of, ring::Core& core, std::string name)
      : UserQuestion(called, core, std::move(name)), enquiry(of) {}
  Enquiry& enquiry;
};

struct EnquiryOfTable : TableEnquiry {
  EnquiryOfTable(Handler called, Enquiry& of, ring::Core& core, const conf::TableQuestion& question,
                 char delimiter, Instant answer_by)
      : TableEnquiry(called, core, question, delimiter, answer_by), enquiry(of) {}
  Enquiry& enquiry;
};

struct Enquiry {
  Enquiry(Enquiries& of, conf::Question what, std::shared_ptr<const Generation> with,
          EnquiryAsker& by)
      : owner(of),
        question(std::move(what)),
        generation(std::move(with)),
        asker(&by),
        began(of.parts_.core.now()) {}
  ~Enquiry() { owner.parts_.core.timers().disarm(timer); }

  void time_is_up();
  static void user_arrived(ring::Message& message);
  static void table_arrived(ring::Message& message);

  Enquiries& owner;
  conf::Question question;
  std::shared_ptr<const Generation> generation;  // keeps the table's source
  EnquiryAsker* asker;                           // null: nobody waits any more
  Instant began;
  std::list<Enquiry>::iterator self{};
  std::optional<EnquiryOfUser> of_user;
  std::optional<EnquiryOfTable> of_table;
  ring::TimerOf<Enquiry, &Enquiry::time_is_up> timer{*this};
};

Enquiries::Enquiries(WorkerParts& parts) : parts_(parts), files_(parts) {}
Enquiries::~Enquiries() { CHECK(idle()); }

bool Enquiries::full() const { return under_way_.size() >= enquiries_max; }
bool Enquiries::idle() const { return under_way_.empty() && reading_.idle(); }

void Enquiries::ask(conf::Question question, std::shared_ptr<const Generation> generation,
                    EnquiryAsker& asker) {
  CHECK(!full() && asker.under_way_ == nullptr);
  parts_.metrics.lookup.asked.add();
  Enquiry& enquiry =
      under_way_.emplace_back(*this, std::move(question), std::move(generation), asker);
  enquiry.self = std::prev(under_way_.end());
  asker.under_way_ = &enquiry;
  parts_.core.timers().arm(enquiry.timer, parts_.core.now() + enquiry_max);
  if (std::holds_alternative<conf::UserQuestion>(enquiry.question)) {
    ask_user(enquiry);
  } else if (std::holds_alternative<conf::TableQuestion>(enquiry.question)) {
    ask_table(enquiry);
  } else {
    ring::Task<void>::spawn(reading_, ask_file(enquiry));
  }
}

ring::Task<void> Enquiries::ask_file(Enquiry& enquiry) {
  conf::Answer answer;
  if (const auto* forward = std::get_if<conf::ForwardQuestion>(&enquiry.question)) {
    answer = co_await files_.read(*forward);
  } else {
    answer = co_await files_.read(std::get<conf::IncludeQuestion>(enquiry.question));
  }
  come_back(enquiry, std::move(answer));
}

void Enquiries::ask_user(Enquiry& enquiry) {
  const auto& question = std::get<conf::UserQuestion>(enquiry.question);
  enquiry.of_user.emplace(&Enquiry::user_arrived, enquiry, parts_.core, question.name);
  parts_.users.ask(*enquiry.of_user);
}

void Enquiry::user_arrived(ring::Message& message) {
  Enquiry& enquiry = static_cast<EnquiryOfUser&>(message).enquiry;
  Enquiries& owner = enquiry.owner;
  const auto& question = std::get<conf::UserQuestion>(enquiry.question);
  UserDirectory::Answer known = owner.parts_.users.find(question.name, owner.parts_.core.now());
  if (known.state == conf::AnswerState::Later) {  // forgotten meanwhile
    owner.ask_user(enquiry);
    return;
  }
  conf::Answer answer{.state = known.state, .user = std::move(known.user)};
  if (answer.state == conf::AnswerState::TemporaryFailure) answer.text = "the name service fails";
  owner.come_back(enquiry, std::move(answer));
}

void Enquiries::ask_table(Enquiry& enquiry) {
  const auto& question = std::get<conf::TableQuestion>(enquiry.question);
  const char delimiter = enquiry.generation->config.smtp.sub_address_delimiter;
  enquiry.of_table.emplace(&Enquiry::table_arrived, enquiry, parts_.core, question, delimiter,
                           enquiry.timer.deadline());
  enquiry.generation->sources.at(question.table)->ask(*enquiry.of_table);
}

void Enquiry::table_arrived(ring::Message& message) {
  auto& arrived = static_cast<EnquiryOfTable&>(message);
  arrived.enquiry.owner.come_back(arrived.enquiry, std::move(arrived.answer));
}

void Enquiries::come_back(Enquiry& enquiry, conf::Answer answer) {
  tell(enquiry, std::move(answer));
  under_way_.erase(enquiry.self);
}

void Enquiries::tell(Enquiry& enquiry, conf::Answer answer) {
  if (enquiry.asker == nullptr) return;
  observe::LookupMetrics& metrics = parts_.metrics.lookup;
  if (answer.state == conf::AnswerState::TemporaryFailure) {
    metrics.failed.add();
    answer.text = describe(enquiry.question) + ": " + answer.text;
  }
  metrics.delay.record(static_cast<std::uint64_t>((parts_.core.now() - enquiry.began).ns / 1'000));
  EnquiryAsker& asker = *std::exchange(enquiry.asker, nullptr);
  asker.under_way_ = nullptr;
  asker.answered(std::move(answer));
}

void Enquiry::time_is_up() {
  owner.parts_.metrics.lookup.late.add();
  owner.tell(*this, failure("no answer in time"));
}

void Enquiries::forget(EnquiryAsker& asker) {
  if (asker.under_way_ == nullptr) return;
  asker.under_way_->asker = nullptr;
  asker.under_way_ = nullptr;
}

namespace {

// A task that waits for its answer.
struct WaitingTask final : EnquiryAsker {
  void answered(conf::Answer given) override {
    answer = std::move(given);
    done.set();
  }
  conf::Answer answer;
  ring::Signal done;
};

}  // namespace

ring::Task<conf::Answer> Enquiries::find(conf::Question question,
                                         std::shared_ptr<const Generation> generation) {
  if (full()) co_return failure("too many questions wait");
  WaitingTask waiting;
  ask(std::move(question), std::move(generation), waiting);
  co_await waiting.done;
  co_return std::move(waiting.answer);
}

ring::Task<conf::Answer> Enquiries::find_user(const conf::Table* userbase, std::string name,
                                              std::shared_ptr<const Generation> generation) {
  if (userbase == nullptr) {
    UserDirectory::Answer known = parts_.users.find(name, parts_.core.now());
    if (known.state != conf::AnswerState::Later)
      co_return conf::Answer{.state = known.state, .user = std::move(known.user)};
    conf::Question question = conf::UserQuestion{std::move(name)};
    co_return co_await find(std::move(question), std::move(generation));
  }
  if (userbase->backend() == conf::TableBackend::Memory) {
    auto user = userbase->find_user(name);
    if (!user) co_return conf::Answer{.state = conf::AnswerState::NotFound};
    co_return conf::Answer{.state = conf::AnswerState::Found, .user = std::move(*user)};
  }
  if (!generation->sources.contains(userbase))
    co_return failure("the table is not in use any more");
  conf::Question question = conf::TableQuestion{userbase, conf::TableService::UserInfo, name};
  conf::Answer answer = co_await find(std::move(question), std::move(generation));
  if (answer.state != conf::AnswerState::Found) co_return answer;
  auto user = conf::parse_user_info(name, answer.text);
  if (!user) co_return failure("no uid:gid:home: " + answer.text);
  answer.user = std::move(*user);
  co_return answer;
}

}  // namespace ringpost::mta
