// The operator's files as the parent keeps them: see configurations.h. memfd_create(2), sealed.
#include "engine/process/configurations.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/process/descriptor_passing.h"
#include "engine/process/forked.h"
#include "engine/process/rights.h"

namespace ringpost::process {
namespace {

// A file system that hangs, or a FIFO in the place of a file, ends the process.
constexpr unsigned read_seconds_max = 120;

void let_go(int& file) {
  if (file >= 0) close(std::exchange(file, -1));
}

std::expected<std::string, Fault> content_of(int file) {
  struct stat status{};
  if (fstat(file, &status) != 0) return std::unexpected(Fault{"fstat", errno});
  if (status.st_size > static_cast<off_t>(permissions_octets_max))
    return std::unexpected(Fault{"permissions", EFBIG});
  std::string content(static_cast<std::size_t>(status.st_size), '\0');
  if (pread(file, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()))
    return std::unexpected(Fault{"pread", EIO});
  return content;
}

}  // namespace

Configurations::~Configurations() {
  for (int* const file : {&asker_, &texts_, &permissions_}) let_go(*file);
  drop(newest_);
  drop(adopted_);
}

std::expected<void, Fault> Configurations::begin(int asker) {
  const auto failed = [&asker](std::string_view operation, int code) {
    let_go(asker);
    return std::unexpected(Fault{operation, code});
  };
  if (is_reading()) return failed("read configuration", EBUSY);
  let_go(texts_);
  let_go(permissions_);
  texts_ = memfd_create("ringpost-configuration", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  permissions_ = memfd_create("ringpost-permissions", MFD_CLOEXEC);
  if (texts_ < 0 || permissions_ < 0) return failed("memfd_create", errno);
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid < 0) return failed("fork", errno);
  if (pid == 0) {
    const auto [texts, permissions] = keep_only(texts_, permissions_);
    alarm(read_seconds_max);
    _exit(die_with_parent(self) && read_(texts, permissions) ? 0 : 1);
  }
  reader_ = pid;
  asker_ = asker;
  return {};
}

// The texts are sealed before anybody else has them: an engine that has been taken over must not
// write what the next one reads while it is root.
std::expected<Configurations::Version, Fault> Configurations::take_result() {
  constexpr int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (fcntl(texts_, F_ADD_SEALS, seals) != 0) return std::unexpected(Fault{"seal", errno});
  const auto octets = content_of(permissions_);
  if (!octets) return std::unexpected(octets.error());
  auto permitted = decode_permissions(bytes_of(*octets));
  if (!permitted) return std::unexpected(Fault{"permissions", EBADMSG});
  return Version{std::exchange(texts_, -1), std::move(*permitted)};
}

bool Configurations::ended(pid_t pid, int status) {
  if (pid != reader_) return false;
  reader_ = -1;
  drop(newest_);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    if (auto version = take_result()) newest_ = std::move(*version);
  if (asker_ >= 0 && newest_.texts >= 0) [[maybe_unused]]
    const auto sent = send_with_descriptor(asker_, "texts", newest_.texts);
  for (int* const file : {&asker_, &texts_, &permissions_}) let_go(*file);
  return true;
}

void Configurations::adopt() {
  if (newest_.texts < 0) return;
  drop(adopted_);
  adopted_ = std::exchange(newest_, {});
}

void Configurations::drop(Version& version) {
  let_go(version.texts);
  version.permitted = {};
}

bool Configurations::permits_key(const std::string& path) const {
  return adopted_.permitted.keys.contains(path) || newest_.permitted.keys.contains(path);
}

bool Configurations::permits_watch(const std::string& path) const {
  return permits_key(path) || adopted_.permitted.files.contains(path) ||
         newest_.permitted.files.contains(path);
}

const PermittedProgram* Configurations::find_program(const std::string& name,
                                                     const std::vector<std::string>& words) const {
  for (const Version* const version : {&newest_, &adopted_})
    for (const PermittedProgram& program : version->permitted.programs)
      if (program.name == name && program.words == words) return &program;
  return nullptr;
}

bool Configurations::permits_filter(const FilterProgram& program) const {
  return newest_.permitted.filters.contains(program) ||
         adopted_.permitted.filters.contains(program);
}

const std::string& Configurations::keys_user() const {
  // A configuration with a mistake in it names nobody.
  return newest_.permitted.keys_user.empty() ? adopted_.permitted.keys_user
                                             : newest_.permitted.keys_user;
}

}  // namespace ringpost::process
