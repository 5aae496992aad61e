// The key process: holds the private keys and signs with them for the engine's cores. It has no
// network and reads nothing from it but what is to be signed.
#pragma once

#include <string>

#include <sys/types.h>

namespace ringpost::process {

// In a process of its own, made by `parent`, single-threaded yet, with nothing open but `socket`
// and standard descriptors. Becomes `user` when it is root, reads KeyOrders from the socket and
// returns when that ends. When there is no such user, or it is root, every key is refused with that
// as the reason.
void serve_keys(int socket, const std::string& user, pid_t parent);

}  // namespace ringpost::process
