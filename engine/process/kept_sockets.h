// KeptSockets: the listening sockets, as the parent holds them besides the engine, so that they
// outlive it: clients that connect while the engine is made anew wait, and are not refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace ringpost::process {

class KeptSockets {
 public:
  using Address = std::vector<std::byte>;  // a sockaddr

  KeptSockets() = default;
  KeptSockets(const KeptSockets&) = delete;
  KeptSockets& operator=(const KeptSockets&) = delete;
  ~KeptSockets() { drop_all(); }

  // Sockets that somebody else has opened for us and passed on (LISTEN_FDS of systemd), from
  // descriptor 3 on. What is no listening TCP socket is left alone.
  void adopt_passed(int count);
  // Takes `file` over.
  void keep(const Address& address, std::uint32_t core, int file);
  // The socket, which stays ours; -1: there is none. One that was passed to us is there once for
  // an address, and given to every core.
  int find(const Address& address, std::uint32_t core);
  // A new engine starts; when it is ready, what it has neither found nor kept goes: nobody would
  // accept there, and clients would wait for ever. What was passed to us stays.
  void begin_engine();
  void drop_unused();
  // Of all cores.
  void drop(const Address& address);
  void drop_all();
  // In a process that has no use for them.
  void close_copies() const;

 private:
  static constexpr std::uint32_t any_core = ~0u;
  struct Kept {
    int file;
    bool is_used;  // by the engine that runs
  };
  std::map<std::pair<Address, std::uint32_t>, Kept> files_;
};

}  // namespace ringpost::process
