// Runs ringpostctl inside the test and keeps what it printed.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tools/ringpostctl/run.h"

namespace ringpost::ctl {

class Captured {
 public:
  Captured(const std::vector<std::string>& words, std::string_view home, WallTime now) {
    Output output{open_memstream(&out_, &out_octets_), open_memstream(&err_, &err_octets_)};
    status_ = run(words, home, now, output);
    std::fclose(output.out);
    std::fclose(output.err);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() {
    std::free(out_);
    std::free(err_);
  }

  int status() const { return status_; }
  std::string out() const { return {out_, out_octets_}; }
  std::string err() const { return {err_, err_octets_}; }

 private:
  char* out_ = nullptr;
  char* err_ = nullptr;
  std::size_t out_octets_ = 0;
  std::size_t err_octets_ = 0;
  int status_ = -1;
};

}  // namespace ringpost::ctl
