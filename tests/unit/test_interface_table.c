// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/interface_table.h"

/* The messages of the first's end, and of its interfaces, are read before any about the second. */
static void a_number_given_again_is_the_oldest_ones(void **state)
{
	struct interface_namespace *first, *second;
	struct interface_table table;

	(void)state;
	assert_int_equal(interface_table_init(&table), 0);
	first = interface_table_add_namespace(&table, 4026532001, 5);
	assert_non_null(first);
	assert_non_null(interface_table_add_namespace(&table, 4026532002, 6));
	second = interface_table_add_namespace(&table, 4026532003, 5);
	assert_non_null(second);
	assert_ptr_equal(interface_table_nsid(&table, 5), first);
	assert_ptr_equal(interface_table_namespace(&table, 4026532003), second);
	interface_table_remove_namespace(&table, first);
	assert_ptr_equal(interface_table_nsid(&table, 5), second);
	interface_table_remove_namespace(&table, second);
	assert_null(interface_table_nsid(&table, 5));
	assert_null(interface_table_namespace(&table, 4026532001));
	interface_table_remove_namespace(&table, interface_table_nsid(&table, 6));
	interface_table_done(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_given_again_is_the_oldest_ones),
	};

	return cmocka_run_group_tests_name("interface_table", tests, NULL, NULL);
}
