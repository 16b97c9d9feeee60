/*
 * Capture, as far as it needs no right to trace: stamps of ticks become
 * nanoseconds, the guard puts things back whatever happens to its parent,
 * the layout of a process, facts of the machine. t_capture.sh captures.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "traces/capture/tracer.h"

static char dir[] = "/tmp/t_capture.XXXXXX";

/* 2.5 GHz: 2,500 ticks a microsecond, from tick 1000 at 7 s on */
static const struct stamp_clock clock_2500 = {
	.ticks = true, .tick = { 1000, 1000 + 2500000 },
	.mono_ns = { 7000000000, 7001000000 },
};

static void t_clock(void **state)
{
	(void)state;
	assert_int_equal(stamp_clock_ns(&clock_2500, 1000), 7000000000);
	assert_int_equal(stamp_clock_ns(&clock_2500, 1000 + 2500), 7000001000);
	assert_int_equal(stamp_clock_ns(&clock_2500, 1000 + 5), 7000000002);
	/* before the first pair and after the second as well */
	assert_int_equal(stamp_clock_ns(&clock_2500, 1000 - 250), 6999999900);
	assert_int_equal(stamp_clock_ns(&clock_2500, 1000 + 5000000),
			 7002000000);
}

/* The clock of this machine: 10 ms by ticks are 10 ms. */
static void t_clock_here(void **state)
{
	struct stamp_clock c = { .ticks = true };
	int64_t ns;

	(void)state;
	if (!stamp_clock_usable())
		skip();
	stamp_clock_read(&c, 0);
	usleep(10000);
	stamp_clock_read(&c, 1);
	ns = stamp_clock_ns(&c, c.tick[1]) - stamp_clock_ns(&c, c.tick[0]);
	assert_int_equal(ns, c.mono_ns[1] - c.mono_ns[0]);
	assert_true(ns >= 10000000);
}

static char *rewritten(const char *text, uint64_t *lines, uint64_t *lost)
{
	FILE *from = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	char *out = NULL;
	size_t bytes;
	FILE *to = open_memstream(&out, &bytes);

	assert_int_equal(stamp_rewrite(&clock_2500, from, to, lines, lost), 0);
	fclose(from);
	fclose(to);
	return out;
}

/* Only the stamp changes, whatever the comm looks like. */
static void t_stamps(void **state)
{
	static const char in[] =
		"           churn-9238    (   9238) [000] ..... 3500: sys_mmap(addr: 0)\n"
		"  a [0] 17: b-77    (-------) [001] d..2. 1000: page_fault_user: address=0x1 ip=0x2\n"
		"     kworker/0:2-12     [000] 6000: free_vmap_area_noflush: va_start=0x1\n"
		"CPU:1 [LOST 982 EVENTS]\n"
		"           comm-1     [000] ..... notime: x\n"
		"\n";
	static const char want[] =
		"           churn-9238    (   9238) [000] ..... 7.000001000: sys_mmap(addr: 0)\n"
		"  a [0] 17: b-77    (-------) [001] d..2. 7.000000000: page_fault_user: address=0x1 ip=0x2\n"
		"     kworker/0:2-12     [000] 7.000002000: free_vmap_area_noflush: va_start=0x1\n"
		"CPU:1 [LOST 982 EVENTS]\n"
		"           comm-1     [000] ..... notime: x\n"
		"\n";
	uint64_t lines, lost;
	char *out = rewritten(in, &lines, &lost);

	(void)state;
	assert_string_equal(out, want);
	assert_int_equal(lines, 6);
	assert_int_equal(lost, 982);
	free(out);
}

/* ---- the guard ---- */

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Changes a value and makes a folder, as a capture does, and dies by @sig. */
static void change_and_die(const char *value, const char *folder, int sig)
{
	struct errbuf e = { 0 };
	struct guard g;
	char *file = xasprintf("%s/trace.txt", folder);

	if (guard_start(&g, &e))
		_exit(1);
	guard_value(&g, value, "old");
	put_file(value, "");
	guard_folder(&g, folder);
	mkdir(folder, 0700);
	put_file(file, "text");
	if (sig)
		raise(sig);
	_exit(guard_finish(&g, &e) ? 2 : 0);
}

static bool gone(const char *folder)
{
	for (int i = 0; i < 400; i++) {
		if (access(folder, F_OK))
			return true;
		usleep(10000);
	}
	return false;
}

/* A value is appended, as everywhere in tracefs: an empty file shows it. */
static void t_guard(void **state)
{
	static const int ends[] = { 0, SIGINT, SIGTERM, SIGKILL, SIGSEGV };
	char *value = xasprintf("%s/value", dir);
	char *folder = xasprintf("%s/folder", dir), *text;
	struct errbuf e = { 0 };
	size_t bytes;
	int status;

	(void)state;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		pid_t child = fork();

		if (!child) {
			signal(SIGSEGV, SIG_DFL);
			change_and_die(value, folder, ends[i]);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (ends[i])
			assert_int_equal(WTERMSIG(status), ends[i]);
		else
			assert_int_equal(status, 0);
		assert_true(gone(folder));
		usleep(20000);		/* the value is put back after it */
		assert_int_equal(file_read(value, 100, &text, &bytes, &e), 0);
		assert_string_equal(text, "old");
		free(text);
	}
	free(value);
	free(folder);
}

/* What cannot be put back is said. */
static void t_guard_fails(void **state)
{
	char *file = xasprintf("%s/no/such/file", dir);
	struct errbuf e = { 0 };
	struct guard g;

	(void)state;
	assert_int_equal(guard_start(&g, &e), 0);
	guard_value(&g, file, "1");
	assert_true(guard_finish(&g, &e) < 0);
	assert_non_null(strstr(e.text, "put back"));
	free(file);
}

/* ---- snapshots ---- */

static void t_layout(void **state)
{
	struct capture_options o = { .all = true };
	struct capture_result out = { 0 };
	struct tracer s = { .o = &o, .out = &out };
	char *path = xasprintf("%s/maps.txt", dir), *text, *want;
	struct errbuf e = { 0 };
	size_t bytes;

	(void)state;
	snprintf(s.work, sizeof(s.work), "%s", dir);
	assert_int_equal(snapshot_process(&s, (uint32_t)getpid(), &e), 0);
	assert_int_equal(file_read(path, 1 << 24, &text, &bytes, &e), 0);
	want = xasprintf("# pid %ld comm ", (long)getpid());
	assert_memory_equal(text, want, strlen(want));
	assert_non_null(strstr(text, "[stack]"));
	assert_non_null(strstr(text, "\n# resident "));
	free(text);
	free(want);
	/* a process that is gone is no error */
	assert_int_equal(snapshot_process(&s, 0x3fffffff, &e), 0);
	free(path);
}

static void t_facts(void **state)
{
	char *argv[] = { "/bin/true", "a\"b", NULL };
	struct capture_options o = { .command = argv };
	struct capture_result out = { .lost = 10 };
	struct tracer s = { .o = &o, .out = &out, .lost_in_text = 4,
			     .event_count = 1 };
	char *path = xasprintf("%s/capture.json", dir), *text;
	struct errbuf e = { 0 };
	size_t bytes;

	(void)state;
	snprintf(s.work, sizeof(s.work), "%s", dir);
	snprintf(s.event[0], sizeof(s.event[0]), "tlb/tlb_flush");
	assert_int_equal(snapshot_facts(&s, &e), 0);
	assert_int_equal(file_read(path, 1 << 20, &text, &bytes, &e), 0);
	assert_non_null(strstr(text, "\"total\": 6"));
	assert_non_null(strstr(text, "tlb/tlb_flush"));
	assert_non_null(strstr(text, "kernel_release"));
	assert_non_null(strstr(text, "a\\\"b"));
	free(text);
	free(path);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
	char *cmd = xasprintf("rm -rf '%s'", dir);
	int code = system(cmd);

	(void)state;
	free(cmd);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_clock),
		cmocka_unit_test(t_clock_here),
		cmocka_unit_test(t_stamps),
		cmocka_unit_test(t_guard),
		cmocka_unit_test(t_guard_fails),
		cmocka_unit_test(t_layout),
		cmocka_unit_test(t_facts),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
