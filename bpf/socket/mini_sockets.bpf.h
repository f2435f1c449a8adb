/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Which addresses are held by a mini-socket (TIME_WAIT, or an orphan in FIN_WAIT2), so that a new
 * socket that takes them over is noticed. Opening connections are not told of otherwise.
 */
#ifndef TCPCLOSE_MINI_SOCKETS_BPF_H
#define TCPCLOSE_MINI_SOCKETS_BPF_H

#include "ring.bpf.h"

struct mini_socket_key {
	struct flow flow; /* as its socket saw it */
	__u32 netns;
};

/* Key: addresses and namespace; value: unused. Writer and deleter: the state program; deleter: also
 * the timer's program. Bound: least recently used goes first, and then it is not noticed that its
 * addresses are used again. */
struct mini_sockets_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 17);
	__type(key, struct mini_socket_key);
	__type(value, __u8);
};

extern struct mini_sockets_map mini_sockets SEC(".maps");

static __always_inline void mini_socket_begin(const struct flow *flow, __u32 netns)
{
	const struct mini_socket_key key = {*flow, netns};
	__u8 value = 1;

	bpf_map_update_elem(&mini_sockets, &key, &value, BPF_ANY);
}

/* Whether there was one. Most often there was none, and to look is cheaper than to delete. */
static __always_inline bool mini_socket_end(const struct flow *flow, __u32 netns)
{
	const struct mini_socket_key key = {*flow, netns};

	return bpf_map_lookup_elem(&mini_sockets, &key) &&
	       bpf_map_delete_elem(&mini_sockets, &key) == 0;
}

#endif
