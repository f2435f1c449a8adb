/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sockets in CLOSE_WAIT from look to look: who is a suspect, since when, in which group, and
 * whether a group grows. Pure: time comes with each look. It must not know how sockets are listed,
 * nor where holders and stacks come from, nor how a view is drawn.
 */
#ifndef TCPCLOSE_CORE_CLOSE_WAIT_H
#define TCPCLOSE_CORE_CLOSE_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stack.h"
#include "core/trend.h"
#include "origin.h"

/* A descriptor of the socket. Strings are from outside; NULL: not known, or there is none. */
struct close_wait_holder {
	uint32_t pid;
	int32_t fd;
	char comm[RECORD_COMM_LENGTH];
	const char *cgroup;    /* path */
	const char *container; /* short id */
	const char *engine;    /* docker, containerd, cri-o, podman */
	const char *unit;      /* of systemd: nginx.service */
	const char *pod;       /* of Kubernetes: its uid */
	bool foreign;          /* in another pid namespace than the tracer */
	bool stopped;          /* by a signal or a debugger */
};

struct close_wait_step {
	uint8_t how;      /* of the creation: OWNER_CONNECT, OWNER_ACCEPT; 0: not known */
	struct task task; /* pid 0: not known */
	uint64_t time;
	const struct stack *stack; /* NULL: none was kept */
};

/* One suspect. Const and valid until the next look; times are boot-clock ns. */
struct close_wait_report {
	uint64_t time; /* of the look */
	struct flow flow;
	uint32_t netns;
	uint32_t uid;
	uint64_t cgroup;
	uint64_t since; /* 0: older than the tracer, then the age is a lower bound */
	uint64_t age;
	uint32_t unread_bytes;
	bool eof_read;
	bool accepted; /* false: it is still in the queue of its listener, whose holders these are
			*/
	const struct close_wait_holder *holders;
	uint32_t holder_count;
	bool holders_known; /* they were looked for: a count of 0 says that nobody holds it */
	struct close_wait_step created;
	struct close_wait_step last_read; /* in CLOSE_WAIT; time 0: none was seen */
	uint32_t last_read_bytes;
};

struct close_wait_peer {
	uint8_t address[16];
	uint64_t count;
};

#define CLOSE_WAIT_PEERS 5

/* Suspects of one program and one creating stack. */
struct close_wait_group {
	char comm[RECORD_COMM_LENGTH]; /* of who holds them; empty: nobody, or not known */
	bool holders_known;
	bool held;                 /* false: nobody holds them */
	bool accepted;             /* false: they wait for accept(); comm is who listens */
	uint32_t pid;              /* of the process that holds the most */
	uint32_t processes;        /* that hold any */
	uint8_t how;               /* OWNER_CONNECT, OWNER_ACCEPT; 0: not known */
	const struct stack *stack; /* NULL: not known */
	uint64_t count;
	uint64_t eof_read;      /* of them: those that the program read to the end */
	uint64_t unread_bytes;  /* of all of them */
	uint64_t oldest;        /* age, ns */
	bool oldest_at_least;   /* ... which is a lower bound */
	int64_t growth_per_min; /* in thousandths */
	enum trend_direction trend;
	struct close_wait_peer peers[CLOSE_WAIT_PEERS]; /* by address, the most first */
	uint32_t peer_count;                            /* how many are in peers */
	uint32_t all_peers;                             /* how many there are */
	uint16_t port;  /* of the service: local where they were accepted, else remote; 0:
			   several */
	uint32_t netns; /* 0: several */
	const struct close_wait_report *example; /* the oldest */
	const char *advice;                      /* a sentence without a full stop */
	const char *kill; /* the command that would end them, NULL: none is known */
};

/* Const and valid until the next look. */
struct close_wait_view {
	uint64_t time;
	uint64_t threshold;     /* ns */
	uint64_t in_close_wait; /* sockets in that state, suspects or not */
	uint64_t suspects;
	uint64_t oldest; /* age of the oldest suspect */
	bool oldest_at_least;
	const struct close_wait_report *const *fresh; /* suspects not told of yet */
	size_t fresh_count;
	const struct close_wait_group *groups; /* the largest first */
	size_t group_count;
	uint64_t dropped;      /* sockets beyond what is kept */
	uint64_t origins_lost; /* creations that found no room in the kernel */
	uint64_t stacks_lost;  /* the same of stacks */
	bool final;
};

/* What is found out about a suspect by who knows processes. */
struct close_wait_facts {
	const struct close_wait_holder *holders;
	uint32_t holder_count;
	bool holders_known;
	bool listened; /* there is a listener on its local port */
	bool unwanted; /* a filter leaves it out */
};

struct close_wait_lookup {
	void *context;
	/* What the kernel's programs kept. False: nothing. */
	bool (*origin)(void *context, const struct close_wait_found *found,
		       struct close_wait_origin *origin);
	/* The stack of a call of this process; NULL: not known. */
	const struct stack *(*stack)(void *context, uint32_t pid, uint64_t key);
	/* Of a suspect: what it points to is valid until the next look. */
	void (*facts)(void *context, const struct close_wait_found *found,
		      struct close_wait_facts *facts);
};

struct close_wait;

/* Keeps at most `limit` sockets; what comes beyond is counted. NULL without memory. */
struct close_wait *close_wait_new(uint64_t threshold, size_t limit, uint32_t home_netns,
				  const struct close_wait_lookup *lookup);
void close_wait_free(struct close_wait *close_wait);

/* A look: all sockets that are in CLOSE_WAIT now, one by one. What is not among them has left. */
void close_wait_begin(struct close_wait *close_wait, uint64_t now);
void close_wait_add(struct close_wait *close_wait, const struct close_wait_found *found);
void close_wait_end(struct close_wait *close_wait);

/* After a look: the suspects, whose facts a view will ask for. */
size_t close_wait_suspects(const struct close_wait *close_wait);
const struct close_wait_found *close_wait_suspect(const struct close_wait *close_wait,
						  size_t index);

/* Sockets known now become suspects one after the other, unless they leave: when the next one does;
 * UINT64_MAX: there are no others. */
uint64_t close_wait_deadline(const struct close_wait *close_wait);

/* What is to be shown after a look; NULL without memory. */
const struct close_wait_view *close_wait_view(struct close_wait *close_wait, bool final);

/* The fresh ones of the last view have been told of. */
void close_wait_told(struct close_wait *close_wait);

/* The losses that the view is to tell of. */
void close_wait_note_losses(struct close_wait *close_wait, uint64_t origins, uint64_t stacks);

#endif
