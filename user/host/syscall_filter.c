// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "host/syscall_filter.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define NO_SYSCALL_FILTER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define NO_SYSCALL_FILTER
#endif

#define IN(filter) (1u << SYSCALL_FILTER_##filter)
#define ALL (IN(REPLAY) | IN(SYMBOLS) | IN(TRACE))
#define OPENING (IN(SYMBOLS) | IN(TRACE))
#define TRACING IN(TRACE)

#define NEW_NAMESPACE                                                                              \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP)

/* By name: not every architecture has every call, and not every libseccomp knows them. */
static const struct {
	const char *name;
	unsigned int filters;
} allowed[] = {
	/* Descriptors that are open */
	{"read", ALL},
	{"readv", ALL},
	{"pread64", ALL},
	{"write", ALL},
	{"writev", ALL},
	{"lseek", ALL},
	{"_llseek", ALL},
	{"close", ALL},
	{"dup", ALL},
	{"fcntl", ALL},
	{"fcntl64", ALL},
	{"fstat", ALL},
	{"fstat64", ALL},
	{"newfstatat", ALL},
	{"fstatat64", ALL},
	{"statx", ALL},
	{"ftruncate", ALL},
	{"ftruncate64", ALL},
	{"poll", ALL},
	{"ppoll", ALL},
	{"ppoll_time64", ALL},
	/* Memory, time, the end */
	{"brk", ALL},
	{"mremap", ALL},
	{"munmap", ALL},
	{"madvise", ALL},
	{"futex", ALL},
	{"futex_time64", ALL},
	{"getrandom", ALL},
	{"sysinfo", ALL},
	{"uname", ALL},
	{"sched_getaffinity", ALL},
	{"sched_yield", ALL},
	{"clock_gettime", ALL},
	{"clock_gettime64", ALL},
	{"clock_getres", ALL},
	{"clock_getres_time64", ALL},
	{"clock_nanosleep", ALL},
	{"gettimeofday", ALL},
	{"getpid", ALL},
	{"gettid", ALL},
	{"getppid", ALL},
	{"tgkill", ALL},
	{"rt_sigaction", ALL},
	{"rt_sigprocmask", ALL},
	{"rt_sigreturn", ALL},
	{"sigreturn", ALL},
	{"restart_syscall", ALL},
	{"exit", ALL},
	{"exit_group", ALL},
	/* Files */
	{"open", OPENING},
	{"openat", OPENING},
	{"openat2", OPENING},
	{"stat", OPENING},
	{"lstat", OPENING},
	{"access", OPENING},
	{"faccessat", OPENING},
	{"faccessat2", OPENING},
	{"readlink", OPENING},
	{"readlinkat", OPENING},
	{"getdents64", OPENING},
	{"fstatfs", OPENING},
	{"fstatfs64", OPENING},
	{"name_to_handle_at", TRACING},
	{"open_by_handle_at", TRACING},
	/* Messages */
	{"recvfrom", OPENING},
	{"recvmsg", OPENING},
	{"sendto", OPENING},
	{"sendmsg", OPENING},
	{"bind", TRACING},
	{"getsockname", TRACING},
	{"getsockopt", TRACING},
	{"setsockopt", TRACING},
	/* The process for symbols: started, watched, ended; and what it does before it is shut in
	 */
	{"pidfd_open", TRACING},
	{"wait4", TRACING},
	{"waitid", TRACING},
	{"epoll_create1", TRACING},
	{"epoll_ctl", TRACING},
	{"epoll_wait", TRACING},
	{"epoll_pwait", TRACING},
	{"timerfd_create", TRACING},
	{"timerfd_settime", TRACING},
	{"set_robust_list", TRACING},
	{"rseq", TRACING},
	{"close_range", TRACING},
	{"dup2", TRACING},
	{"dup3", TRACING},
	{"chroot", TRACING},
	{"chdir", TRACING},
	{"capget", TRACING},
	{"capset", TRACING},
	{"seccomp", TRACING},
};

/* Also without need they would never be asked for by us. */
static const char *const deadly[] = {
	"execve",        "execveat",        "ptrace",         "process_vm_writev",
	"mount",         "umount2",         "move_mount",     "open_tree",
	"fsopen",        "fsmount",         "mount_setattr",  "pivot_root",
	"unshare",       "init_module",     "finit_module",   "delete_module",
	"kexec_load",    "kexec_file_load", "reboot",         "swapon",
	"swapoff",       "settimeofday",    "clock_settime",  "adjtimex",
	"clock_adjtime", "sethostname",     "setdomainname",  "acct",
	"iopl",          "ioperm",          "setuid",         "setgid",
	"setreuid",      "setregid",        "setresuid",      "setresgid",
	"setgroups",     "perf_event_open", "userfaultfd",    "add_key",
	"request_key",   "keyctl",          "io_uring_setup", "quotactl",
};

/* One that depends on an argument; several of one name are alternatives. */
static const struct {
	const char *name;
	unsigned int filters;
	unsigned int argument;
	uint64_t mask; /* 0: all of it */
	uint64_t value;
} conditional[] = {
	{"mmap", ALL, 2, PROT_EXEC, 0},
	{"mmap2", ALL, 2, PROT_EXEC, 0},
	{"mprotect", ALL, 2, PROT_EXEC, 0},
	{"prlimit64", ALL, 0, 0, 0},
	{"ioctl", ALL, 1, UINT32_MAX, TCGETS},
	{"ioctl", ALL, 1, UINT32_MAX, TIOCGWINSZ},
	{"ioctl", TRACING, 1, UINT32_MAX, NS_GET_NSTYPE},
	{"ioctl", TRACING, 1, UINT32_MAX, PERF_EVENT_IOC_DISABLE},
	{"socket", TRACING, 0, 0, AF_NETLINK},
	{"socketpair", TRACING, 0, 0, AF_UNIX},
	{"setns", TRACING, 1, 0, CLONE_NEWNET},
	{"clone", TRACING, 0, NEW_NAMESPACE, 0},
	{"kill", TRACING, 1, 0, 0},
	{"kill", TRACING, 1, 0, SIGKILL},
	{"prctl", TRACING, 0, 0, PR_SET_PDEATHSIG},
	{"prctl", TRACING, 0, 0, PR_SET_NAME},
	{"prctl", TRACING, 0, 0, PR_SET_NO_NEW_PRIVS},
	{"prctl", TRACING, 0, 0, PR_GET_SECCOMP},
	{"prctl", TRACING, 0, 0, PR_SET_SECCOMP},
	{"prctl", TRACING, 0, 0, PR_CAP_AMBIENT},
	{"prctl", TRACING, 0, 0, PR_CAPBSET_READ},
	{"prctl", TRACING, 0, 0, PR_CAPBSET_DROP},
	{"bpf", TRACING, 0, 0, BPF_MAP_LOOKUP_ELEM},
	{"bpf", TRACING, 0, 0, BPF_MAP_UPDATE_ELEM},
	{"bpf", TRACING, 0, 0, BPF_MAP_DELETE_ELEM},
	{"bpf", TRACING, 0, 0, BPF_MAP_GET_NEXT_KEY},
	{"bpf", TRACING, 0, 0, BPF_PROG_TEST_RUN},
	{"bpf", TRACING, 0, 0, BPF_PROG_GET_FD_BY_ID},
	{"bpf", TRACING, 0, 0, BPF_MAP_GET_FD_BY_ID},
	{"bpf", TRACING, 0, 0, BPF_LINK_GET_FD_BY_ID},
	{"bpf", TRACING, 0, 0, BPF_LINK_GET_NEXT_ID},
	{"bpf", TRACING, 0, 0, BPF_MAP_LOOKUP_BATCH},
	{"bpf", TRACING, 0, 0, BPF_MAP_LOOKUP_AND_DELETE_ELEM},
	{"bpf", TRACING, 0, 0, BPF_OBJ_GET_INFO_BY_FD},
	{"bpf", TRACING, 0, 0, BPF_LINK_CREATE},
	{"bpf", TRACING, 0, 0, BPF_ITER_CREATE},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int add(scmp_filter_ctx context, uint32_t action, const char *name, unsigned int count,
	       const struct scmp_arg_cmp *comparison)
{
	int number = seccomp_syscall_resolve_name(name);
	uint32_t otherwise;
	int error = seccomp_attr_get(context, SCMP_FLTATR_ACT_DEFAULT, &otherwise);

	/* A rule that changes nothing is an error to libseccomp. */
	if (error || number == __NR_SCMP_ERROR || action == otherwise)
		return error;
	error = seccomp_rule_add_array(context, action, number, count, comparison);
	return error == -EDOM ? 0 : error;
}

static int add_rules(scmp_filter_ctx context, enum syscall_filter filter)
{
	unsigned int bit = 1u << filter;
	int error = 0;

	for (size_t i = 0; i < COUNT(allowed) && !error; i++)
		if (allowed[i].filters & bit)
			error = add(context, SCMP_ACT_ALLOW, allowed[i].name, 0, NULL);
	for (size_t i = 0; i < COUNT(conditional) && !error; i++) {
		struct scmp_arg_cmp comparison = {
			.arg = conditional[i].argument,
			.op = conditional[i].mask ? SCMP_CMP_MASKED_EQ : SCMP_CMP_EQ,
			.datum_a = conditional[i].mask ? conditional[i].mask : conditional[i].value,
			.datum_b = conditional[i].value,
		};

		if (conditional[i].filters & bit)
			error = add(context, SCMP_ACT_ALLOW, conditional[i].name, 1, &comparison);
	}
	for (size_t i = 0; i < COUNT(deadly) && !error; i++)
		error = add(context, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
	/* fork() of some C libraries tries it first, and its flags are not to be seen from here. */
	if (!error)
		error = add(context, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
	return error;
}

int syscall_filter_apply(enum syscall_filter filter)
{
	uint32_t otherwise = secure_getenv("TCPCLOSE_STRICT_FILTER") ? SCMP_ACT_KILL_PROCESS
								     : SCMP_ACT_ERRNO(ENOSYS);
	scmp_filter_ctx context;
	int error;

#ifdef NO_SYSCALL_FILTER
	return -ENOSYS;
#endif
	context = seccomp_init(otherwise);
	if (!context)
		return -ENOMEM;
	/* A search tree of numbers, in place of a list. */
	seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	error = add_rules(context, filter);
	if (!error)
		error = seccomp_load(context);
	seccomp_release(context);
	return error;
}
