/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Programs attached where accept() and accept4() return to user space. libbpf would look for these
 * events in a tracefs that need not be mounted. Knows nothing of what the programs do.
 */
#ifndef TCPCLOSE_KERNEL_ACCEPT_LINKS_H
#define TCPCLOSE_KERNEL_ACCEPT_LINKS_H

#include <bpf/libbpf.h>

#include "base/buffer.h"

struct accept_links {
	struct bpf_link *links[2];
};

/* Before the skeleton is loaded: libbpf leaves them to accept_links_attach(). */
void accept_links_prepare(struct bpf_program *accept4, struct bpf_program *accept);

/* What could not be attached is told in `why`. */
void accept_links_attach(struct accept_links *links, const struct bpf_program *accept4,
			 const struct bpf_program *accept, struct buffer *why);
void accept_links_detach(struct accept_links *links);

#endif
