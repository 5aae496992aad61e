// From one process to the other, by a file in memory: see configuration_bundle.h. Of each file
// there are an errno, its path and, when the errno is 0, its text.
#include "engine/mta/configuration_bundle.h"

#include <cerrno>
#include <utility>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/mta/filter_spec.h"
#include "engine/mta/program_table.h"
#include "engine/process/agent_frame.h"
#include "engine/process/blocking_file.h"
#include "proto/base/wire.h"

namespace ringpost::mta {
namespace {

constexpr std::uint32_t text_octets_max = std::uint32_t{2} << 30;
constexpr std::size_t files_max = 10'000;

// Writes fields to a file; what follows a failure is not written.
struct FileSink {
  process::File file;
  bool is_good = true;
  void put(Bytes field) { is_good = is_good && file.write(text_of(field)).has_value(); }
};

// A file, mapped for as long as it is read.
class Mapping {
 public:
  explicit Mapping(int file) {
    struct stat status{};
    if (fstat(file, &status) != 0) return;
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ > 0) start_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (start_ != MAP_FAILED) munmap(start_, size_);
  }
  Bytes octets() const {
    return start_ == MAP_FAILED ? Bytes() : Bytes(static_cast<const std::byte*>(start_), size_);
  }

 private:
  void* start_ = MAP_FAILED;
  std::size_t size_ = 0;
};

void put_file(FileSink& sink, const std::string& path,
              const std::expected<std::string, Fault>& text) {
  const bool is_too_long = text && text->size() > text_octets_max;
  const int error = is_too_long ? EFBIG : text ? 0 : text.error().code;
  put_fixed(sink, std::int32_t{error});
  put_text(sink, path);
  if (error == 0) put_text(sink, *text);
}

}  // namespace

process::Permissions permissions_of(const conf::Config& config) {
  process::Permissions permitted;
  permitted.keys_user = config.engine.keys_user;
  for (const auto& pki : config.pkis) permitted.keys.insert(pki->key_path);
  for (const auto& line : config.dkim_keys)
    for (const std::string& domain : domains_of(*line))
      permitted.keys.insert(key_path_of(*line, domain));
  if (config.arc_key) permitted.keys.insert(config.arc_key->key_path);
  for (std::string& path : certificate_files(config)) permitted.files.insert(std::move(path));
  for (const auto& table : config.tables)
    if (table->backend() == conf::TableBackend::Proc)
      permitted.programs.insert({.name = table->name(),
                                 .words = words_of_command(table->path_or_command()),
                                 .user = config.engine.user});
  for (const UsedFilter& used : used_filters(config)) permitted.filters.insert(used.spec.program);
  return permitted;
}

bool write_configuration(const LoadWish& wish, int texts, int permissions) {
  FileSink sink{process::File(texts, "configuration")};
  FileSink permitted{process::File(permissions, "permissions")};
  conf::FileReader read = [&](const std::string& path) {
    auto text = read_text_file(path);
    put_file(sink, path, text);
    return text;
  };
  process::Permissions permits;
  if (auto text = read(wish.path)) {
    // What is wrong with them the engine will tell.
    const conf::ParseResult parsed = conf::parse(parse_input(wish, std::move(*text)), read);
    // With a mistake in it, too: certificates are renewed while somebody edits it.
    for (const std::string& path : parsed.certificate_paths) static_cast<void>(read(path));
    if (parsed.config) permits = permissions_of(*parsed.config);
  }
  permitted.put(bytes_of(encode(permits)));
  return sink.is_good && permitted.is_good;
}

std::expected<ConfigurationBundle, Fault> read_bundle(int texts) {
  const Mapping mapping(texts);
  FieldReader in(mapping.octets());
  ConfigurationBundle bundle;
  while (in.ok() && !in.at_end() && bundle.size() <= files_max) {
    const int error = in.fixed<std::int32_t>();
    std::string path = in.text(process::path_octets_max);
    if (error == 0) {
      bundle.insert_or_assign(std::move(path), in.text(text_octets_max));
    } else {
      bundle.insert_or_assign(path, std::unexpected(Fault{"open", error, path}));
    }
  }
  if (in.ok() && in.at_end() && !bundle.empty()) return bundle;
  return std::unexpected(Fault{"read configuration", EBADMSG});
}

void forget_certificates(ConfigurationBundle& bundle, const LoadWish& wish) {
  const auto main = bundle.find(wish.path);
  if (main == bundle.end() || !main->second) return;
  conf::FileReader read = reader_of(bundle);
  const auto parsed = conf::parse(parse_input(wish, *main->second), read);
  for (const std::string& path : parsed.certificate_paths) bundle.erase(path);
}

std::expected<ConfigurationBundle, Fault> fetch_configuration(process::ParentLink& parent) {
  const auto texts = parent.read_configuration();
  if (!texts) return std::unexpected(texts.error());
  auto bundle = read_bundle(*texts);
  close(*texts);
  return bundle;
}

std::function<std::expected<std::string, Fault>(const std::string&)> reader_of(
    ConfigurationBundle bundle) {
  return [files = std::move(bundle)](const std::string& path) {
    const auto found = files.find(path);
    return found != files.end() ? found->second : read_text_file(path);
  };
}

}  // namespace ringpost::mta
