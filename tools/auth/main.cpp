// ringpost-auth: asks PAM whether passwords are right, in a process for each question, because
// modules block and bring libraries along that must not meet those of the engine. Started by the
// parent, as whoever that is; its only argument is the socket to the engine, with whose end it
// ends. Says nothing by itself.
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <security/pam_appl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/ascii.h"
#include "proto/sasl/pam_request.h"

namespace {

using namespace ringpost;

constexpr const char* service = "ringpost";  // /etc/pam.d/ringpost
constexpr unsigned questions_max = 16;       // under way
constexpr unsigned question_seconds_max = 20;

// Every hidden question is about the password; there is nobody to answer others.
int converse(int count, const pam_message** messages, pam_response** answers, void* data) {
  const auto& password = *static_cast<const Secret*>(data);
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* given = static_cast<pam_response*>(
      std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (given == nullptr) return PAM_BUF_ERR;
  for (int i = 0; i < count; ++i)
    if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
      given[i].resp = strndup(password.reveal().data(), password.size());
  *answers = given;
  return PAM_SUCCESS;
}

// Delays are the engine's affair: it has limits for them, and holds nothing meanwhile.
void no_delay(int, unsigned, void*) {}

sasl::PamResult result_of(int code) {
  switch (code) {
    case PAM_SUCCESS:
      return sasl::PamResult::Accepted;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_ACCT_EXPIRED:
    case PAM_CRED_EXPIRED:
    case PAM_AUTHTOK_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_PERM_DENIED:
      return sasl::PamResult::Refused;
    default:
      return sasl::PamResult::Failed;
  }
}

sasl::PamReply ask_pam(sasl::PamRequest& request) {
  const pam_conv conversation{&converse, &request.password};
  pam_handle_t* handle = nullptr;
  int code = pam_start(service, request.user.c_str(), &conversation, &handle);
  if (code == PAM_SUCCESS) code = pam_set_item(handle, PAM_RHOST, request.client.c_str());
  if (code == PAM_SUCCESS)
    code = pam_set_item(handle, PAM_FAIL_DELAY, reinterpret_cast<const void*>(&no_delay));
  if (code == PAM_SUCCESS) code = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
  if (code == PAM_SUCCESS) code = pam_acct_mgmt(handle, PAM_SILENT);
  sasl::PamReply reply{.id = request.id, .result = result_of(code)};
  if (reply.result != sasl::PamResult::Accepted)
    reply.reason = std::string("PAM: ") + pam_strerror(handle, code);
  if (handle != nullptr) pam_end(handle, code);
  return reply;
}

// In a process of its own, which a module that hangs keeps for a while at most. It ends with the
// one that made it: as long as anybody had the socket, the engine would wait for answers to
// questions that nobody reads any more.
[[noreturn]] void serve(int socket, pid_t parent, Bytes datagram) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  alarm(question_seconds_max);
  auto request = sasl::decode_pam_request(datagram);
  if (!request) _exit(1);
  const std::string reply = sasl::encode(ask_pam(*request));
  send(socket, reply.data(), reply.size(), MSG_NOSIGNAL);
  _exit(0);
}

void run(int socket) {
  const pid_t self = getpid();
  fcntl(socket, F_SETFD, FD_CLOEXEC);  // not for what modules execute
  std::array<std::byte, sasl::pam_datagram_octets_max> room;
  unsigned under_way = 0;
  while (true) {
    while (under_way > 0 && waitpid(-1, nullptr, under_way < questions_max ? WNOHANG : 0) > 0)
      --under_way;
    const ssize_t received = recv(socket, room.data(), room.size(), 0);
    if (received <= 0) return;
    const pid_t child = fork();
    if (child == 0) serve(socket, self, Bytes(room).first(static_cast<std::size_t>(received)));
    if (child > 0) ++under_way;
    wipe(room.data(), room.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto socket = argc == 2 ? ascii::parse_decimal<int>(argv[1]) : std::nullopt;
  if (!socket) return 2;
  run(*socket);
  return 0;
}
