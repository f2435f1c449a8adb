/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * When the ephemeral ports towards one destination run out, and what helps: a pure function of the
 * sysctls' values and of who enters and leaves TIME_WAIT. It must not know where either comes from.
 */
#ifndef TCPCLOSE_CORE_PORT_PRESSURE_H
#define TCPCLOSE_CORE_PORT_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "population.h"

/* Sysctls of one network namespace (net.ipv4.*), with their present values. */
struct port_limits {
	uint32_t first; /* ip_local_port_range */
	uint32_t last;
	uint32_t usable;       /* of them, those not in ip_local_reserved_ports */
	uint32_t widest;       /* the same of 1024-65535 */
	uint32_t reserved;     /* of first to last: those that are */
	uint32_t tw_reuse;     /* tcp_tw_reuse: 0 off, 1 on, 2 loopback only */
	uint64_t reuse_delay;  /* tcp_tw_reuse_delay, ns */
	bool timestamps;       /* tcp_timestamps is not 0 */
	uint32_t fin_timeout;  /* tcp_fin_timeout, s */
	uint32_t max_tw_count; /* tcp_max_tw_buckets */
};

/* Ports of first to last that a list as of ip_local_reserved_ports ("8080,9000-9010") leaves. */
uint32_t ports_usable(uint32_t first, uint32_t last, const char *reserved);

/* Those that will leave between two times from now, in time order. */
struct port_leaving {
	uint64_t from; /* ns from now */
	uint64_t to;
	double count;
};

/* What one (local address, remote address, remote port) asks for. */
struct port_demand {
	uint8_t local[16];
	uint8_t remote[16];
	uint32_t netns;
	uint16_t remote_port;
	char comm[RECORD_COMM_LENGTH]; /* the program with the most of them; empty: not known */
	uint64_t in_time_wait;
	uint64_t in_use;   /* ports of live connections to the same destination; 0: not known */
	uint64_t rate;     /* that enter, per 1000 s */
	uint64_t net_rate; /* the same without those that end before their timer */
	uint64_t wait;     /* how long a TIME_WAIT lasts here, ns */
	const struct port_leaving *leaving;
	unsigned int leaving_count;
};

struct port_forecast {
	bool reusable;         /* a connect() may take over what waited for reuse_delay */
	bool exhausts;         /* at the present rate the ports run out ... */
	uint64_t exhausted_in; /* ... in so many ns; 0: there are none left */
};

struct port_forecast port_forecast(const struct port_limits *limits,
				   const struct port_demand *demand);

/* More than half of the ports are held, or they will run out. */
bool port_pressing(const struct port_limits *limits, const struct port_demand *demand,
		   const struct port_forecast *forecast);

/* What helps, the most useful first: sentences without a full stop, each ended by a NUL. How many;
 * none where nothing presses. */
unsigned int port_advice(struct buffer *out, const struct port_limits *limits,
			 const struct port_demand *demand, const struct port_forecast *forecast);

#endif
