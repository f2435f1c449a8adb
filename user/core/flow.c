// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/flow.h"

#include <string.h>

#include "base/map.h"

struct flow flow_reverse(const struct flow *flow)
{
	struct flow reverse;

	memcpy(reverse.local, flow->remote, sizeof(reverse.local));
	memcpy(reverse.remote, flow->local, sizeof(reverse.remote));
	reverse.local_port = flow->remote_port;
	reverse.remote_port = flow->local_port;
	return reverse;
}

bool flow_canonical(const struct flow *flow, struct flow *canonical)
{
	int order = memcmp(flow->local, flow->remote, sizeof(flow->local));

	if (order > 0 || (order == 0 && flow->local_port > flow->remote_port)) {
		*canonical = flow_reverse(flow);
		return true;
	}
	*canonical = *flow;
	return false;
}

bool flow_equal(const struct flow *a, const struct flow *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint64_t flow_hash(const struct flow *flow)
{
	uint64_t words[4];
	uint64_t hash = (uint64_t)flow->local_port << 16 | flow->remote_port;

	memcpy(words, flow->local, sizeof(flow->local));
	memcpy(words + 2, flow->remote, sizeof(flow->remote));
	for (int i = 0; i < 4; i++)
		hash = hash_join(hash, words[i]);
	return hash;
}

static bool is_loopback(const uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t one[16] = {[15] = 1};

	if (memcmp(address, mapped, sizeof(mapped)) == 0)
		return address[12] == 127;
	return memcmp(address, one, sizeof(one)) == 0;
}

bool flow_is_loopback(const struct flow *flow)
{
	return is_loopback(flow->local) || is_loopback(flow->remote);
}
