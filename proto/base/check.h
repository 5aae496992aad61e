// CHECK and DCHECK: statements about our own code, never about what a peer, the disk or the
// operator did. A failed CHECK prints the place and aborts, in release builds too; the supervisor
// restarts and the spool recovers. DCHECK vanishes when NDEBUG is set.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace ringpost {

[[noreturn, gnu::cold, gnu::noinline]] inline void check_failed(const char* text, const char* file,
                                                                int line) {
  std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", text, file, line);
  std::abort();
}

}  // namespace ringpost

#define CHECK(condition)                                        \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::ringpost::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(0)
#else
#define DCHECK(condition) CHECK(condition)
#endif
