// The parent's confinement: see parent_confinement.h. seccomp(2) by libseccomp, capabilities(7).
// What agents run for users is confined by it, too, so only what nobody needs is refused.
#include "engine/process/parent_confinement.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringpost::process {
namespace {

// Becoming users, and giving them what is theirs; reading keys and the configuration; ports; and,
// for what is started here, chroot, locked memory and the audit records of PAM.
constexpr unsigned kept_capabilities[] = {
    CAP_SETUID,       CAP_SETGID,       CAP_SETPCAP,         CAP_CHOWN,    CAP_FOWNER,
    CAP_DAC_OVERRIDE, CAP_KILL,         CAP_DAC_READ_SEARCH, CAP_IPC_LOCK, CAP_NET_BIND_SERVICE,
    CAP_SYS_CHROOT,   CAP_SYS_RESOURCE, CAP_AUDIT_WRITE};

// Other processes' memory; the kernel's code, devices and clock; mounts and name spaces; and what
// exploits of the kernel begin with.
constexpr const char* refused_calls[] = {"acct",
                                         "adjtimex",
                                         "bpf",
                                         "clock_adjtime",
                                         "clock_settime",
                                         "create_module",
                                         "delete_module",
                                         "finit_module",
                                         "fsconfig",
                                         "fsmount",
                                         "fsopen",
                                         "fspick",
                                         "init_module",
                                         "ioperm",
                                         "iopl",
                                         "kcmp",
                                         "kexec_file_load",
                                         "kexec_load",
                                         "lookup_dcookie",
                                         "mount",
                                         "mount_setattr",
                                         "move_mount",
                                         "nfsservctl",
                                         "open_by_handle_at",
                                         "open_tree",
                                         "perf_event_open",
                                         "pidfd_getfd",
                                         "pivot_root",
                                         "process_vm_readv",
                                         "process_vm_writev",
                                         "ptrace",
                                         "quotactl",
                                         "quotactl_fd",
                                         "reboot",
                                         "setdomainname",
                                         "sethostname",
                                         "setns",
                                         "settimeofday",
                                         "stime",
                                         "swapoff",
                                         "swapon",
                                         "syslog",
                                         "umount",
                                         "umount2",
                                         "unshare",
                                         "userfaultfd",
                                         "vhangup"};
constexpr std::uint64_t name_space_flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                           CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                           CLONE_NEWCGROUP;

// Programs that users run may be of the processor's older kind.
void add_other_kinds(scmp_filter_ctx context) {
  if (seccomp_arch_native() == SCMP_ARCH_X86_64) {
    seccomp_arch_add(context, SCMP_ARCH_X86);
    seccomp_arch_add(context, SCMP_ARCH_X32);
  } else if (seccomp_arch_native() == SCMP_ARCH_AARCH64) {
    seccomp_arch_add(context, SCMP_ARCH_ARM);
  }
}

// One that a kind of processor does not have is no mistake.
bool refuse_calls(scmp_filter_ctx context) {
  for (const char* const name : refused_calls) {
    const int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR) continue;
    if (seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), call, 0) != 0) return false;
  }
  for (std::uint64_t flag = 1; flag != 0 && flag <= name_space_flags; flag <<= 1) {
    if ((flag & name_space_flags) == 0) continue;
    const scmp_arg_cmp has_flag{0, SCMP_CMP_MASKED_EQ, flag, flag};
    if (seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, has_flag) != 0)
      return false;
  }
  // Typing into the terminal of whoever started us. The kernel looks at 32 bits.
  for (const std::uint64_t request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX}}) {
    const scmp_arg_cmp is_request{1, SCMP_CMP_MASKED_EQ, 0xffff'ffffu, request};
    if (seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, is_request) != 0)
      return false;
  }
  // What it asks for cannot be looked at; libraries then take clone(2).
  return seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

std::expected<void, Fault> filter_calls() {
  const std::unique_ptr<void, decltype(&seccomp_release)> context(seccomp_init(SCMP_ACT_ALLOW),
                                                                  &seccomp_release);
  if (!context) return std::unexpected(Fault{"seccomp", ENOMEM});
  add_other_kinds(context.get());
  if (!refuse_calls(context.get())) return std::unexpected(Fault{"seccomp", EINVAL});
  // A tree instead of a list: it is asked at every call of every process.
  seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (const int done = seccomp_load(context.get()); done != 0)
    return std::unexpected(Fault{"seccomp", -done});
  return {};
}

std::expected<void, Fault> keep_few_capabilities() {
  std::uint64_t kept = 0;
  for (const unsigned capability : kept_capabilities) kept |= std::uint64_t{1} << capability;
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    if ((kept >> capability & 1) == 0 && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return std::unexpected(Fault{"bounding set", errno});
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  if (syscall(SYS_capget, &header, sets) != 0) return std::unexpected(Fault{"capget", errno});
  for (unsigned half = 0; half < 2; ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    sets[half].permitted &= mask;
    sets[half].effective &= mask;
    sets[half].inheritable = 0;
  }
  if (syscall(SYS_capset, &header, sets) != 0) return std::unexpected(Fault{"capset", errno});
  return {};
}

}  // namespace

std::expected<void, Fault> confine_parent(bool filtered) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return std::unexpected(Fault{"no_new_privs", errno});
  if (geteuid() == 0)
    if (auto done = keep_few_capabilities(); !done) return done;
  return filtered ? filter_calls() : std::expected<void, Fault>();
}

void hide_processes() { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

}  // namespace ringpost::process
