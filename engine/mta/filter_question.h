// What a session holds of filter processes: a FilterBinding for each process of its chain, made
// when it begins, and a FilterQuestion for each that it has asked. Owner: the session, on its core.
// Nothing of it is called from within a call of the session's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proto/base/check.h"
#include "proto/base/clock.h"
#include "proto/filter/request.h"
#include "proto/filter/vocabulary.h"

namespace ringpost::mta {

class FilterPost;

struct FilterAnswer {
  enum class Kind : std::uint8_t {
    Proceed,
    Junk,
    Reject,       // text: the reply as the filter has it, not looked at
    Disconnect,   // the same
    Rewrite,      // text: the parameter in its new form
    Report,       // text: what is to be told in a report filter-report
    Unavailable,  // text: why, for the log. Nothing more comes from this process in this session
  };
  Kind kind = Kind::Unavailable;
  std::string text = {};
};

// Something that waits for an answer. It is answered once, at the latest after the answer-timeout
// of its process, unless it is forgotten before; it must be neither destroyed nor asked again
// while pending().
class FilterQuestion {
 public:
  FilterQuestion() = default;
  FilterQuestion(const FilterQuestion&) = delete;
  FilterQuestion& operator=(const FilterQuestion&) = delete;

  bool pending() const { return post_ != nullptr; }

  // It is not pending any more, and may be asked again. In phase data-line Proceed says that the
  // whole content has come back.
  virtual void answered(FilterAnswer answer) = 0;
  // Phase data-line: content that came back, whole lines with CRLF, dots undone. As much as the
  // process likes: whoever takes it has a limit, and forgets the question.
  virtual void content(std::string_view lines) = 0;
  // Phase data-line: has_room() again, after it was asked and there was none.
  virtual void room() = 0;

 protected:
  ~FilterQuestion() { CHECK(!pending()); }

 private:
  friend class FilterPost;
  friend class FilterQuestionList;

  FilterPost* post_ = nullptr;
  FilterQuestion* next_ = nullptr;  // in a list of the post's
  FilterQuestion* previous_ = nullptr;
  class FilterQuestionList* list_ = nullptr;
  std::uint64_t session_ = 0, token_ = 0;
  std::uint64_t incarnation_ = 0;
  Instant asked_{}, deadline_{};
  std::optional<filter::DataLines> lines_;
  bool all_given_ = false;  // of lines_
  bool wants_room_ = false;
  std::string reason_;  // why it fails
};

// Somebody who waits for a process to be ready; told once.
class FilterWaiter {
 public:
  FilterWaiter() = default;
  FilterWaiter(const FilterWaiter&) = delete;
  FilterWaiter& operator=(const FilterWaiter&) = delete;

  // True: bind() gives a binding now. False: it is not ready, and not about to be.
  virtual void filter_ready(bool ready) = 0;

 protected:
  ~FilterWaiter() { CHECK(post_ == nullptr); }

 private:
  friend class FilterPost;
  FilterPost* post_ = nullptr;
  Instant deadline_{};
};

// One session's place with one process: with the program that ran when the session began. Empty
// when there was none.
class FilterBinding {
 public:
  FilterBinding() = default;
  FilterBinding(FilterBinding&& other) noexcept
      : post_(std::exchange(other.post_, nullptr)),
        incarnation_(other.incarnation_),
        broken_(other.broken_),
        pressing_octets_(other.pressing_octets_) {}
  FilterBinding& operator=(FilterBinding&& other) noexcept {
    std::swap(post_, other.post_);
    std::swap(incarnation_, other.incarnation_);
    std::swap(broken_, other.broken_);
    std::swap(pressing_octets_, other.pressing_octets_);
    return *this;
  }
  ~FilterBinding();

  explicit operator bool() const { return post_ != nullptr; }
  // That program has ended, or could not be told everything: whatever is asked of it is answered
  // with Unavailable.
  bool lost() const;
  // Whether it has registered for this. A test of one bit: ask before anything is formatted. False
  // when lost.
  bool wants(filter::Subsystem subsystem, filter::ReportEvent event) const;
  // Whether it is to be asked: true also when lost, so that the session comes to know.
  bool decides(filter::Phase phase) const;

 private:
  friend class FilterPost;
  friend class FilterProcesses;
  FilterPost* post_ = nullptr;
  std::uint64_t incarnation_ = 0;
  bool broken_ = false;
  std::size_t pressing_octets_ = 0;  // reported since the process is behind
};

}  // namespace ringpost::mta
