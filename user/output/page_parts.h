/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The parts of the page that are the same in all of them, as page_parts.S takes them from the
 * files in page/: the program needs none of those when it runs.
 */
#ifndef TCPCLOSE_OUTPUT_PAGE_PARTS_H
#define TCPCLOSE_OUTPUT_PAGE_PARTS_H

extern const char page_head[], page_head_end[]; /* up to the first block of data */
extern const char page_tail[], page_tail_end[]; /* from behind the last one */

#endif
