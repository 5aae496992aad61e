// `table`, and the tables that options of other directives name or hold: <name>, { … } or one
// value. A table that a file holds is read and checked here; its mistakes are reported with that
// file's lines.
#include <utility>

#include <fmt/format.h>

#include "proto/base/bytes.h"
#include "proto/conf/alias.h"
#include "proto/conf/parser.h"
#include "proto/table/berkeley_db.h"

namespace ringpost::conf {

std::vector<TableRow> Parser::Rows::views() const {
  std::vector<TableRow> rows;
  rows.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    rows.push_back({keys[i].text,
                    kind == TableKind::Map ? std::string_view(values[i].text) : std::string_view(),
                    keys[i].position.line, keys[i].position.column});
  }
  return rows;
}

// True where a table may begin; the words of options are reserved, so none is taken for a value.
bool Parser::at_table() const {
  return token_.is_string() || token_.is_symbol('{') || token_.is_symbol('<');
}

// Strings between braces, with commas or newlines between them. The '{' is still to come.
bool Parser::parse_list(std::string_view what, std::vector<Token>& items) {
  if (!expect_symbol('{')) return false;
  skip_newlines();
  for (;;) {
    const auto item = expect_string(what);
    if (!item) return false;
    items.push_back(*item);
    skip_newlines();
    if (take_symbol(',')) {
      skip_newlines();
      continue;
    }
    if (take_symbol('}')) return true;
    if (!token_.is_string()) return expected("',' or '}'");
  }
}

// The rows of an inline table: values, or keys with '=' or '=>' and a value, never both.
bool Parser::parse_rows(Rows& rows) {
  if (!expect_symbol('{')) return false;
  skip_newlines();
  for (;;) {
    auto key = expect_string("a value of the table");
    if (!key) return false;
    const bool has_value = token_.is_symbol('=') || token_.kind == TokenKind::Arrow;
    if (rows.keys.empty()) rows.kind = has_value ? TableKind::Map : TableKind::List;
    if (has_value != (rows.kind == TableKind::Map)) {
      return expected(has_value ? "',' or '}' (a list holds no keys)" : "'=' (a map needs values)");
    }
    rows.keys.push_back(std::move(*key));
    if (has_value) {
      advance();
      auto value = expect_string("the value of the key");
      if (!value) return false;
      rows.values.push_back(std::move(*value));
    }
    skip_newlines();
    if (take_symbol(',')) {
      skip_newlines();
    } else if (take_symbol('}')) {
      return true;
    } else if (!token_.is_string()) {
      return expected("',' or '}'");
    }
  }
}

bool Parser::parse_table() {
  const bool in_brackets = token_.is_symbol('<');
  if (in_brackets) {
    warning(token_.position, "a table is defined by its name without < and >");
    advance();
  }
  const auto name = expect_string("the name of a table");
  if (!name) return false;
  if (in_brackets && !expect_symbol('>')) return false;
  if (const auto known = named_tables_.find(name->text); known != named_tables_.end()) {
    error(name->position, fmt::format("table \"{}\" is already defined", name->text));
  }
  named_tables_.try_emplace(name->text, nullptr);  // so that its uses are not reported as well
  if (token_.is_symbol('{')) {
    Rows rows;
    if (!parse_rows(rows)) return false;
    named_tables_[name->text] =
        add_table(Table(name->text, rows.kind, rows.views()), {name->position, std::nullopt});
    return true;
  }
  const auto source = expect_string("'{' or a file:/path");
  if (!source) return false;
  load_table(*name, *source);
  return true;
}

Table* Parser::add_table(Table table, Origin origin) {
  tables_.push_back(std::make_unique<Table>(std::move(table)));
  origins_.emplace(tables_.back().get(), origin);
  return tables_.back().get();
}

// [backend:]/path, or the name of a backend alone.
void Parser::load_table(const Token& name, const Token& source) {
  const std::string_view text = source.text;
  const bool is_path = text.starts_with('/');
  const std::size_t colon = is_path ? std::string_view::npos : text.find(':');
  const std::string_view backend = is_path ? "file" : text.substr(0, colon);
  const std::string path(is_path                           ? text
                         : colon == std::string_view::npos ? std::string_view()
                                                           : text.substr(colon + 1));
  const bool has_path = is_path || colon != std::string_view::npos;
  if (has_path && (!path.starts_with('/') || path.contains('\0'))) {
    error(source.position, fmt::format("the path of table \"{}\" is not absolute", name.text));
  } else if (!has_path && (backend == "file" || backend == "static" || backend == "getpwnam")) {
    Table* table = add_table(Table(name.text, TableKind::Map, {}), {name.position, std::nullopt});
    named_tables_[name.text] = table;
    if (backend == "getpwnam") system_users_.insert(table);
  } else if (backend == "file" || backend == "static") {
    load_table_file(name, source, path);
  } else if (backend == "db") {
    load_database(name, source, path);
  } else if (backend == "lmdb" && has_path) {
    add_external_table(name, TableBackend::Lmdb, path);
  } else if (backend == "dovecot" && has_path) {
    add_external_table(name, TableBackend::Dovecot, path);
  } else {
    add_program_table(name, source, backend, path);
  }
}

void Parser::load_table_file(const Token& name, const Token& source, const std::string& path) {
  if (const Table* kept = keep_table_ ? keep_table_(name.text, path) : nullptr) {
    const Origin origin{name.position, sources_.add(path, {})};
    named_tables_[name.text] = add_table(Table(*kept), origin);
    return;
  }
  auto content = read_file_(path);
  if (!content) {
    error(source.position,
          fmt::format("cannot read table \"{}\": {}", name.text, to_text(content.error())));
    return;
  }
  const std::uint32_t file = sources_.add(path, {});
  auto table = Table::from_file_text(name.text, std::move(*content));
  if (table) {
    table->set_path(path);
    named_tables_[name.text] = add_table(std::move(*table), {name.position, file});
    return;
  }
  for (TableError& wrong : table.error()) {
    sources_.report(Severity::Error, {file, wrong.line, wrong.column}, std::move(wrong.text),
                    std::move(wrong.source_line));
  }
}

void Parser::load_database(const Token& name, const Token& source, const std::string& path) {
  if (const Table* kept = keep_table_ ? keep_table_(name.text, path) : nullptr) {
    add_database(name, Table(*kept));
    return;
  }
  auto content = read_file_(path);
  if (!content) {
    error(source.position,
          fmt::format("cannot read table \"{}\": {}", name.text, to_text(content.error())));
    return;
  }
  const auto pairs = table::read_berkeley_db(bytes_of(*content));
  if (!pairs) {
    error(source.position, fmt::format("cannot read table \"{}\": {}", name.text, pairs.error()));
    return;
  }
  std::vector<TableRow> rows;
  rows.reserve(pairs->size());
  for (const table::DatabaseRow& pair : *pairs) rows.push_back({pair.key, pair.value, 0});
  Table table(name.text, TableKind::Map, rows);
  table.set_path(path);
  add_database(name, std::move(table));
}

void Parser::add_database(const Token& name, Table table) {
  Table* added = add_table(std::move(table), {name.position, std::nullopt});
  untyped_.insert(added);
  named_tables_[name.text] = added;
}

void Parser::add_external_table(const Token& name, TableBackend backend,
                                std::string path_or_command) {
  Table* table = add_table(Table::external(name.text, backend, std::move(path_or_command)),
                           {name.position, std::nullopt});
  untyped_.insert(table);
  named_tables_[name.text] = table;
}

// "proc:/program" runs that program; any other name a program of its own with the path behind it.
void Parser::add_program_table(const Token& name, const Token& source, std::string_view backend,
                               std::string_view path) {
  if (backend == "proc" && !path.empty()) {
    add_external_table(name, TableBackend::Proc, std::string(path));
    return;
  }
  std::string command = fmt::format("table-{}", backend);
  if (find_table_program_) {
    auto found = find_table_program_(backend);
    if (!found) {
      error(source.position, fmt::format("there is no table backend \"{}\"", backend));
      return;
    }
    command = std::move(*found);
  }
  if (!path.empty()) command += fmt::format(" {}", path);
  add_external_table(name, TableBackend::Proc, std::move(command));
}

// `table` becomes null when there is none to use after an error that does not end the directive.
bool Parser::parse_table_use(TableUse use, std::string_view option, const Table*& table) {
  const Position position = token_.position;
  table = nullptr;
  if (take_symbol('<')) {
    const auto name = expect_string("the name of a table");
    if (!name || !expect_symbol('>')) return false;
    const auto known = named_tables_.find(name->text);
    if (known == named_tables_.end()) {
      error(name->position, fmt::format("no such table: {}", describe(*name)));
    } else if (known->second != nullptr) {
      table = check_use(known->second, use, option, name->position);
    }
    return true;
  }
  Rows rows;
  if (token_.is_symbol('{')) {
    if (!parse_rows(rows)) return false;
  } else {
    auto value = expect_string(fmt::format("<table>, {{ list }} or a value for \"{}\"", option));
    if (!value) return false;
    rows.keys.push_back(std::move(*value));
  }
  Table* made =
      add_table(Table(fmt::format("<dynamic:{}>", tables_.size()), rows.kind, rows.views()),
                {position, std::nullopt});
  table = check_use(made, use, option, position);
  return true;
}

const Table* Parser::check_use(Table* table, TableUse use, std::string_view option,
                               Position position) {
  const bool needs_map =
      use == TableUse::AliasMap || use == TableUse::UserMap || use == TableUse::OtherMap;
  const bool is_map = table->kind() == TableKind::Map;
  if (table->backend() == TableBackend::Dovecot && use != TableUse::Other)
    error(position, fmt::format("table \"{}\" is Dovecot's authentication and cannot serve \"{}\"",
                                table->name(), option));
  if (untyped_.contains(table) && table->backend() != TableBackend::Memory) return table;
  const bool takes_both = use == TableUse::Other || use == TableUse::Addresses;
  if (!untyped_.contains(table) && !takes_both && table->size() > 0 && needs_map != is_map) {
    error(position,
          fmt::format("table \"{}\" is a {} and cannot serve \"{}\", which needs a {}",
                      table->name(), is_map ? "map" : "list", option, needs_map ? "map" : "list"));
    return table;
  }
  if (!checked_.emplace(table, use).second) return table;
  if (use == TableUse::AliasMap) report_rows(*table, check_alias_rows(*table), Severity::Warning);
  if (use == TableUse::UserMap) report_rows(*table, table->check_user_rows(), Severity::Warning);
  if (use == TableUse::AddressList || use == TableUse::Addresses)
    report_rows(*table, table->index_addresses(), Severity::Warning);
  return table;
}

void Parser::report_rows(const Table& table, std::span<const TableError> errors,
                         Severity severity) {
  const Origin& origin = origins_.at(&table);
  for (const TableError& wrong : errors) {
    if (origin.file) {
      sources_.report(severity, {*origin.file, wrong.line, wrong.column}, wrong.text,
                      wrong.source_line);
    } else {
      sources_.report(severity, {origin.position.file, wrong.line, wrong.column}, wrong.text);
    }
  }
}

// Every row is a pattern. Only who can judge them can match them as well.
void Parser::check_pattern_rows(const Table& table, Position position) {
  if (!check_patterns_) {
    unsupported(position, "\"regex\"");
    return;
  }
  if (table.backend() != TableBackend::Memory) return;
  if (!checked_.emplace(&table, TableUse::Patterns).second) return;
  std::vector<std::string_view> patterns;
  patterns.reserve(table.size());
  for (std::size_t i = 0; i < table.size(); ++i) patterns.push_back(table.row(i).key);
  std::vector<TableError> errors;
  for (PatternError& wrong : check_patterns_(patterns)) {
    errors.push_back(table.error_at(wrong.index, std::move(wrong.text)));
  }
  report_rows(table, errors, Severity::Error);
}

}  // namespace ringpost::conf
