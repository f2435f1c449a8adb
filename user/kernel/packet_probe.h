/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The second witness as user space holds it: the packet object, loaded as the plan says, and its
 * attachment to one interface. Knows nothing of which interfaces there are.
 */
#ifndef TCPCLOSE_KERNEL_PACKET_PROBE_H
#define TCPCLOSE_KERNEL_PACKET_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "kernel/loss.h"
#include "kernel/plan.h"
#include "kernel/socket_probe.h"
#include "packet/fin_acks.h"
#include "settings.h"

struct packet_probe;
struct packet_attachment;

/* Loads the programs onto the maps of the socket witness. On failure a negative errno and in `why`
 * what failed, one clause. */
int packet_probe_open(struct packet_probe **probe, const struct plan *plan,
		      const struct settings *settings, struct shared_maps maps, struct buffer *why);
/* After all attachments. */
void packet_probe_close(struct packet_probe *probe);

/* Segments that were not told of, the ring apart. */
void packet_probe_lost(const struct packet_probe *probe, struct loss *loss);

/* What follows acts in the network namespace in which the caller is, and keeps none alive. */

/* Both directions of an interface, or nothing. On failure a negative errno, -EPROTONOSUPPORT for
 * a type (ARPHRD_...) whose packets cannot be read, and one clause in `why`; with 0, `why` may
 * say what was not to be had. */
int packet_attach(struct packet_attachment **attachment, struct packet_probe *probe,
		  uint32_t interface, uint16_t type, struct buffer *why);
void packet_detach(struct packet_attachment *attachment);
/* The interface is gone, or is elsewhere, and nothing here may be touched in its name. */
void packet_forget(struct packet_attachment *attachment);

/* False when the kernel let go of it, as it does with an interface that is deleted. */
bool packet_is_attached(const struct packet_attachment *attachment);

/* "tcx", "clsact", "XDP (native), tcx out" ... */
const char *packet_mechanism(const struct packet_attachment *attachment);

/* Whether it must be detached, in the interface's own namespace; else it goes with the process. */
bool packet_outlives(const struct packet_attachment *attachment);

#endif
