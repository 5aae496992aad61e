// Names and order of steps of a delivery into a Maildir (https://cr.yp.to/proto/maildir.html).
// Values only: the engine does the steps. A crash after any step leaves no half message in new/.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/base/clock.h"
#include "proto/base/queue_id.h"

namespace ringpost::store {

struct MaildirDelivery {
  WallTime now{};
  std::uint32_t process = 0;
  QueueId id;
  std::uint32_t recipient = 0;
};

// "1700000000.M1P2Q0100123456789abc_0.host": the same message and recipient never get the same name
// twice unless in the same microsecond of the same process. '/' and ':' in `host` become \057 and
// \072.
std::string maildir_name(const MaildirDelivery& delivery, std::string_view host);

enum class MaildirStep : std::uint8_t {
  CreateInTmp,  // O_EXCL
  Write,
  SyncFile,  // before the rename: a name in new/ always has all its octets
  RenameIntoNew,
  SyncNew,  // fsync of the directory new/: only now is it delivered
};

inline constexpr std::array maildir_steps{
    MaildirStep::CreateInTmp,   MaildirStep::Write,   MaildirStep::SyncFile,
    MaildirStep::RenameIntoNew, MaildirStep::SyncNew,
};

}  // namespace ringpost::store
