/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Where the debug information of a stripped file is: by build id or by name, in our root and in
 * that of the process. Only files, never the network. A file that does not belong is not taken.
 */
#ifndef TCPCLOSE_SYMBOLS_DEBUG_FILES_H
#define TCPCLOSE_SYMBOLS_DEBUG_FILES_H

#include <elfutils/libdwfl.h>
#include <stdint.h>

#include "symbols/safe_files.h"

struct debug_place {
	const struct safe_files *files;
	int process_root; /* below 0: none */
	const char *path; /* of the file in it */
};

/* For the callback find_debuginfo of libdwfl: a descriptor, or below 0. */
int debug_files_find(const struct debug_place *place, Dwfl_Module *module, const char *link,
		     uint32_t checksum);

#endif
