/*
 * Pins that names from a trace stay text wherever they come out: terminal,
 * CSV, JSON, Markdown, HTML, folded stacks, gnuplot scripts and the pictures
 * drawn from them. The names try markup, quotes, newlines, separators,
 * formats, shell and terminal escapes (fixture.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analysis/table.h"
#include "analysis/tests/fixture.h"
#include "sim/base/file.h"
#include "sim/base/mem.h"

static int setup(void **state)
{
	static const struct fixture f = {
		.policies = 3, .replicates = 3, .ops = 60, .series_points = 50,
		.seed = 5, .jitter = true, .hostile = true,
	};
	struct room *r = xcalloc(1, sizeof(*r));

	*r = room_open(&f);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct room *r = *state;

	room_close(r);
	free(r);
	return 0;
}

/* Printable bytes and newlines; no C1 controls, no direction marks. */
static void assert_calm(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		assert_true(*p >= 0x20 || *p == '\n' || *p == '\t');
		assert_true(*p != 0x7f);
		if (p[0] == 0xc2)
			assert_true(p[1] >= 0xa0);
		if (p[0] == 0xe2 && p[1] == 0x80)
			assert_true(p[2] < 0xaa || p[2] > 0xae);
	}
}

static char *as(const struct room *r, enum compare_format form)
{
	struct compare_options o = { .format = form };

	return fixture_compare(r->s, &o);
}

static uint32_t lines_of(const char *text)
{
	uint32_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void t_text(void **state)
{
	struct room *r = *state;
	char *text = as(r, COMPARE_TEXT);

	assert_calm(text);
	assert_non_null(strstr(text, "\\x1b[31m"));	/* it is there, as text */
	free(text);
}

static void t_csv(void **state)
{
	struct room *r = *state;
	char *text = as(r, COMPARE_CSV), *line;
	struct compare_options o = { 0 };
	struct errbuf e = { 0 };
	struct table t;

	assert_calm(text);
	assert_int_equal(table_build(&t, r->s, &o, &e), 0);
	/* a name never starts a line of its own */
	assert_int_equal(lines_of(text), 1 + t.measures.count * 3);
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		uint32_t fields = 1;
		bool quoted = false;

		for (const char *p = line; *p != '\n'; p++) {
			quoted ^= *p == '"';
			fields += *p == ',' && !quoted;
		}
		assert_false(quoted);
		assert_int_equal(fields, 18);
		assert_false(strchr("=+-@", *line));
	}
	table_release(&t);
	free(text);
}

static void t_json(void **state)
{
	struct room *r = *state;
	char *text = as(r, COMPARE_JSON);
	json_t *root = json_loads(text, 0, NULL);

	assert_non_null(root);
	assert_calm(text);
	json_decref(root);
	free(text);
}

static void t_markdown(void **state)
{
	struct room *r = *state;
	char *text = as(r, COMPARE_MARKDOWN);

	assert_calm(text);
	assert_null(strchr(text, '<'));
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		uint32_t bars = 0;

		if (*line != '|')
			continue;
		for (const char *p = line; *p != '\n'; p++)
			bars += *p == '|' && (p == line || p[-1] != '\\');
		assert_int_equal(bars, 5);
	}
	free(text);
}

static void t_folded(void **state)
{
	struct room *r = *state;
	struct errbuf e = { 0 };
	char *text = NULL, *line;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	assert_int_equal(flame_write(r->s, f, &e), 0);
	fclose(f);
	assert_calm(text);
	assert_true(lines_of(text) >= 9);
	for (line = text; *line; line += strcspn(line, "\n") + 1) {
		uint32_t blanks = 0, frames = 1;
		const char *last = line;

		for (const char *p = line; *p != '\n'; p++) {
			blanks += *p == ' ';
			frames += *p == ';';
			last = *p == ' ' ? p + 1 : last;
		}
		assert_int_equal(blanks, 1);
		assert_int_equal(frames, 4);
		assert_true(atoll(last) > 0);
	}
	free(text);
}

/* Tags of our own only, each opened and closed; one script, ours. */
static void t_html(void **state)
{
	struct room *r = *state;
	struct errbuf e = { 0 };
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);
	uint32_t scripts = 0;

	assert_int_equal(report_write(r->s, r->dir, f, &e), 0);
	fclose(f);
	assert_calm(text);
	for (const char *p = text; (p = strstr(p, "<script")); p++)
		scripts++;
	assert_int_equal(scripts, 1);
	assert_null(strstr(text, "<b>"));
	assert_non_null(strstr(text, "&lt;script&gt;alert(1)"));
	/* nothing is fetched: no address outside of data URLs */
	assert_null(strstr(text, "http:"));
	assert_null(strstr(text, "https:"));
	assert_null(strstr(text, "src=\"/"));
	free(text);
}

static char *slurp(const char *dir, const char *name)
{
	char *path = xasprintf("%s/plots/%s", dir, name), *text;
	struct errbuf e = { 0 };
	size_t bytes;

	if (file_read(path, (size_t)1 << 26, &text, &bytes, &e))
		fail_msg("%s", e.text);
	free(path);
	return text;
}

/* gnuplot draws them all, runs nothing, and the pictures hold text only. */
static void t_plots(void **state)
{
	struct room *r = *state;
	struct plot_options o = { .dir = r->dir };
	struct errbuf e = { 0 };
	char *list = NULL, *plots = xasprintf("%s/plots", r->dir), *save = NULL;
	size_t bytes;
	FILE *f = open_memstream(&list, &bytes);
	struct dirent *d;
	uint32_t files = 0;
	DIR *dir;

	if (plot_write(r->s, &o, f, &e))
		fail_msg("%s", e.text);
	fclose(f);
	for (char *path = strtok_r(list, "\n", &save); path;
	     path = strtok_r(NULL, "\n", &save))
		assert_int_equal(access(path, R_OK), 0);
	dir = opendir(plots);
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		const char *dot = strrchr(d->d_name, '.');
		char *text;

		assert_null(strstr(d->d_name, "pwned"));
		if (d->d_name[0] == '.')
			continue;
		files++;
		if (!strcmp(dot, ".png"))
			continue;
		text = slurp(r->dir, d->d_name);
		assert_calm(text);
		if (!strcmp(dot, ".svg"))
			assert_null(strstr(text, "<script>"));
		free(text);
	}
	closedir(dir);
	assert_true(files >= 4 * 7);
	assert_int_not_equal(access("pwned", F_OK), 0);
	free(plots);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t_text),     cmocka_unit_test(t_csv),
		cmocka_unit_test(t_json),     cmocka_unit_test(t_markdown),
		cmocka_unit_test(t_folded),   cmocka_unit_test(t_html),
		cmocka_unit_test(t_plots),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
