/*
 * Pins: a target is whole or untouched (abort, error, kill before commit),
 * temporary files of dead processes go and those that somebody may still be
 * writing stay, by pid, lock, host and age (a second host is only a name here),
 * special files and links keep their nature, the size limit, folders, the
 * places where data is looked for, JSON there and back, the digest against
 * the published FNV test vectors, that seals hold until something is changed.
 * Does not pin behaviour on power loss.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "sim/base/digest.h"
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/mmreplay-file-XXXXXX");
	return !mkdtemp(folder) || chdir(folder);
}

static int teardown(void **state)
{
	char *command = xasprintf("rm -rf '%s'", folder);
	int bad = chdir("/") || system(command);

	(void)state;
	free(command);
	return bad;
}

static void expect_text(const char *path, const char *want)
{
	struct errbuf e = { 0 };
	char *text;
	size_t bytes;

	assert_int_equal(file_read(path, 1 << 20, &text, &bytes, &e), 0);
	assert_string_equal(text, want);
	assert_int_equal(bytes, strlen(want));
	free(text);
}

static void write_text(const char *path, const char *text)
{
	struct atomic_file a;
	struct errbuf e = { 0 };

	if (atomic_open(&a, path, &e))
		fail_msg("%s", e.text);
	fputs(text, a.f);
	if (atomic_commit(&a, &e))
		fail_msg("%s", e.text);
}

static void t_whole_or_not(void **state)
{
	struct atomic_file a;
	struct errbuf e = { 0 };

	(void)state;
	write_text("x", "old");
	expect_text("x", "old");
	assert_int_equal(atomic_open(&a, "x", &e), 0);
	fputs("half", a.f);
	fflush(a.f);
	expect_text("x", "old");
	atomic_abort(&a);
	expect_text("x", "old");
	atomic_abort(&a);		/* again: nothing */
	write_text("x", "new");
	expect_text("x", "new");
}

static void t_open_fails(void **state)
{
	struct atomic_file a;
	struct errbuf e = { 0 }, f = { 0 };

	(void)state;
	assert_int_equal(atomic_open(&a, "no/x", &e), -ENOENT);
	assert_string_equal(e.text, "no/x: cannot write: No such file or directory");
	atomic_abort(&a);
	assert_int_equal(mkdir("d", 0777), 0);
	assert_int_equal(atomic_open(&a, "d", &f), -EISDIR);
	atomic_abort(&a);
}

/* /dev/full accepts the open and refuses the data. */
static void t_disk_full(void **state)
{
	struct atomic_file a;
	struct errbuf e = { 0 };

	(void)state;
	if (access("/dev/full", W_OK))
		skip();
	assert_int_equal(atomic_open(&a, "/dev/full", &e), 0);
	fputs("x", a.f);
	assert_int_equal(atomic_commit(&a, &e), -ENOSPC);
	assert_string_equal(e.text, "/dev/full: cannot write: No space left on device");
}

/* The reason of a write that failed long ago, with much written since. */
static void t_stream_full(void **state)
{
	FILE *f = fopen("/dev/full", "w");
	struct errbuf e = { 0 };

	(void)state;
	if (!f)
		skip();
	assert_int_equal(err_stream(&e, f, "table"), 0);
	for (int i = 0; i < 3 * BUFSIZ; i++)
		fputc('x', f);
	errno = 0;
	assert_int_equal(err_stream(&e, f, "table"), -ENOSPC);
	assert_string_equal(e.text, "table: cannot write: No space left on device");
	fclose(f);
}

/* A child that writes "cell" and then holds it; its pid. */
static pid_t writer(void)
{
	int told[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(told), 0);
	pid = fork();
	if (!pid) {
		struct atomic_file a;
		struct errbuf e = { 0 };

		alarm(20);
		if (atomic_open(&a, "cell", &e))
			_exit(1);
		fputs("half", a.f);
		fflush(a.f);
		(void)!write(told[1], "x", 1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(told[0], &byte, 1), 1);
	close(told[0]);
	close(told[1]);
	return pid;
}

/* The name of a temporary file of @pid, on this host or one that is not. */
static char *temp_name(pid_t pid, bool here)
{
	struct atomic_file a;
	struct errbuf e = { 0 };
	char host[9] = "";

	assert_int_equal(atomic_open(&a, "cell", &e), 0);
	assert_int_equal(sscanf(a.tmp_path, ".cell.%8[0-9a-f].", host), 1);
	atomic_abort(&a);
	if (!here)
		host[0] = host[0] == '0' ? '1' : '0';
	return xasprintf(".cell.%s.%d.tmp", host, (int)pid);
}

static void make_old(const char *name, time_t age_s)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - age_s },
				 { .tv_sec = time(NULL) - age_s } };
	int fd = open(name, O_WRONLY | O_CREAT, 0666);

	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, t), 0);
	close(fd);
}

/* Is a file of this name and age still there after a sweep? Leaves none. */
static bool survives(const char *name, time_t age_s)
{
	bool there;

	make_old(name, age_s);
	file_sweep(".");
	there = !access(name, F_OK);
	unlink(name);
	return there;
}

enum { DAY_S = 24 * 3600 };

/* Such a child that is killed, and waited for or not. */
static pid_t killed_writer(bool waited)
{
	pid_t pid = writer();
	siginfo_t info;

	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info,
				waited ? WEXITED : WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_code, CLD_KILLED);
	return pid;
}

/* As of two processes that have one pid, in two namespaces of one number. */
static void t_one_pid_twice(void **state)
{
	struct atomic_file a, b;
	struct errbuf e = { 0 };
	char *text;
	size_t bytes;

	(void)state;
	assert_int_equal(atomic_open(&a, "twice", &e), 0);
	assert_int_equal(atomic_open(&b, "twice", &e), 0);
	assert_string_not_equal(a.tmp_path, b.tmp_path);
	fputs("first", a.f);
	fputs("second", b.f);
	assert_int_equal(atomic_commit(&b, &e), 0);
	assert_int_equal(atomic_commit(&a, &e), 0);
	assert_int_equal(file_read("twice", 100, &text, &bytes, &e), 0);
	assert_string_equal(text, "first");
	free(text);
	unlink("twice");
}

static void t_sweep(void **state)
{
	char *alive = temp_name(getppid(), true), *away = temp_name(1 << 30, false);
	pid_t pid = killed_writer(true), holder;
	char *dead = temp_name(pid, true), *held;

	(void)state;
	assert_int_not_equal(access(dead, F_OK), 0);	/* by who wrote next */
	for (int waited = 0; waited < 2; waited++) {
		pid = killed_writer(waited);
		free(dead);
		dead = xasprintf(".cell.%.8s.%d.tmp", alive + 6, (int)pid);
		assert_int_equal(access(dead, F_OK), 0);
		assert_int_not_equal(access("cell", F_OK), 0);
		file_sweep(".");
		assert_int_not_equal(access(dead, F_OK), 0);
	}
	assert_true(survives(alive, 0));		/* about to be locked */
	assert_false(survives(alive, 120));		/* another's pid by now */
	assert_true(survives(away, 20 * DAY_S));	/* locks may not be seen */
	assert_false(survives(away, 40 * DAY_S));
	assert_true(survives(".cell.123456789.tmp", 40 * DAY_S));	/* anybody's */
	assert_true(survives(".notes.tmp", 40 * DAY_S));		/* not ours */
	holder = writer();
	held = xasprintf(".cell.%.8s.%d.tmp", alive + 6, (int)holder);
	make_old(held, 40 * DAY_S);
	file_sweep(".");
	assert_int_equal(access(held, F_OK), 0);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	file_sweep(".");
	assert_int_not_equal(access(held, F_OK), 0);
	file_sweep("no/such/folder");
	free(alive);
	free(away);
	free(dead);
	free(held);
}

static void t_special(void **state)
{
	struct stat st;

	(void)state;
	write_text("/dev/null", "gone");
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	write_text("real", "1");
	assert_int_equal(symlink("real", "link"), 0);
	write_text("link", "2");
	expect_text("real", "2");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void t_read(void **state)
{
	struct errbuf e = { 0 }, f = { 0 };
	size_t bytes;
	char *text;

	(void)state;
	write_text("ten", "0123456789");
	assert_int_equal(file_read("ten", 10, &text, &bytes, &e), 0);
	free(text);
	assert_int_equal(file_read("ten", 9, &text, &bytes, &e), -EFBIG);
	assert_string_equal(e.text, "ten: larger than 9 bytes");
	assert_null(text);
	assert_int_equal(file_read(".", 9, &text, &bytes, &f), -EISDIR);
	write_text("none", "");
	expect_text("none", "");
}

/* Pins that neither a pipe without a writer is waited for nor a file read that is
 * too large; and that a pipe is read where a user may name one. */
static void t_read_odd(void **state)
{
	struct errbuf e = { 0 }, big = { 0 };
	struct rusage before, after;
	uint64_t digested;
	struct digest d;
	size_t bytes;
	char *text;
	int writer;

	(void)state;
	assert_int_equal(mkfifo("odd", 0600), 0);
	assert_true(file_read("odd", 10, &text, &bytes, &e) < 0);
	assert_string_equal(e.text, "odd: is a pipe, expected a file");
	assert_true(digest_file(&d, "odd", &digested, &e) < 0);
	assert_null(file_stream("odd", &e));
	writer = open("odd", O_RDWR);
	assert_int_equal(write(writer, "abc", 3), 3);
	assert_true(file_read_given("odd", 2, &text, &bytes, &e) < 0);
	close(writer);
	assert_int_equal(unlink("odd"), 0);
	assert_int_equal(mkdir("odd", 0700), 0);
	assert_true(file_read("odd", 10, &text, &bytes, &e) < 0);
	assert_int_equal(rmdir("odd"), 0);
	writer = open("odd", O_CREAT | O_WRONLY, 0600);
	assert_int_equal(ftruncate(writer, (off_t)1 << 40), 0);
	close(writer);
	getrusage(RUSAGE_SELF, &before);
	assert_int_equal(file_read("odd", 1 << 29, &text, &bytes, &big), -EFBIG);
	getrusage(RUSAGE_SELF, &after);
	assert_true(after.ru_maxrss - before.ru_maxrss < 1 << 18);	/* KiB */
	unlink("odd");
}

static void t_make_dirs(void **state)
{
	struct errbuf e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(make_dirs("a/b//c/", &e), 0);
	assert_int_equal(make_dirs("a/b/c", &e), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	write_text("f", "");
	assert_int_equal(make_dirs("f", &e), -ENOTDIR);
	assert_string_equal(e.text, "f: cannot make folder: Not a directory");
}

static void t_data_path(void **state)
{
	char *before = getenv("MMREPLAY_DATA"), *keep = before ? xstrdup(before) : NULL;
	char *path;

	(void)state;
	setenv("MMREPLAY_DATA", "/some/where", 1);
	path = data_path("scenarios/x.yaml");
	assert_string_equal(path, "/some/where/scenarios/x.yaml");
	free(path);
	unsetenv("MMREPLAY_DATA");
	path = data_path("scenarios/x.yaml");	/* beside the sources, or relative */
	assert_non_null(strstr(path, "scenarios/x.yaml"));
	free(path);
	if (keep)
		setenv("MMREPLAY_DATA", keep, 1);
	free(keep);
}

static void t_json(void **state)
{
	struct errbuf e = { 0 }, f = { 0 }, g = { 0 };
	json_t *o = json_pack("{s:i, s:f, s:o}", "z", 1, "a", 0.1, "comm",
			      json_text("ok \xff\xc3\xa4\xc0\x80\xed\xa0\x80")), *back;

	(void)state;
	assert_int_equal(json_save("j.json", o, &e), 0);
	expect_text("j.json", "{\n \"z\": 1,\n \"a\": 0.1,\n \"comm\": \"ok "
		    "\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd"
		    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n}\n");
	back = json_read("j.json", &e);
	assert_true(json_equal(o, back));
	json_decref(back);
	json_decref(o);
	write_text("bad.json", "{\n  \"a\": 1,\n  \"a\": 2}");
	assert_null(json_read("bad.json", &f));
	assert_int_equal(strncmp(f.text, "bad.json:3:", 11), 0);
	assert_null(json_read("none.json", &g));
	assert_int_equal(g.code, -ENOENT);
}

/* Vectors: 128-bit FNV-1a of "" and "foobar" as published with the hash. */
static void t_digest(void **state)
{
	char text[DIGEST_TEXT_BYTES];
	struct digest d, split;

	(void)state;
	digest_init(&d);
	digest_text(&d, text);
	assert_string_equal(text, "6c62272e07bb014262b821756295c58d");
	split = d;
	digest_add(&d, "foobar", 6);
	digest_text(&d, text);
	assert_string_equal(text, "343e1662793c64bf6f0d3597ba446f18");
	digest_add(&split, "foo", 3);
	digest_add(&split, "bar", 3);
	assert_memory_equal(&d, &split, sizeof(d));
	digest_add_str(&d, "");
	assert_memory_not_equal(&d, &split, sizeof(d));
}

/* What a sealed file says of itself is what is found in it. */
static void t_sealed_file(void **state)
{
	struct atomic_file a;
	struct errbuf e = { 0 };
	char line[SEAL_LINE_BYTES], old[] = "{\"e\":\"whole\",\"bytes\":588895}\n";
	struct seal s;
	json_t *said, *found;

	(void)state;
	assert_int_equal(atomic_open_sealed(&a, "log", &e), 0);
	for (int i = 0; i < 100000; i++)	/* more than the buffer */
		fprintf(a.f, "%d\n", i);
	fprintf(a.f, "last\n");
	s = *atomic_seal(&a);
	said = seal_json(&s);
	assert_int_equal(s.bytes, 588895);
	assert_int_equal(atomic_commit(&a, &e), 0);
	found = seal_of_file("log");
	assert_true(json_equal(said, found));
	seal_line(&s, line);
	assert_true(seal_ends(&s, line));
	assert_true(seal_ends(&s, old));
	assert_int_equal(seal_beside("log", "log.json", &e), 0);
	assert_true(seal_holds("log", "log.json"));
	seal_add(&s, "x", 1);
	assert_false(seal_ends(&s, line));
	assert_false(seal_ends(&s, old));
	assert_int_equal(truncate("log", 588894), 0);
	assert_false(seal_holds("log", "log.json"));
	assert_false(seal_holds("log", "none.json"));
	assert_false(seal_holds("none", "log.json"));
	assert_true(seal_ends_at(line, 588895) && seal_ends_at(old, 588895));
	assert_false(seal_ends_at(line, 588896) || seal_ends_at("x\n", 0));
	json_decref(said);
	json_decref(found);
	if (access("/dev/full", W_OK))
		return;
	assert_int_equal(atomic_open_sealed(&a, "/dev/full", &e), 0);
	fputs("x", a.f);
	assert_int_equal(atomic_commit(&a, &e), -ENOSPC);
	assert_string_equal(e.text, "/dev/full: cannot write: No space left on device");
}

static enum seal_state state_of(const char *path, json_t *want)
{
	struct errbuf e = { 0 };
	enum seal_state state;
	json_t *got = json_read_sealed(path, NULL, &state, &e);

	assert_true(!got || json_equal(got, want));
	json_decref(got);
	return state;
}

/* Any byte of a sealed JSON file changed, each in turn: never taken as it was. */
static void t_sealed_json(void **state)
{
	json_t *o = json_pack("{s:i, s:f, s:[s]}", "z", 1, "a", 0.1, "b", "text");
	struct errbuf e = { 0 };
	char *text, *line;
	size_t bytes;

	(void)state;
	assert_int_equal(json_save_sealed("cell.json", o, &e), 0);
	assert_int_equal(state_of("cell.json", o), SEAL_HOLDS);
	assert_int_equal(file_read("cell.json", 1 << 20, &text, &bytes, &e), 0);
	assert_int_equal(strncmp(text, "{\n \"seal\": \"", 12), 0);
	for (size_t i = 0; i < bytes; i++) {
		enum seal_state changed;
		json_t *got;

		text[i] ^= 1;
		write_text("edited.json", text);
		got = json_read_sealed("edited.json", NULL, &changed, &e);
		assert_int_not_equal(changed, SEAL_HOLDS);
		json_decref(got);
		text[i] ^= 1;
	}
	line = strchr(text + 2, '\n') + 1;
	bytes -= (size_t)(line - text);
	memmove(text + 2, line, bytes + 1);	/* as an older program wrote it */
	write_text("old.json", text);
	assert_int_equal(state_of("old.json", o), SEAL_NONE);
	assert_int_equal(json_object_set_new(o, "z", json_integer(2)), 0);
	assert_int_equal(json_save_sealed("cell.json", o, &e), 0);
	assert_int_equal(state_of("cell.json", o), SEAL_HOLDS);
	free(text);
	json_decref(o);
}

/* Each member left out, wherever it stands and whatever it is, as from the tree;
 * also of a file without a seal. A member of a member is not the member. */
static void t_sealed_without(void **state)
{
	static const char *const of[] = { "hist", "a", "last", "none" };
	json_t *o = json_loads("{\"hist\": {\"x\": [[1, 2], [3, 4]], \"hist\": {}},"
		"\"a\": {\"hist\": {\"y\": 1}, \"last\": []}, \"empty\": {},"
		"\"text\": \"\\n \\\"hist\\\": {\", \"last\": {\"a\": [{}]}}", 0, NULL);
	struct errbuf e = { 0 };
	enum seal_state seal;

	(void)state;
	assert_non_null(o);
	assert_int_equal(json_save_sealed("sealed.json", o, &e), 0);
	assert_int_equal(json_save("bare.json", o, &e), 0);
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		json_t *want = json_copy(o), *got;

		json_object_del(want, of[i]);
		got = json_read_sealed("sealed.json", of[i], &seal, &e);
		assert_true(json_equal(got, want));
		assert_int_equal(seal, SEAL_HOLDS);
		json_decref(got);
		got = json_read_sealed("bare.json", of[i], &seal, &e);
		assert_true(json_equal(got, want));
		assert_int_equal(seal, SEAL_NONE);
		json_decref(got);
		json_decref(want);
	}
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_whole_or_not),
		cmocka_unit_test(t_open_fails),
		cmocka_unit_test(t_disk_full),
		cmocka_unit_test(t_stream_full),
		cmocka_unit_test(t_one_pid_twice),
		cmocka_unit_test(t_sweep),
		cmocka_unit_test(t_special),
		cmocka_unit_test(t_read),
		cmocka_unit_test(t_read_odd),
		cmocka_unit_test(t_make_dirs),
		cmocka_unit_test(t_data_path),
		cmocka_unit_test(t_json),
		cmocka_unit_test(t_digest),
		cmocka_unit_test(t_sealed_file),
		cmocka_unit_test(t_sealed_json),
		cmocka_unit_test(t_sealed_without),
	};

	return cmocka_run_group_tests_name("base/file", tests, setup, teardown);
}
