/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The live source of records: everything of the kernel and of /proc that a session needs, opened
 * by the plan and let go in one go. It must not know what is made of the records.
 */
#ifndef TCPCLOSE_WITNESS_H
#define TCPCLOSE_WITNESS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/features.h"
#include "kernel/loss.h"
#include "kernel/ring.h"
#include "options.h"
#include "output/output.h"
#include "owner/cgroups.h"
#include "record.h"
#include "session.h"

#define WITNESS_DESCRIPTORS 4

struct witness;

/* Plans, and finds what the options name; nothing is attached yet. It and witness_attach() say
 * themselves why they cannot. */
enum exit_status witness_open(struct witness **witness, const struct options *options,
			      const struct features *features);
void witness_close(struct witness *witness);

/* Loads and attaches. Interfaces may be many and take long: take() already gets records. */
enum exit_status witness_attach(struct witness *witness, ring_take take, void *context);

/* Sockets tell nothing more; what is in the ring can still be drained. */
void witness_detach(struct witness *witness);

/* The sockets that existed before, as records: after attaching, so that none is missed. */
int witness_snapshot(struct witness *witness, ring_take take, void *context);

/* Readable when records wait in the ring. */
int witness_ring(const struct witness *witness);
/* Takes the records of the ring, as these do. */
enum ring_rest witness_drain(struct witness *witness, uint64_t now);
void witness_drain_all(struct witness *witness);
uint64_t witness_taken_until(const struct witness *witness);

/* Changes of interfaces and namespaces: descriptors to poll, and what to do then. */
unsigned int witness_descriptors(const struct witness *witness, struct pollfd *descriptors);
void witness_dispatch(struct witness *witness, const struct pollfd *descriptors,
		      unsigned int count);

/* After the core took a record: adds what only /proc knows, such as a missing owner. */
void witness_complete(struct witness *witness, const struct record *record, ring_take take,
		      void *context);

/* Records that never arrived so far. */
struct loss witness_lost(const struct witness *witness);

/* Whether the kernel's table of sockets can be asked, and whether the removal of a mini-socket has
 * to be noticed there. */
bool witness_can_look(const struct witness *witness);
bool witness_must_look(const struct witness *witness);
/* Valid as long as the witness. */
struct cgroups *witness_cgroups(const struct witness *witness);

uint32_t witness_home(const struct witness *witness);

struct output_lookup witness_lookup(struct witness *witness);

#endif
