// The key process: holds the private keys and signs with them for the engine's cores. It has no
// network and reads nothing from it but what is to be signed.
#pragma once

#include <sys/types.h>

namespace ringpost::process {

// In a process of its own, made by `parent`, single-threaded yet, with nothing open but `socket`
// and standard descriptors. Reads KeyOrders from the socket and returns when that ends. When it is
// root it becomes the user of the first key; when there is no such user, or it is root, the key is
// refused with that as the reason, and the next one tries again.
void serve_keys(int socket, pid_t parent);

}  // namespace ringpost::process
