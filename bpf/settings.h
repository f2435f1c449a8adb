/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What user space decides before the load: read-only data of both BPF objects, so that the
 * verifier removes what is switched off. Knows record.h's integers and nothing else of ours.
 */
#ifndef TCPCLOSE_SETTINGS_H
#define TCPCLOSE_SETTINGS_H

#include "record.h"

#define FILTER_PORTS 16
#define FILTER_NETWORKS 8

/* A network in the form of a flow's addresses: IPv4 mapped, so IPv4's /8 is 104 here. */
struct filter_network {
	__u8 address[16];
	__u8 mask[16];
};

/* Everything empty or 0 lets everything pass. The lists are alternatives, the fields conditions. */
struct filter {
	__u16 local_ports[FILTER_PORTS]; /* ends with 0 */
	__u16 remote_ports[FILTER_PORTS];
	struct filter_network networks[FILTER_NETWORKS]; /* either end */
	__u32 network_count;
	__u32 netns;
	__u64 cgroup; /* this one or below it */
	__u32 pid;
	__u8 family; /* 4 or 6 */
	__u8 pad[3];
	char comm[RECORD_COMM_LENGTH]; /* owner's name, all of it */
};

struct settings {
	__u64 tw_timer_handler; /* address of the kernel's function, 0 unknown */
	__u32 home_netns;       /* the tracer's own namespace */
	__u8 has_cookie;        /* bpf_get_socket_cookie() in tracing programs: 5.12 */
	__u8 reset_has_reason;  /* tcp_send_reset has a third argument: 6.10 */
	__u8 follow_flows;      /* the filter asks for an owner: the socket witness says which
				   flows are wanted and the packet witness obeys */
	__u8 has_destroy;       /* tcp_destroy_sock is attached */
	__u32 hz;               /* jiffies in a second */
	__u8 state_tells_begin; /* of an orphan's mini-socket: tcp_time_wait() is not attached */
	__u8 hold_at_begin;     /* inet_twsk_kill() is not attached: it would tell of early ends */
	__u8 find_by_place;     /* user space has no cookies to ask for origins by */
	__u8 user_registers;    /* bpf_task_pt_regs(): 5.15 */
	__u8 filter_flows;      /* the filter asks for addresses, ports or a family */
	__u8 capture_bytes;     /* segments have a tail: their headers as they were on the wire */
	__u8 pad[6];
	struct filter filter;
};

#endif
