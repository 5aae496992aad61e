// Configurations: what the parent keeps of the operator's files: their texts as they were read last
// and as they were last in use, each in a file without a name that nobody can change any more, and
// what they permit the engine to ask for. A process of its own reads them; the parent looks into
// nothing but the permissions.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "engine/process/permissions.h"
#include "proto/base/fault.h"

namespace ringpost::process {

class Configurations {
 public:
  // Writes the texts and the permissions of the configuration to these descriptors, which are the
  // callee's to close, in a process of its own that ends with it. False: it could not.
  using Read = std::function<bool(int texts, int permissions)>;

  explicit Configurations(Read read) : read_(std::move(read)) {}
  Configurations(const Configurations&) = delete;
  Configurations& operator=(const Configurations&) = delete;
  ~Configurations();

  // Begins to read. `asker`, taken over, is a socket that gets a descriptor of the texts; -1: there
  // is none. One reading at a time: EBUSY.
  std::expected<void, Fault> begin(int asker);
  bool is_reading() const { return reader_ > 0; }
  // False: `pid` is not the process that reads.
  bool ended(pid_t pid, int status);
  // What was read last is in use from now on.
  void adopt();

  // Descriptors of the texts; -1: there are none. What was read last and is not in use:
  int newest() const { return newest_.texts; }
  int adopted() const { return adopted_.texts; }

  // By what is in use or was read last.
  bool permits_key(const std::string& path) const;
  bool permits_watch(const std::string& path) const;
  const PermittedProgram* find_program(const std::string& name,
                                       const std::vector<std::string>& words) const;
  bool permits_filter(const FilterProgram& program) const;
  const std::string& keys_user() const;

 private:
  struct Version {
    int texts = -1;
    Permissions permitted;
  };
  static void drop(Version& version);
  std::expected<Version, Fault> take_result();

  Read read_;
  pid_t reader_ = -1;
  int asker_ = -1;
  int texts_ = -1;        // that are being written
  int permissions_ = -1;  // likewise
  Version newest_;
  Version adopted_;
};

}  // namespace ringpost::process
