/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where sockets came from, and with which stack: the maps of the close_wait programs. Nothing is
 * sent to user space, which reads those of the sockets that it finds in CLOSE_WAIT.
 */
#ifndef TCPCLOSE_CLOSE_WAIT_MAPS_BPF_H
#define TCPCLOSE_CLOSE_WAIT_MAPS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "filter.bpf.h"
#include "kernel.bpf.h"
#include "origin.h"

/* Key: the socket's cookie, or the address of its struct sock where programs are given no cookies
 * (before 5.12). Writers: state, accept, read. Reader: user space. Deleters: tcp_destroy_sock, or
 * the change to CLOSE where there is no such tracepoint. Bound: max_entries, which user space
 * lowers where the map cannot grow; what finds no room is counted in origins_lost. */
struct origins_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__type(key, __u64);
	__type(value, struct close_wait_origin);
};

/* Key: addresses of a socket in CLOSE_WAIT; value: its key in `origins`. Only where user space has
 * no cookies to ask by (settings.find_by_place). Writer and deleter: state. Reader: user space.
 * Bound: max_entries; what finds no room is counted in origins_lost. */
struct places_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, struct close_wait_place);
	__type(value, __u64);
};

/* Key: a hash of the way through the code; value: the stack, as the first had it that came this
 * way. Writers: the programs. Reader and deleter: user space, of those that no socket has any more.
 * Bound: max_entries; what finds no room is counted in stacks_lost. */
struct stacks_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct close_wait_stack);
};

/* Each program that takes stacks has a place of its own: one may interrupt another. */
enum stack_taker {
	TAKER_CONNECT,
	TAKER_ACCEPT,
	TAKER_ACCEPT4,
	TAKER_READ,
	STACK_TAKERS,
};

/* Key: enum stack_taker; value: the stack being taken. Writers and readers: the programs. */
struct taking_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STACK_TAKERS);
	__type(key, __u32);
	__type(value, struct close_wait_stack);
};

extern struct origins_map origins SEC(".maps");
extern struct places_map places SEC(".maps");
extern struct stacks_map stacks SEC(".maps");
extern struct taking_map taking SEC(".maps");

/* Since the start. Reader: user space. */
extern __u64 origins_lost;
extern __u64 stacks_lost;
extern __u64 stacks_taken; /* entries added to `stacks` */
/* The program that takes connect() is also skipped for changes that it would let pass. */
extern __u64 connects_seen;
extern __u64 connects_taken;

static __always_inline struct close_wait_origin *origin_find(__u64 key)
{
	return key ? bpf_map_lookup_elem(&origins, &key) : NULL;
}

/* Keeps the first news of a socket. If there were others, what is known already, else NULL. */
static __always_inline struct close_wait_origin *origin_add(__u64 key,
							    const struct close_wait_origin *news)
{
	long error = bpf_map_update_elem(&origins, &key, news, BPF_NOEXIST);

	if (error == -17) /* EEXIST */
		return origin_find(key);
	if (error)
		__sync_fetch_and_add(&origins_lost, 1);
	return NULL;
}

static __always_inline __u64 origin_key(struct sock *sk)
{
	return settings.has_cookie ? bpf_get_socket_cookie(sk) : (__u64)sk;
}

/* The same of a socket that the verifier does not know as one, or that is being destroyed: 0 if it
 * was given no cookie. */
static __always_inline __u64 origin_key_probed(const struct sock *sk)
{
	if (!settings.has_cookie)
		return (__u64)sk;
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

#endif
