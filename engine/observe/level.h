// How much the log says.
#pragma once

#include <cstdint>

namespace ringpost::observe {

// Brief is always written; Verbose only after `ringpostctl log verbose` or `ringpostd -v`.
enum class Level : std::uint8_t { Brief, Verbose };

}  // namespace ringpost::observe
