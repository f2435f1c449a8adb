// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "core/flow.h"

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
