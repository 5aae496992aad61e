// Walks the braces with a stack; what stands before an opening brace says what it opens.
#include "tests/tidy/blocks.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace ringpost::tidy {
namespace {

constexpr auto npos = std::string_view::npos;

enum class Kind { Scope, Function, Control, Initialiser, Plain };

struct Block {
  Kind kind;
  std::size_t header;       // offset where its header began
  std::size_t parentheses;  // open around it
  std::size_t weight;       // control statements in its header
};

// Macros are no code of the file's own: their lines vanish.
std::string without_preprocessor(std::string_view code) {
  std::string kept(code);
  bool directive = false;
  std::size_t start = 0;
  for (const std::string_view line : lines_of(code)) {
    directive = directive || trimmed(line).starts_with('#');
    if (directive) std::fill_n(kept.begin() + static_cast<std::ptrdiff_t>(start), line.size(), ' ');
    directive = directive && line.ends_with('\\');
    start += line.size() + 1;
  }
  return kept;
}

std::string_view without_labels(std::string_view header) {
  static constexpr std::array labels{"public:", "private:", "protected:"};
  for (bool again = true; again;) {
    again = false;
    header = trimmed(header);
    for (const std::string_view label : labels) {
      if (!header.starts_with(label)) continue;
      header.remove_prefix(label.size());
      again = true;
    }
  }
  return header;
}

std::string_view without_template(std::string_view header) {
  while (header.starts_with("template")) {
    std::size_t depth = 0;
    std::size_t at = header.find('<');
    for (; at < header.size(); ++at) {
      if (header[at] == '<') ++depth;
      if (header[at] == '>' && --depth == 0) break;
    }
    header = at < header.size() ? trimmed(header.substr(at + 1)) : std::string_view{};
  }
  return header;
}

// `Name(…) : member_` — the brace after it initialises the member and is not the body.
bool ends_in_member_initialiser(std::string_view header) {
  if (!is_word_octet(header.back()) && header.back() != '>') return false;
  for (std::size_t at = header.find(':'); at != npos; at = header.find(':', at + 1)) {
    const std::string_view before = trimmed(header.substr(0, at));
    if (before.ends_with(')') || before.ends_with("noexcept")) return true;
  }
  return false;
}

Kind kind_outside_functions(std::string_view header) {
  header = without_template(without_labels(header));
  if (header.empty()) return Kind::Plain;
  for (const std::string_view word :
       {"namespace", "inline namespace", "class", "struct", "union", "enum", "extern"}) {
    const bool opens = header.starts_with(word) &&
                       (header.size() == word.size() || !is_word_octet(header[word.size()]));
    if (opens && (word != "extern" || !header.contains('('))) return Kind::Scope;
  }
  if (!header.contains('(') || std::string_view("=,({:&|").contains(header.back()))
    return Kind::Initialiser;
  return ends_in_member_initialiser(header) ? Kind::Initialiser : Kind::Function;
}

// How many control statements the text opens outside of its parentheses; `else if` is one.
std::size_t control_statements(std::string_view header) {
  std::size_t count = 0;
  for (const std::string_view word : {"if", "for", "while", "switch", "do", "else"}) {
    for (std::size_t at = find_word(header, word); at != npos;
         at = find_word(header, word, at + 1)) {
      const auto before = header.substr(0, at);
      const bool nested = std::ranges::count(before, '(') != std::ranges::count(before, ')');
      const bool joined = word == "if" && trimmed(before).ends_with("else");
      if (!nested && !joined) ++count;
    }
  }
  return count;
}

std::string name_in(std::string_view header) {
  header = without_template(without_labels(header));
  const std::string_view before = trimmed(header.substr(0, header.find('(')));
  const std::size_t space = before.find_last_of(" \n*&");
  return std::string(space == npos ? before : before.substr(space + 1));
}

class Walk {
 public:
  explicit Walk(const SourceFile& file) : code_(without_preprocessor(file.code)) {}

  std::vector<FunctionExtent> functions() {
    for (std::size_t at = 0; at < code_.size(); ++at) step(at);
    return std::move(found_);
  }

 private:
  void step(std::size_t at) {
    switch (code_[at]) {
      case '(':
        ++parentheses_;
        break;
      case ')':
        parentheses_ -= parentheses_ > 0 ? 1 : 0;
        break;
      case ';':
        if (parentheses_ == 0) header_ = at + 1;
        break;
      case '{':
        open(at);
        break;
      case '}':
        close(at);
        break;
      default:
        break;
    }
  }

  bool inside(Kind kind) const {
    return std::ranges::any_of(blocks_, [kind](const Block& block) { return block.kind == kind; });
  }

  void open(std::size_t at) {
    const std::string_view header = trimmed(std::string_view(code_).substr(header_, at - header_));
    Block block{Kind::Plain, header_, parentheses_, 0};
    if (!inside(Kind::Function)) {
      const bool value = parentheses_ > 0 || inside(Kind::Initialiser);
      block.kind = value ? Kind::Initialiser : kind_outside_functions(header);
      if (block.kind == Kind::Function) begin_function(header);
    } else if (parentheses_ == 0) {
      block.weight = control_statements(header);
      if (block.weight > 0) block.kind = Kind::Control;
    }
    blocks_.push_back(block);
    if (inside(Kind::Function)) note_nesting(at);
    parentheses_ = 0;
    header_ = at + 1;
  }

  void begin_function(std::string_view header) {
    const std::string_view signature = without_labels(header);
    const auto start = static_cast<std::size_t>(signature.data() - code_.data());
    found_.push_back({name_in(header), line_at(code_, start), 0, 0, 0});
  }

  void note_nesting(std::size_t at) {
    std::size_t depth = 0;
    for (const Block& block : blocks_) depth += block.weight;
    if (depth <= found_.back().nesting) return;
    found_.back().nesting = depth;
    found_.back().nesting_line = line_at(code_, at);
  }

  void close(std::size_t at) {
    if (blocks_.empty()) return;
    const Block block = blocks_.back();
    blocks_.pop_back();
    if (block.kind == Kind::Function) found_.back().last_line = line_at(code_, at);
    const bool part_of_expression = block.kind == Kind::Initialiser || block.parentheses > 0;
    header_ = part_of_expression ? block.header : at + 1;
    parentheses_ = block.parentheses;
  }

  std::string code_;
  std::vector<Block> blocks_;
  std::vector<FunctionExtent> found_;
  std::size_t header_ = 0;
  std::size_t parentheses_ = 0;
};

}  // namespace

std::vector<FunctionExtent> functions_of(const SourceFile& file) { return Walk(file).functions(); }

}  // namespace ringpost::tidy
