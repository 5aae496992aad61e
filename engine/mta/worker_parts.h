// WorkerParts: what the objects of one core know of each other. Made by Worker, which owns all of
// it and outlives every connection and delivery of its core. Nothing here is shared with another
// core but what says so.
#pragma once

#include <atomic>
#include <memory>

#include "engine/memory/buffer.h"
#include "engine/mta/compiled_patterns.h"
#include "engine/observe/event_log.h"
#include "engine/observe/metrics.h"
#include "engine/ring/core.h"

namespace ringpost::store {
class Index;
}

namespace ringpost::scan {
class KeyCache;
}

namespace ringpost::tls {
class SessionStore;
class Signer;
}  // namespace ringpost::tls

namespace ringpost::mta {

class Agents;
class Authentications;
class ConnectionCounts;
class DecisionLog;
class Dispatcher;
class DmarcFailures;
class DmarcRows;
class Enquiries;
class FilterProcesses;
class NativeFigures;
class RateTable;
class Resolver;
class Spooler;
class UserDirectory;
struct AuthService;
struct Generation;

struct WorkerParts {
  ring::Core& core;
  observe::CoreMetrics& metrics;
  observe::EventSink& events;
  ConnectionCounts& connection_counts;  // shared by all cores
  UserDirectory& users;                 // shared by all cores
  std::shared_ptr<const Generation> generation;
  const std::atomic<std::uint32_t>& offline_uid;  // see OfflineIntake; shared by all cores
  AuthService* auth = nullptr;                    // shared by all cores
  Authentications* authentications = nullptr;
  Agents* agents = nullptr;
  memory::BufferRing* buffers = nullptr;
  store::Index* index = nullptr;
  Spooler* spooler = nullptr;
  DecisionLog* decisions = nullptr;
  DmarcRows* dmarc_rows = nullptr;
  DmarcFailures* dmarc_failures = nullptr;  // shared by all cores
  Dispatcher* dispatcher = nullptr;
  Enquiries* enquiries = nullptr;
  FilterProcesses* filters = nullptr;
  NativeFigures* native = nullptr;
  RateTable* rates = nullptr;    // shared by all cores
  RateTable* greeted = nullptr;  // who has waited for the greeting; shared by all cores
  Resolver* resolver = nullptr;
  scan::KeyCache* public_keys = nullptr;
  tls::Signer* signer = nullptr;                 // by the private keys of the configuration
  tls::SessionStore* client_sessions = nullptr;  // with servers
  PatternMatchers patterns = {};
  std::size_t sources_used = 0;       // source addresses of relays, which are taken in turns
  std::uint64_t connections_max = 0;  // of this core, by its descriptors
};

}  // namespace ringpost::mta
