// Child: a program that runs beside the daemon with a pipe to its standard input and one from its
// standard output; its standard error is ours. Its ends are non-blocking. A start that fails is a
// Fault; nothing else can.
#pragma once

#include <expected>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "engine/process/parent_link.h"
#include "proto/base/fault.h"

namespace ringpost::process {

class Child {
 public:
  // `words` has the program's absolute path first; `name` is what it is told as its own (argv[0]).
  // It runs in a process group of its own, with default signals. Run by `parent`, which outlives
  // it, as the engine's user; null: as a child of this process.
  static std::expected<Child, Fault> start(const std::vector<std::string>& words,
                                           const std::string& name, ParentLink* parent = nullptr);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  // Closes the pipes, kills what is left of the process group and waits for the program.
  ~Child();

  int input() const { return input_; }    // written by us
  int output() const { return output_; }  // read by us
  pid_t pid() const { return pid_; }

 private:
  Child(pid_t pid, int input, int output, ParentLink* parent)
      : pid_(pid), input_(input), output_(output), parent_(parent) {}

  pid_t pid_;
  int input_;
  int output_;
  ParentLink* parent_;
};

}  // namespace ringpost::process
