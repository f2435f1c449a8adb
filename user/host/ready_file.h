/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The file whose appearance says that everything is attached. Knows nothing of what is.
 */
#ifndef TCPCLOSE_HOST_READY_FILE_H
#define TCPCLOSE_HOST_READY_FILE_H

/* One of an earlier run: it would say what is not so yet. */
void ready_file_remove(const char *path);

/* No path is fine. 0; or a negative errno, and it has said itself what is wrong. */
int ready_file_create(const char *path);

#endif
