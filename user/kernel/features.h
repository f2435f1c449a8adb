/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the running kernel offers, found by asking it and never by its version. One table: name,
 * probe, meaning. Knows nothing of what will be done with the answers.
 */
#ifndef TCPCLOSE_KERNEL_FEATURES_H
#define TCPCLOSE_KERNEL_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

enum feature {
	FEATURE_ROOT,              /* may load tracing programs */
	FEATURE_BTF,               /* the kernel describes its types (/sys/kernel/btf/vmlinux) */
	FEATURE_RINGBUF,           /* BPF ring buffer, 5.8 */
	FEATURE_STATE_TRACEPOINT,  /* sock:inet_sock_set_state, 4.16 */
	FEATURE_SOCKET_COOKIE,     /* bpf_get_socket_cookie() in tracing programs, 5.12 */
	FEATURE_SEND_RESET,        /* tcp:tcp_send_reset */
	FEATURE_RESET_REASON,      /* ... with a reason, 6.10 */
	FEATURE_RECEIVE_RESET,     /* tcp:tcp_receive_reset */
	FEATURE_RETRANSMIT,        /* tcp:tcp_retransmit_skb */
	FEATURE_DESTROY,           /* tcp:tcp_destroy_sock */
	FEATURE_ACCEPT_TRACEPOINT, /* syscalls:sys_exit_accept4 */
	FEATURE_RECV_TRACEPOINT,   /* sock:sock_recv_length, 6.3 */
	FEATURE_USER_REGISTERS,    /* bpf_task_pt_regs(), 5.15 */
	FEATURE_TIMER_EXPIRE,  /* timer:timer_expire_entry and the address of tw_timer_handler */
	FEATURE_FENTRY,        /* programs at the entry of functions */
	FEATURE_TW_BEGIN,      /* ... of tcp_time_wait() */
	FEATURE_TW_RESTART,    /* ... of __inet_twsk_schedule() */
	FEATURE_TW_EXPIRE,     /* ... of tw_timer_handler() */
	FEATURE_TW_KILL,       /* ... of inet_twsk_kill() */
	FEATURE_ABORT,         /* ... of tcp_abort() */
	FEATURE_GRAFT,         /* ... of security_sock_graft() */
	FEATURE_TCX,           /* BPF links on tc, 6.6 */
	FEATURE_CLSACT,        /* sch_clsact with cls_bpf */
	FEATURE_XDP,           /* XDP by BPF link, 5.9 */
	FEATURE_SOCK_DIAG,     /* inet_diag for TCP */
	FEATURE_TASK_FILES,    /* iter/task_file, 5.8 */
	FEATURE_ALL_PROCESSES, /* may look into every process */
	FEATURE_NAMESPACES,    /* may enter other network namespaces */
	FEATURE_LINK_NEWS,     /* is told of interfaces that come and go in them */
	FEATURE_MAP_GROWS,     /* maps that allocate as they grow, in any program, 6.1 */
	FEATURES,
};

struct features {
	bool has[FEATURES];
	char reason[FEATURES][96]; /* why not, one clause without a full stop; empty if it has */
	/* Bit sets of capabilities, see host/privileges.h. */
	uint64_t lacking[FEATURES]; /* for want of which it has not */
	uint64_t privileges;        /* held */
	uint64_t tw_timer_handler;  /* address, 0 unknown */
};

const char *feature_name(enum feature feature); /* "tcx" */
const char *feature_meaning(enum feature feature);
/* The feature of a name; FEATURES if there is none. */
enum feature feature_find(const char *name);

/* Asks the kernel. `without` is a bit set of features to be found missing ("switched off by
 * --without"), so that every fallback can be tried on any kernel. Never fails. */
void features_detect(struct features *features, uint64_t without);

/* One that turned out to be of no use, and those that need it. */
void features_lose(struct features *features, enum feature feature, const char *reason);

#endif
