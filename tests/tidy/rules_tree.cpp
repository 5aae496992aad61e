// Rules that look at which files there are, not at what is in them.
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include "tests/tidy/rules.h"

namespace ringpost::tidy {
namespace {

using Paths = std::vector<std::string>;

bool is_code(std::string_view path) { return path.ends_with(".h") || path.ends_with(".cpp"); }

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view stem_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.find('.'));
}

bool has(const Paths& paths, std::string_view path) {
  return std::ranges::find(paths, path) != paths.end();
}

bool has_file_below(const Paths& paths, const std::string& folder) {
  return std::ranges::any_of(paths, [&](const auto& path) { return path.starts_with(folder); });
}

// Every parser of something that comes from outside, and the target that feeds it nonsense.
struct Decoder {
  std::string_view source;
  std::string_view target;
};
constexpr auto decoders = std::to_array<Decoder>({
    {"proto/smtp/command.h", "smtp_command"},
    {"proto/smtp/server_session.h", "smtp_session"},
    {"proto/smtp/data_decoder.h", "smtp_data"},
    {"proto/smtp/reply_parser.h", "smtp_reply"},
    {"proto/smtp/client_session.h", "smtp_client"},
    {"proto/dns/host_file.h", "host_file"},
    {"proto/dns/message.h", "dns_message"},
    {"proto/dns/stub.h", "dns_stub"},
    {"proto/auth/spf_record.h", "spf"},
    {"proto/auth/dmarc_record.h", "dmarc"},
    {"proto/proxy/header.h", "proxy_header"},
    {"proto/conf/parser.h", "smtpd_conf"},
    {"proto/conf/table.h", "table_file"},
    {"proto/submission/header_editor.h", "header_editor"},
    {"proto/mail/seven_bit.h", "seven_bit"},
    {"proto/mail/srs.h", "srs"},
    {"proto/control/request.h", "control_request"},
    {"engine/process/agent_frame.h", "agent_frame"},
    {"engine/process/key_frame.h", "key_frame"},
    {"scan/pattern/database.h", "pattern_image"},
    {"store/spool/envelope.h", "envelope"},
    {"store/decision/chunk.h", "decision_chunk"},
    {"store/log/recovery.h", "spool_recovery"},
    {"tools/load/script.h", "load_script"},
    {"proto/auth/dkim_signature.h", "dkim_signature"},
    {"scan/sign/message_verifier.h", "message_verifier"},
});

// tests/a/b/c_test.cpp is about a/b/c.{h,cpp}, about an aspect of it (c_aspect_test.cpp), or about
// the folder a/b as a whole (b_test.cpp).
bool has_subject(const Paths& paths, std::string_view test) {
  const std::string folder(folder_of(test.substr(std::string_view("tests/").size())));
  std::string_view stem = stem_of(test);
  stem.remove_suffix(std::string_view("_test").size());
  if (stem == stem_of(folder)) return has_file_below(paths, folder + "/");
  return std::ranges::any_of(paths, [&](const std::string& path) {
    if (!is_code(path) || folder_of(path) != folder) return false;
    const std::string subject(stem_of(path));
    return stem == subject || stem.starts_with(subject + "_");
  });
}

// They run the dialogues of tests/golden, which are about the whole folder.
bool is_golden_runner(std::string_view test) { return stem_of(test).ends_with("golden_test"); }

bool mirrors_the_tree(std::string_view test) {
  static constexpr std::array<std::string_view, 5> mirrored{
      "tests/proto/", "tests/scan/", "tests/store/", "tests/engine/", "tests/tools/"};
  return std::ranges::any_of(mirrored, [&](auto folder) { return test.starts_with(folder); });
}

}  // namespace

Findings folders_without_readme(const Paths& paths) {
  std::set<std::string> folders{"proto", "scan",  "store", "engine",
                                "tools", "tests", "bench", "fuzz"};
  for (const std::string& path : paths) {
    const std::string_view top = top_folder(path);
    if (is_code(path) && (top == "proto" || top == "scan" || top == "store" || top == "engine"))
      folders.emplace(folder_of(path));
  }
  Findings findings;
  for (const std::string& folder : folders)
    if (!has(paths, folder + "/README.md"))
      findings.push_back({folder + "/README.md", 0, "is missing: purpose, invariants, decisions"});
  return findings;
}

Findings tests_without_subject(const Paths& paths) {
  Findings findings;
  for (const std::string& path : paths)
    if (mirrors_the_tree(path) && path.ends_with("_test.cpp") && !is_golden_runner(path) &&
        !has_subject(paths, path))
      findings.push_back({path, 0, "there is no source file of that name to test"});
  return findings;
}

Findings decoders_without_fuzz_target(const Paths& paths) {
  Findings findings;
  for (const Decoder& decoder : decoders) {
    const std::string target = "fuzz/" + std::string(decoder.target) + "_fuzz.cpp";
    if (!has(paths, decoder.source))
      findings.push_back({std::string(decoder.source), 0, "is gone: mend the list of decoders"});
    else if (!has(paths, target))
      findings.push_back({target, 0, "is missing: the fuzz target of a decoder"});
  }
  return findings;
}

Findings fuzz_targets_without_corpus(const Paths& paths) {
  Findings findings;
  for (const std::string& path : paths) {
    if (folder_of(path) != "fuzz" || !path.ends_with("_fuzz.cpp")) continue;
    std::string name(stem_of(path));
    name.resize(name.size() - std::string_view("_fuzz").size());
    if (!has_file_below(paths, "fuzz/corpus/" + name + "/"))
      findings.push_back({path, 0, "fuzz/corpus/" + name + "/ holds no seed"});
    if (!has(paths, "fuzz/dict/" + name + ".dict"))
      findings.push_back({path, 0, "fuzz/dict/" + name + ".dict is missing"});
  }
  return findings;
}

}  // namespace ringpost::tidy
