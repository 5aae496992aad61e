// explain: why a message was accepted or refused, read from the ring file of decisions, which the
// daemon need not run for.
#pragma once

#include <string>

#include "engine/mta/control.h"
#include "proto/base/clock.h"
#include "store/decision/record.h"
#include "tools/ringpostctl/command.h"
#include "tools/ringpostctl/output.h"

namespace ringpost::ctl {

mta::Json to_json(const store::DecisionRecord& record);
// Sentences, a line each, in the order of what happened.
std::string decision_text(const mta::Json& decision);

// `invocation` is Verb::Explain: the id of a message or session, or a token. Gives the program's
// exit status; the newest decision comes first.
int explain(const Invocation& invocation, const Output& output);

}  // namespace ringpost::ctl
