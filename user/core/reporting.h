/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The reports of one connection: made of its story, counted, given to the listener. It must not
 * know when they are due.
 */
#ifndef TCPCLOSE_CORE_REPORTING_H
#define TCPCLOSE_CORE_REPORTING_H

#include "core/correlator_state.h"

/* All that is reported of it was. */
bool reporting_is_done(const struct connection *connection);

/* Of each socket whose teardown is over. */
void reporting_of_over(struct correlator *correlator, struct connection *connection);

/* What is open, as it stands: the source ended, or memory is needed. */
void reporting_as_it_stands(struct correlator *correlator, struct connection *connection,
			    enum incomplete_reason reason);

/* Of a capture: the end that began to close stands for the connection. `reason` (enum
 * incomplete_reason, or 0) is why it is reported before it is closed, if so. */
void reporting_of_wire(struct correlator *correlator, struct connection *connection,
		       uint32_t reason);

#endif
