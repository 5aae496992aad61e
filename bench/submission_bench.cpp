// What the header of a submitted message costs: completed as a mail program leaves it, and one that
// needs nothing. The body costs nothing: it is not looked at.
#include <string>

#include <benchmark/benchmark.h>

#include "proto/base/check.h"
#include "proto/submission/header_editor.h"

namespace ringpost::submission {
namespace {

constexpr std::string_view usual_fields =
    "User-Agent: Some Mail Program 128.0 (X11; Linux x86_64)\r\n"
    "Content-Type: text/plain; charset=UTF-8; format=flowed\r\n"
    "Content-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0\r\n"
    "References: <20261122100000.1234@mail.example.org>\r\n "
    "<20261122110000.5678@mail.example.org>\r\n"
    "In-Reply-To: <20261122110000.5678@mail.example.org>\r\n"
    "Subject: A subject of the usual length, as people write it\r\n";

std::string header(std::string_view addresses, std::string_view rest) {
  std::string text(addresses);
  text += usual_fields;
  text += rest;
  return text + "\r\n";
}

void edit(benchmark::State& state, std::string_view addresses, std::string_view rest) {
  const std::string content = header(addresses, rest) + std::string(16'384, 'x');
  std::string target;
  for (auto _ : state) {
    HeaderEditor editor({.host = "mx.example.org", .author = {}, .now = {}, .unique = 1});
    target.clear();
    editor.edit(bytes_of(content), target);
    CHECK(editor.done());
    benchmark::DoNotOptimize(target.data());
  }
}
BENCHMARK_CAPTURE(edit, complete,
                  "From: Alice Example <alice@example.org>\r\nTo: Bob <bob@example.net>, "
                  "carol@example.com\r\n",
                  "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <x@example.org>\r\n");
BENCHMARK_CAPTURE(edit, incomplete,
                  "From: Alice Example <alice>\r\nTo: bob, carol@example.com\r\nBcc: dave\r\n", "");

}  // namespace
}  // namespace ringpost::submission
