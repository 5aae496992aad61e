// FilterLink: a filter process of a listener's chain, as one session knows it: bound for as long as
// the session lasts, and asked one thing at a time. Owner: a FilterRun.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/mta/filter_processes.h"
#include "engine/mta/filter_question.h"
#include "proto/conf/filter_config.h"

namespace ringpost::mta {

class FilterLink;

class FilterLinkOwner {
 public:
  // See FilterWaiter and FilterQuestion.
  virtual void link_ready(FilterLink& link, bool ready) = 0;
  virtual void link_answered(FilterLink& link, FilterAnswer answer) = 0;
  virtual void link_content(FilterLink& link, std::string_view lines) = 0;
  virtual void link_room(FilterLink& link) = 0;

 protected:
  ~FilterLinkOwner() = default;
};

class FilterLink final : FilterQuestion, FilterWaiter {
 public:
  // `filter` is a Process. Both outlive the link.
  FilterLink(FilterProcesses& processes, const conf::Filter& filter, observe::SessionId session,
             FilterLinkOwner& owner)
      : filter(filter), processes_(processes), session_(session), owner_(owner) {}
  ~FilterLink() {
    processes_.forget(static_cast<FilterWaiter&>(*this));
    forget();
  }
  FilterLink(const FilterLink&) = delete;
  FilterLink& operator=(const FilterLink&) = delete;

  // False: link_ready() says when to try again, or not to.
  bool bind() {
    binding_ = processes_.bind(*filter.process);
    if (!binding_) processes_.wait(*filter.process, *this);
    return static_cast<bool>(binding_);
  }
  // It has no say any more in this session.
  void leave_out() {
    forget();
    processes_.forget(static_cast<FilterWaiter&>(*this));
    binding_ = FilterBinding();
  }
  bool decides(filter::Phase phase) const { return binding_.decides(phase); }
  bool wants(filter::ReportEvent event) const {
    return binding_.wants(filter::Subsystem::SmtpIn, event);
  }
  void report(std::string_view line) { processes_.report(binding_, line); }
  void ask(filter::Phase phase, const std::vector<std::string>& parameters) {
    parameters.size() == 1
        ? processes_.ask(binding_, session_, phase, {parameters[0]}, *this)
        : processes_.ask(binding_, session_, phase, {parameters[0], parameters[1]}, *this);
  }
  // The content of a message: see FilterProcesses.
  void ask_lines() { processes_.ask_lines(binding_, session_, *this); }
  [[nodiscard]] bool lines(std::string_view content) { return processes_.lines(*this, content); }
  [[nodiscard]] bool end_lines() { return processes_.end_lines(*this); }
  bool has_room() { return processes_.has_room(*this); }
  void forget() {
    if (pending()) processes_.forget(static_cast<FilterQuestion&>(*this));
  }

  const conf::Filter& filter;

 private:
  void filter_ready(bool ready) override { owner_.link_ready(*this, ready); }
  void answered(FilterAnswer answer) override { owner_.link_answered(*this, std::move(answer)); }
  void content(std::string_view lines) override { owner_.link_content(*this, lines); }
  void room() override { owner_.link_room(*this); }

  FilterProcesses& processes_;
  observe::SessionId session_;
  FilterLinkOwner& owner_;
  FilterBinding binding_;
};

}  // namespace ringpost::mta
