// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "kernel/features.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/privileges.h"
#include "kernel/kallsyms.h"
#include "kernel/kernel_types.h"
#include "kernel/snapshot.h"
#include "kernel/tracefs.h"

#define REASON_SIZE sizeof(((struct features *)0)->reason[0])

#define INSN(op, dst, src, offset, value)                                                          \
	((struct bpf_insn){.code = (op),                                                           \
			   .dst_reg = (dst),                                                       \
			   .src_reg = (src),                                                       \
			   .off = (offset),                                                        \
			   .imm = (value)})
#define INSN_RETURN(value)                                                                         \
	INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value),                                 \
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct detection {
	struct features *features;
	struct kernel_types types;
	struct kallsyms_search timer_handler;
	/* Of the feature being asked for: */
	char *reason;
	uint64_t *lacking;
};

static bool missing(struct detection *detection, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool missing(struct detection *detection, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(detection->reason, REASON_SIZE, format, arguments);
	va_end(arguments);
	return false;
}

static int program_load(enum bpf_prog_type type, const struct bpf_insn *insns, size_t count,
			struct bpf_prog_load_opts *options)
{
	return bpf_prog_load(type, "probe", "GPL", insns, count, options);
}

static int program_load_empty(enum bpf_prog_type type)
{
	const struct bpf_insn insns[] = {INSN_RETURN(0)};

	return program_load(type, insns, 2, NULL);
}

/* False, and says so, where this process has not all of these capabilities. */
static bool holds(struct detection *detection, uint64_t needed)
{
	uint64_t held = privileges_implied(detection->features->privileges);
	uint64_t lacking = needed & ~held;
	char names[64];

	privileges_names(lacking, names, sizeof(names));
	*detection->lacking |= lacking;
	return !lacking || missing(detection, "without %s", names);
}

static bool probe_root(struct detection *detection)
{
	int program;

	if (!holds(detection, PRIVILEGE(BPF) | PRIVILEGE(PERFMON)))
		return false;
	/* Capabilities in a user namespace or behind a container's seccomp filter are not enough.
	 */
	program = program_load_empty(BPF_PROG_TYPE_RAW_TRACEPOINT);
	if (program < 0)
		return missing(detection, "the kernel refuses BPF programs here: %s",
			       strerror(-program));
	close(program);
	return true;
}

static bool probe_btf(struct detection *detection)
{
	int error = kernel_types_read(&detection->types);

	if (error == -ENOENT || error == -ESRCH)
		return missing(detection, "no /sys/kernel/btf/vmlinux: the kernel lacks "
					  "CONFIG_DEBUG_INFO_BTF, or /sys is hidden");
	return !error || missing(detection, "cannot read the kernel's BTF: %s", strerror(-error));
}

static bool probe_ringbuf(struct detection *detection)
{
	int map =
		bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0, (uint32_t)getpagesize(), NULL);

	if (map == -EPERM)
		return missing(detection,
			       "refused: is the locked memory limit (ulimit -l) too low?");
	if (map < 0)
		return missing(detection, "needs Linux 5.8");
	close(map);
	return true;
}

static bool has_type(struct detection *detection, enum kernel_type type)
{
	return detection->types.ids[type] ||
	       missing(detection, "this kernel has no such tracepoint");
}

static bool probe_state(struct detection *detection)
{
	return has_type(detection, TYPE_STATE);
}

static bool probe_send_reset(struct detection *detection)
{
	return has_type(detection, TYPE_SEND_RESET);
}

static bool probe_receive_reset(struct detection *detection)
{
	return has_type(detection, TYPE_RECEIVE_RESET);
}

static bool probe_retransmit(struct detection *detection)
{
	return has_type(detection, TYPE_RETRANSMIT);
}

static bool probe_destroy(struct detection *detection)
{
	return has_type(detection, TYPE_DESTROY);
}

static bool probe_recv(struct detection *detection)
{
	return has_type(detection, TYPE_RECV_LENGTH);
}

static bool probe_user_registers(struct detection *detection)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task_btf),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_task_pt_regs),
		INSN_RETURN(0),
	};
	int program = program_load(BPF_PROG_TYPE_TRACEPOINT, insns,
				   sizeof(insns) / sizeof(insns[0]), NULL);

	if (program == -EINVAL)
		return missing(detection, "needs Linux 5.15");
	if (program < 0)
		return missing(detection, "refused: %s", strerror(-program));
	close(program);
	return true;
}

static bool probe_cookie(struct detection *detection)
{
	/* The tracepoint's first argument is the socket, the helper's only one too. */
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_1, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_socket_cookie),
		INSN_RETURN(0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP,
		    .attach_btf_id = detection->types.ids[TYPE_STATE]);
	int program = program_load(BPF_PROG_TYPE_TRACING, insns, sizeof(insns) / sizeof(insns[0]),
				   &options);

	if (program == -EINVAL)
		return missing(detection, "needs Linux 5.12");
	if (program < 0)
		return missing(detection, "refused: %s", strerror(-program));
	close(program);
	return true;
}

static bool probe_reset_reason(struct detection *detection)
{
	return detection->types.arguments[TYPE_SEND_RESET] >= 3 ||
	       missing(detection, "needs Linux 6.10");
}

/* Whether perf_event_open() is for us: 0 or a negative errno. Debian's kernels before 6.12 keep all
 * of it from who has only CAP_PERFMON (EACCES: kernel.perf_event_paranoid is 3). An event that
 * counts nothing: to let go of one of a tracepoint takes a grace period of RCU. */
static int perf_event_refusal(void)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_DUMMY,
	};
	long event = syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	if (event < 0)
		return -errno;
	close((int)event);
	return 0;
}

static bool probe_accept(struct detection *detection)
{
	int id = tracefs_event_id("syscalls", "sys_exit_accept4"), refusal;

	if (id == -ENOENT)
		return missing(detection, "the kernel was built without CONFIG_FTRACE_SYSCALLS");
	/* Where it is not mounted, and where its folders are only root's. */
	if ((id == -EPERM && !holds(detection, PRIVILEGE(SYS_ADMIN))) ||
	    (id == -EACCES && !holds(detection, PRIVILEGE(DAC_READ_SEARCH))))
		return false;
	if (id < 0)
		return missing(detection, "tracefs, which tells its number, cannot be read: %s",
			       strerror(-id));
	refusal = perf_event_refusal();
	if (refusal == -EACCES && !holds(detection, PRIVILEGE(SYS_ADMIN)))
		return false;
	return !refusal || missing(detection, "refused: %s", strerror(-refusal));
}

static bool probe_timer_expire(struct detection *detection)
{
	const struct kallsyms_search *search = &detection->timer_handler;

	if (!has_type(detection, TYPE_TIMER_EXPIRE))
		return false;
	kallsyms_end(&detection->timer_handler);
	detection->features->tw_timer_handler = search->address;
	if (search->error)
		return missing(detection, "no tw_timer_handler in /proc/kallsyms: %s",
			       strerror(-search->error));
	if (!detection->features->tw_timer_handler && holds(detection, PRIVILEGE(SYSLOG)))
		return missing(detection, "/proc/kallsyms hides addresses (kernel.kptr_restrict)");
	return detection->features->tw_timer_handler;
}

/* The kernel may know how, and have the function, and still refuse (no trampolines on this
 * architecture, or a lock on the kernel's text): so one is attached, which does nothing. */
static bool probe_fentry(struct detection *detection)
{
	const struct bpf_insn insns[] = {INSN_RETURN(0)};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY,
		    .attach_btf_id = detection->types.ids[TYPE_TCP_TIME_WAIT]);
	int program, link;

	if (!options.attach_btf_id)
		return missing(detection, "this kernel has no function tcp_time_wait");
	program = program_load(BPF_PROG_TYPE_TRACING, insns, 2, &options);
	if (program < 0)
		return missing(detection, "refused: %s", strerror(-program));
	link = bpf_raw_tracepoint_open(NULL, program);
	close(program);
	if (link < 0)
		return missing(detection, "refused: %s", strerror(-link));
	close(link);
	return true;
}

static bool has_function(struct detection *detection, enum kernel_type type)
{
	return kernel_types_has_function(&detection->types, type) ||
	       missing(detection, "this kernel's %s is another or not there",
		       kernel_type_name(type));
}

static bool probe_tw_begin(struct detection *detection)
{
	return has_function(detection, TYPE_TCP_TIME_WAIT);
}

static bool probe_tw_restart(struct detection *detection)
{
	return has_function(detection, TYPE_TWSK_SCHEDULE);
}

static bool probe_tw_expire(struct detection *detection)
{
	return has_function(detection, TYPE_TW_TIMER_HANDLER);
}

static bool probe_tw_kill(struct detection *detection)
{
	return has_function(detection, TYPE_TWSK_KILL);
}

static bool probe_abort(struct detection *detection)
{
	return has_function(detection, TYPE_TCP_ABORT);
}

static bool probe_graft(struct detection *detection)
{
	return has_function(detection, TYPE_SOCK_GRAFT);
}

#define ATTACH_TCX_INGRESS 46 /* BPF_TCX_INGRESS, not in libbpf 1.1 */

/* A link to an interface that cannot exist: a kernel with tcx misses the interface, one without it
 * does not know the kind of link. Nothing can stay behind. */
static bool probe_tcx(struct detection *detection)
{
	int program, link;

	if (!holds(detection, PRIVILEGE(NET_ADMIN)))
		return false;
	program = program_load_empty(BPF_PROG_TYPE_SCHED_CLS);
	if (program < 0)
		return missing(detection, "cannot load a tc program: %s", strerror(-program));
	link = bpf_link_create(program, INT32_MAX, (enum bpf_attach_type)ATTACH_TCX_INGRESS, NULL);
	close(program);
	if (link >= 0)
		close(link);
	if (link == -EINVAL)
		return missing(detection, "needs Linux 6.6");
	if (link < 0 && link != -ENODEV)
		return missing(detection, "refused: %s", strerror(-link));
	return true;
}

static bool file_has(const char *path, const char *word, bool *readable)
{
	char *line = NULL;
	size_t capacity = 0;
	bool found = false;
	FILE *file = fopen(path, "re");

	*readable = file;
	while (file && !found && getline(&line, &capacity, file) > 0)
		found = strstr(line, word);
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* Whether a module is there or could be loaded. Where nothing tells (a container without
 * /lib/modules), it is taken to be there and attaching will tell. */
static bool module_obtainable(struct detection *detection, const char *name)
{
	char path[160], word[32];
	struct utsname host;
	bool readable;

	snprintf(path, sizeof(path), "/sys/module/%s", name);
	if (access(path, F_OK) == 0)
		return true;
	if (file_has("/proc/sys/kernel/modules_disabled", "1", &readable))
		return missing(detection, "module %s is not loaded and module loading is locked",
			       name);
	uname(&host);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", host.release);
	snprintf(word, sizeof(word), "/%s.ko", name);
	if (!file_has(path, word, &readable) && readable)
		return missing(detection, "this kernel has no module %s", name);
	return true;
}

/* Nothing is attached to find out: that would load modules and touch an interface. */
static bool probe_clsact(struct detection *detection)
{
	int program;

	if (!holds(detection, PRIVILEGE(NET_ADMIN)))
		return false;
	program = program_load_empty(BPF_PROG_TYPE_SCHED_CLS);
	if (program < 0)
		return missing(detection, "cannot load a tc program: %s", strerror(-program));
	close(program);
	return (detection->types.ids[TYPE_CLSACT] || module_obtainable(detection, "sch_ingress")) &&
	       (detection->types.ids[TYPE_CLS_BPF] || module_obtainable(detection, "cls_bpf"));
}

static bool probe_xdp(struct detection *detection)
{
	int program;

	if (!holds(detection, PRIVILEGE(NET_ADMIN)))
		return false;
	program = program_load_empty(BPF_PROG_TYPE_XDP);
	if (program < 0)
		return missing(detection, "cannot load an XDP program: %s", strerror(-program));
	close(program);
	return detection->types.ids[TYPE_XDP_LINK] || missing(detection, "needs Linux 5.9");
}

static bool probe_sock_diag(struct detection *detection)
{
	int error = snapshot_probe();

	if (error == -ENOENT || error == -EPROTONOSUPPORT || error == -EOPNOTSUPP)
		return missing(detection, "module tcp_diag is neither loaded nor loadable");
	return !error || missing(detection, "the kernel does not answer: %s", strerror(-error));
}

/* An iterator numbers processes as the pid namespace of its reader does. */
static bool proc_is_ours(struct detection *detection)
{
	char link[16] = "";

	if (readlink("/proc/self", link, sizeof(link) - 1) > 0 && atoi(link) == getpid())
		return true;
	return missing(detection, "/proc is that of another pid namespace");
}

static bool probe_task_files(struct detection *detection)
{
	const struct bpf_insn insns[] = {INSN_RETURN(0)};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_ITER,
		    .attach_btf_id = detection->types.ids[TYPE_ITER_TASK_FILE]);
	int program;

	if (!proc_is_ours(detection) || !has_function(detection, TYPE_ITER_TASK_FILE))
		return false;
	program = program_load(BPF_PROG_TYPE_TRACING, insns, 2, &options);
	if (program < 0)
		return missing(detection, "refused: %s", strerror(-program));
	close(program);
	return true;
}

/* The list of a process's descriptors is its user's, where they lead is for who may trace it. */
static bool probe_all_processes(struct detection *detection)
{
	return holds(detection, PRIVILEGE(SYS_PTRACE) | PRIVILEGE(DAC_READ_SEARCH));
}

static bool probe_namespaces(struct detection *detection)
{
	return holds(detection, PRIVILEGE(SYS_ADMIN));
}

static bool probe_link_news(struct detection *detection)
{
	return holds(detection, PRIVILEGE(NET_BROADCAST));
}

/* Without an allocator of its own (6.1) BPF has the kernel warn, with a stack trace, when a
 * tracepoint program uses such a map. Loading one to find out would do just that. */
static bool probe_map_grows(struct detection *detection)
{
	return detection->types.ids[TYPE_MEM_ALLOC] || missing(detection, "needs Linux 6.1");
}

#define NEEDS(name) (UINT64_C(1) << FEATURE_##name)

static const struct {
	const char *name;
	const char *meaning;
	uint64_t needs; /* only asked for where these are there */
	bool (*probe)(struct detection *detection);
} table[FEATURES] = {
	[FEATURE_ROOT] = {"root", "may load tracing programs", 0, probe_root},
	[FEATURE_BTF] = {"btf", "the kernel describes its types", 0, probe_btf},
	[FEATURE_RINGBUF] = {"ringbuf", "BPF ring buffer", NEEDS(ROOT), probe_ringbuf},
	[FEATURE_STATE_TRACEPOINT] = {"state-tracepoint", "raw tracepoint sock:inet_sock_set_state",
				      NEEDS(BTF), probe_state},
	[FEATURE_SOCKET_COOKIE] = {"socket-cookie", "bpf_get_socket_cookie() in tracing programs",
				   NEEDS(ROOT) | NEEDS(STATE_TRACEPOINT), probe_cookie},
	[FEATURE_SEND_RESET] = {"send-reset", "raw tracepoint tcp:tcp_send_reset", NEEDS(BTF),
				probe_send_reset},
	[FEATURE_RESET_REASON] = {"reset-reason", "tcp:tcp_send_reset says why", NEEDS(SEND_RESET),
				  probe_reset_reason},
	[FEATURE_RECEIVE_RESET] = {"receive-reset", "raw tracepoint tcp:tcp_receive_reset",
				   NEEDS(BTF), probe_receive_reset},
	[FEATURE_RETRANSMIT] = {"retransmit", "raw tracepoint tcp:tcp_retransmit_skb", NEEDS(BTF),
				probe_retransmit},
	[FEATURE_DESTROY] = {"destroy", "raw tracepoint tcp:tcp_destroy_sock", NEEDS(BTF),
			     probe_destroy},
	[FEATURE_ACCEPT_TRACEPOINT] = {"accept-tracepoint", "tracepoint syscalls:sys_exit_accept4",
				       NEEDS(ROOT), probe_accept},
	[FEATURE_RECV_TRACEPOINT] = {"recv-tracepoint", "raw tracepoint sock:sock_recv_length",
				     NEEDS(BTF), probe_recv},
	[FEATURE_USER_REGISTERS] = {"user-registers", "programs read a task's registers",
				    NEEDS(ROOT), probe_user_registers},
	[FEATURE_TIMER_EXPIRE] = {"timer-expire",
				  "raw tracepoint timer:timer_expire_entry, tw_timer_handler known",
				  NEEDS(ROOT) | NEEDS(BTF), probe_timer_expire},
	[FEATURE_FENTRY] = {"fentry", "programs at the entry of the kernel's functions",
			    NEEDS(ROOT) | NEEDS(BTF), probe_fentry},
	[FEATURE_TW_BEGIN] = {"tw-begin", "function tcp_time_wait()", NEEDS(FENTRY),
			      probe_tw_begin},
	[FEATURE_TW_RESTART] = {"tw-restart", "function __inet_twsk_schedule()", NEEDS(FENTRY),
				probe_tw_restart},
	[FEATURE_TW_EXPIRE] = {"tw-expire", "function tw_timer_handler()", NEEDS(FENTRY),
			       probe_tw_expire},
	[FEATURE_TW_KILL] = {"tw-kill", "function inet_twsk_kill()", NEEDS(FENTRY), probe_tw_kill},
	[FEATURE_ABORT] = {"abort", "function tcp_abort()", NEEDS(FENTRY), probe_abort},
	[FEATURE_GRAFT] = {"graft", "function security_sock_graft()", NEEDS(FENTRY), probe_graft},
	[FEATURE_TCX] = {"tcx", "tc programs attached by BPF link", NEEDS(ROOT), probe_tcx},
	[FEATURE_CLSACT] = {"clsact", "tc programs attached as cls_bpf filters", NEEDS(ROOT),
			    probe_clsact},
	[FEATURE_XDP] = {"xdp", "XDP programs attached by BPF link", NEEDS(ROOT) | NEEDS(BTF),
			 probe_xdp},
	[FEATURE_SOCK_DIAG] = {"sock-diag", "sock_diag lists TCP sockets", 0, probe_sock_diag},
	[FEATURE_TASK_FILES] = {"task-files", "the kernel lists the descriptors of all processes",
				NEEDS(ROOT) | NEEDS(BTF), probe_task_files},
	[FEATURE_ALL_PROCESSES] = {"all-processes", "may look into the processes of others", 0,
				   probe_all_processes},
	[FEATURE_NAMESPACES] = {"namespaces", "may enter other network namespaces", 0,
				probe_namespaces},
	[FEATURE_LINK_NEWS] = {"link-news", "is told of interfaces in other network namespaces", 0,
			       probe_link_news},
	[FEATURE_MAP_GROWS] = {"map-grows", "maps allocate as they grow, in any program",
			       NEEDS(BTF), probe_map_grows},
};

const char *feature_name(enum feature feature)
{
	return table[feature].name;
}

const char *feature_meaning(enum feature feature)
{
	return table[feature].meaning;
}

enum feature feature_find(const char *name)
{
	int feature = 0;

	while (feature < FEATURES && strcmp(table[feature].name, name) != 0)
		feature++;
	return (enum feature)feature;
}

/* Before 5.11 maps and programs count as locked memory. Without CAP_SYS_RESOURCE the hard limit is
 * all there is; on later kernels nobody asks. */
static void raise_memlock(void)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* What is found from now on is about this one. */
static void turn_to(struct detection *detection, int feature)
{
	detection->reason = detection->features->reason[feature];
	detection->lacking = &detection->features->lacking[feature];
}

static bool needs_are_met(struct detection *detection, uint64_t needs)
{
	for (int feature = 0; feature < FEATURES; feature++)
		if (needs & UINT64_C(1) << feature && !detection->features->has[feature]) {
			*detection->lacking |= detection->features->lacking[feature];
			return missing(detection, "needs %s", table[feature].name);
		}
	return true;
}

void features_detect(struct features *features, uint64_t without)
{
	struct detection detection = {.features = features};

	memset(features, 0, sizeof(*features));
	raise_memlock();
	features->privileges = privileges_held();
	kallsyms_begin(&detection.timer_handler, "tw_timer_handler");
	for (int feature = 0; feature < FEATURES; feature++) {
		turn_to(&detection, feature);
		if (without & UINT64_C(1) << feature)
			missing(&detection, "switched off by --without");
		else
			features->has[feature] = needs_are_met(&detection, table[feature].needs) &&
						 table[feature].probe(&detection);
	}
	kallsyms_end(&detection.timer_handler);
}

void features_lose(struct features *features, enum feature feature, const char *reason)
{
	struct detection detection = {.features = features};

	for (int other = feature; other < FEATURES; other++) {
		turn_to(&detection, other);
		if (other == (int)feature)
			features->has[other] = missing(&detection, "%s", reason);
		else if (features->has[other])
			features->has[other] = needs_are_met(&detection, table[other].needs);
	}
}
