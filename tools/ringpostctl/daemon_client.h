// One question to the daemon: a request line goes out, JSON lines come back, page after page.
// Blocking; gives up when the daemon says nothing for answer_max.
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/mta/control.h"
#include "proto/base/clock.h"

namespace ringpost::ctl {

using mta::Json;

inline constexpr Duration answer_max = seconds(60);

// Calls `page` with the rows of each page, in the order of arrival, and gives the members beside
// "ok" of the last line, numbers added up over all pages. The error is a sentence: nobody listens,
// or what the daemon said.
std::expected<Json, std::string> ask(const std::string& socket_path, control::Request request,
                                     const std::function<void(std::span<const Json>)>& page);

}  // namespace ringpost::ctl
