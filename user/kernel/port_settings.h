/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The sysctls that decide how many ports there are and how long TIME_WAIT holds them, of any
 * network namespace that can be entered. Kept for some seconds: they rarely change and asking costs
 * a walk of /proc. Knows nothing of what is made of them.
 */
#ifndef TCPCLOSE_KERNEL_PORT_SETTINGS_H
#define TCPCLOSE_KERNEL_PORT_SETTINGS_H

#include <stdint.h>

/* net.ipv4.* of one namespace; what this kernel does not have is 0. */
struct port_settings {
	uint32_t first_port; /* ip_local_port_range */
	uint32_t last_port;
	const char *reserved; /* ip_local_reserved_ports, as the kernel writes it */
	uint32_t tw_reuse;
	uint32_t tw_reuse_delay_ms; /* Linux 6.14 */
	uint32_t timestamps;
	uint32_t fin_timeout;
	uint32_t max_tw_buckets;
	uint32_t rfc1337;
};

struct port_settings_cache;

struct port_settings_cache *port_settings_cache_new(void); /* NULL without memory */
void port_settings_cache_free(struct port_settings_cache *cache);

/* Those of a namespace at a time of the boot clock; valid until the next call. NULL when it cannot
 * be entered or is gone. */
const struct port_settings *port_settings_find(struct port_settings_cache *cache, uint32_t netns,
					       uint64_t now);

#endif
