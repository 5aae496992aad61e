// Macros of SPF: what may stand in a domain-spec or an explanation, and what becomes of it. RFC
// 7208 7. Text that breaks the grammar, or would grow beyond a bound, is nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proto/base/clock.h"
#include "proto/conf/net_address.h"
#include "proto/dns/name.h"

namespace ringpost::auth {

// What macros stand for. The owner keeps what the views show.
struct MacroValues {
  std::string_view local_part = {};      // %{l}
  std::string_view sender_domain = {};   // %{o}
  std::string_view domain = {};          // %{d}: whose record is evaluated
  std::string_view helo = {};            // %{h}
  std::string_view receiver = {};        // %{r}
  std::string_view validated_name = {};  // %{p}; "unknown" when there is none
  conf::NetAddress client = {};          // %{i} %{c} %{v}
  WallTime now = {};                     // %{t}
};

// RFC 7208 7.1 macro-string: visible characters, whole macros. `explains`: spaces may stand in it,
// and the letters c, r and t.
bool is_macro_string(std::string_view text, bool explains);
// RFC 7208 7.1 domain-spec: a macro-string that ends with a macro, or with a dot and a label that
// can be the last one of a name.
bool is_domain_spec(std::string_view text);
// %{p} is in it: costs questions to the DNS, which come first.
bool needs_validated_name(std::string_view text);

// Of a text that is a macro-string; nothing when more than `octets_max` would come of it.
std::optional<std::string> expand_macros(std::string_view text, const MacroValues& values,
                                         std::size_t octets_max);
// The name that a domain-spec stands for: labels are taken off its left side until it fits
// (RFC 7208 7.3). Nothing when it is no name all the same.
std::optional<dns::Name> expand_domain(std::string_view spec, const MacroValues& values);

// `text` without escapes: a backslash is a character like others. With or without the last dot.
std::optional<dns::Name> plain_name(std::string_view text);
// The same the other way: what plain_name() makes the same name of, without the last dot.
std::string plain_text(const dns::Name& name);

}  // namespace ringpost::auth
