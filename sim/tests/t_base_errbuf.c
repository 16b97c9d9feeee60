/*
 * Pins: the first error stays, places, exit statuses, the exact form of the
 * unknown-name message, that control characters do not reach a terminal and
 * that an overlong text is cut. Does not pin which of two equally near names
 * is proposed beyond "the earlier one".
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sim/base/errbuf.h"

static const char *const axes[] = { "mm_lock", "munmap", "vma_free", "vmap" };

static void t_first_error_stays(void **state)
{
	struct errbuf e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, -ENOENT, "a %d", 1), -ENOENT);
	assert_int_equal(err_usage(&e, "b"), -EINVAL);
	assert_string_equal(e.text, "a 1");
	assert_int_equal(e.code, -ENOENT);
	assert_int_equal(e.exit_status, 1);
}

static void t_no_buffer_is_fine(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
}

static void t_places(void **state)
{
	struct errbuf e = { 0 }, f = { 0 }, g = { 0 }, h = { 0 };

	(void)state;
	err_at(&e, -EINVAL, (struct loc){ "a.yaml", 12, 7 }, "bad");
	assert_string_equal(e.text, "a.yaml:12:7: bad");
	err_at(&f, -EINVAL, (struct loc){ "a.yaml", 12, 0 }, "bad");
	assert_string_equal(f.text, "a.yaml:12: bad");
	err_at(&g, -EINVAL, (struct loc){ "a.yaml", 0, 0 }, "bad");
	assert_string_equal(g.text, "a.yaml: bad");
	err_at(&h, -EINVAL, (struct loc){ 0 }, "bad");
	assert_string_equal(h.text, "bad");
}

static void t_sys(void **state)
{
	struct errbuf e = { 0 };

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&e, "x.mmt", "cannot open"), -ENOENT);
	assert_string_equal(e.text,
			    "x.mmt: cannot open: No such file or directory");
}

static void t_unknown(void **state)
{
	struct errbuf e = { 0 }, f = { 0 };

	(void)state;
	err_unknown(&e, (struct loc){ "d.yaml", 3, 1 }, "key", "mm_lok", axes, 4);
	assert_string_equal(e.text, "d.yaml:3:1: unknown key 'mm_lok'; did you "
			    "mean 'mm_lock'? known: mm_lock, munmap, vma_free, vmap");
	assert_int_equal(e.exit_status, 1);
	err_unknown(&f, (struct loc){ 0 }, "axis", "zebra", axes, 2);
	assert_string_equal(f.text, "unknown axis 'zebra'; known: mm_lock, munmap");
	assert_int_equal(f.exit_status, 2);
}

static void t_nearest(void **state)
{
	char longest[200];

	(void)state;
	assert_string_equal(nearest_name("MMAP_LOCK", axes, 4), "mm_lock");
	assert_string_equal(nearest_name("vamp", axes, 4), "vmap");
	assert_string_equal(nearest_name("mumnap", axes, 4), "munmap");
	assert_null(nearest_name("", axes, 4));
	assert_null(nearest_name("rcu", axes, 4));
	memset(longest, 'm', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_null(nearest_name(longest, axes, 4));
}

static void t_hostile_text(void **state)
{
	struct errbuf e = { 0 }, f = { 0 };
	char big[2 * ERRBUF_BYTES];

	(void)state;
	err_set(&e, -EINVAL, "comm \033[31m\r!");
	assert_string_equal(e.text, "comm ?[31m?!");
	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_set(&f, -EINVAL, "%s", big);
	assert_int_equal(strlen(f.text), ERRBUF_BYTES - 1);
	assert_string_equal(f.text + ERRBUF_BYTES - 5, "a...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_first_error_stays),
		cmocka_unit_test(t_no_buffer_is_fine),
		cmocka_unit_test(t_places),
		cmocka_unit_test(t_sys),
		cmocka_unit_test(t_unknown),
		cmocka_unit_test(t_nearest),
		cmocka_unit_test(t_hostile_text),
	};

	return cmocka_run_group_tests_name("base/errbuf", tests, NULL, NULL);
}
