/*
 * make bench: runs the groups, prints a table of figures beside each other
 * and beside the targets, writes them as JSON (compare.c reads two of those).
 * Cost: minutes. Limits: CPU time where one process is measured, wall time
 * where several are; a busy machine makes the spreads wide.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/tests/bench/bench.h"

static const char usage[] =
"usage: bench [--only WORD] [--runs N] [--full] --dir DIR --program FILE -o FILE\n"
"       bench [--only WORD] --compare OLD NEW\n";

double bench_cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void bench_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

bool bench_wants(struct bench *b, const char *name)
{
	if (b->listing) {
		if (b->known_count == BENCH_ROWS_MAX)
			bench_die("%s: too many rows", name);
		snprintf(b->known[b->known_count++], BENCH_NAME_BYTES, "%s", name);
		return false;
	}
	/* what another file of the same figures is held against comes along */
	return !b->only || strstr(name, b->only) || !strcmp(name, "host-loop");
}

bool bench_higher_is_better(const char *unit)
{
	size_t n = strlen(unit);

	return n >= 2 && !strcmp(unit + n - 2, "/s");
}

static bool met(const struct row *r)
{
	return bench_higher_is_better(r->unit) ? r->value >= r->target :
					   r->value <= r->target;
}

double bench_value(const struct bench *b, const char *name)
{
	for (unsigned int i = 0; i < b->rows; i++)
		if (!strcmp(b->row[i].name, name))
			return b->row[i].value;
	return 0;
}

static void print_row(const struct bench *b, const struct row *r)
{
	double other = bench_value(b, r->beside);
	char target[64] = "";

	if (r->target > 0)
		snprintf(target, sizeof(target), "%s %g: %s",
			 bench_higher_is_better(r->unit) ? "at least" : "at most",
			 r->target, met(r) ? "met" : "MISSED");
	printf("%-32s %10.4g %-9s ±%2.0f%%  %-23s", r->name, r->value, r->unit,
	       r->spread_pct, target);
	if (other > 0)
		printf(" %.3g x %s", r->value / other, r->beside);
	printf("\n");
	fflush(stdout);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_add(struct bench *b, const struct row *like, const double *sample,
	       unsigned int count)
{
	double sorted[BENCH_RUNS_MAX];
	struct row *r = &b->row[b->rows];

	if (b->rows == BENCH_ROWS_MAX || !count || count > BENCH_RUNS_MAX)
		bench_die("%s: too many rows or runs", like->name);
	memcpy(sorted, sample, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_doubles);
	*r = *like;
	r->value = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
	if (r->value > 0)
		r->spread_pct = 50 * (sorted[count - 1 - count / 4] -
				      sorted[count / 4]) / r->value;
	b->rows++;
	print_row(b, r);
}

void bench_measure(struct bench *b, const struct row *like,
		   double (*fn)(void *arg), void *arg)
{
	double sample[BENCH_RUNS_MAX];

	if (!bench_wants(b, like->name))
		return;
	for (unsigned int i = 0; i < b->runs; i++)
		sample[i] = fn(arg);
	bench_add(b, like, sample, b->runs);
}

static void print_missed(const struct row *r)
{
	bool high = bench_higher_is_better(r->unit);
	double factor = high ? r->target / r->value : r->value / r->target;

	printf("\n  missed: %-28s %.4g %s where %s %.4g was asked for: %.2f times off",
	       r->name, r->value, r->unit, high ? "at least" : "at most", r->target,
	       factor);
}

static void print_targets(const struct bench *b)
{
	unsigned int targets = 0, missed = 0;

	for (unsigned int i = 0; i < b->rows; i++) {
		if (b->row[i].target > 0)
			targets++;
		if (b->row[i].target > 0 && !met(&b->row[i]))
			missed++;
	}
	printf("%u figures; %u targets, %u met, %u missed", b->rows, targets,
	       targets - missed, missed);
	for (unsigned int i = 0; i < b->rows; i++)
		if (b->row[i].target > 0 && !met(&b->row[i]))
			print_missed(&b->row[i]);
	printf("\n");
}

/* What the table leaves unsaid. */
static void print_notes(const struct bench *b)
{
	if (!b->full && !b->only)
		printf("not run: 10^6 areas, 10^8 ops; minutes each: make bench FULL=1\n");
	for (unsigned int i = 0; i < b->rows; i++) {
		if (strncmp(b->row[i].name, "growth-", 7))
			continue;
		printf("growth-X-A-B: CPU time an op at B against A; target: (1 + log2 B) / (1 + log2 A)\n");
		break;
	}
	printf("CPU time of one core, whole runs from start to result folder;"
	       " what the time goes to, and before: analysis/BENCH.md\n");
}

/* "MODEL, N CPUs" */
static void this_machine(char *text, size_t bytes)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256], model[96] = "unknown CPU";

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "model name : %95[^\n]", model) == 1)
			break;
	if (f)
		fclose(f);
	snprintf(text, bytes, "%s, %ld CPUs", model, sysconf(_SC_NPROCESSORS_ONLN));
}

static void save(const struct bench *b, const char *path)
{
	json_t *root = json_object(), *list = json_array();
	struct errbuf e = { 0 };
	char machine[128];

	this_machine(machine, sizeof(machine));
	json_object_set_new(root, "machine", json_string(machine));
	json_object_set_new(root, "results", list);
	for (unsigned int i = 0; i < b->rows; i++) {
		const struct row *r = &b->row[i];

		json_array_append_new(list, json_pack(
			"{s:s, s:f, s:s, s:o, s:f}", "name", r->name,
			"value", r->value, "unit", r->unit, "target",
			r->target > 0 ? json_real(r->target) : json_null(),
			"spread_pct", r->spread_pct));
	}
	if (json_save(path, root, &e))
		bench_die("%s", e.text);
	json_decref(root);
}

static void run_groups(struct bench *b)
{
	bench_micro(b);
	if (b->listing || !access(b->program, X_OK)) {
		bench_trace(b);
		bench_replay(b);
		bench_jobs(b);
		bench_growth(b);
		bench_memory(b);
		bench_storm(b);
	}
}

/* A word that no row has would measure nothing, and pass. */
static void check_only(struct bench *b)
{
	const char *names[BENCH_ROWS_MAX], *nearest;
	unsigned int column = 0;

	b->listing = true;
	run_groups(b);
	b->listing = false;
	for (unsigned int i = 0; i < b->known_count; i++) {
		names[i] = b->known[i];
		if (!b->only || strstr(names[i], b->only))
			return;
	}
	nearest = nearest_name(b->only, names, b->known_count);
	fprintf(stderr, "bench: no figure's name has '%s' in it%s%s%s; those there are%s:",
		b->only, nearest ? "; did you mean '" : "", nearest ? nearest : "",
		nearest ? "'?" : "", b->full ? "" : " (more with FULL=1)");
	for (unsigned int i = 0; i < b->known_count; i++) {
		int n = fprintf(stderr, "%s%s", column ? " " : "\n  ", names[i]);

		column = column + (unsigned int)n > 80 ? 0 : column + (unsigned int)n;
	}
	fputc('\n', stderr);
	exit(1);
}

/* Does a row have the word that was asked for? */
static bool has_figures(const struct bench *b)
{
	for (unsigned int i = 0; i < b->rows; i++)
		if (!b->only || strstr(b->row[i].name, b->only))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static struct bench b = { .runs = 5 };
	const char *output = NULL;
	struct errbuf e = { 0 };

	for (int i = 1; i < argc; i++) {
		const char **text = !strcmp(argv[i], "--only") ? &b.only :
				    !strcmp(argv[i], "--dir") ? &b.dir :
				    !strcmp(argv[i], "--program") ? &b.program :
				    !strcmp(argv[i], "-o") ? &output : NULL;

		if (i + 3 == argc && !strcmp(argv[i], "--compare"))
			return bench_compare(argv[i + 1], argv[i + 2], b.only);
		if (!strcmp(argv[i], "--full"))
			b.full = true;
		else if (i + 1 < argc && text)
			*text = argv[++i];
		else if (i + 1 < argc && !strcmp(argv[i], "--runs"))
			b.runs = (unsigned int)atoi(argv[++i]);
		else
			bench_die("%s", usage);
	}
	if (!b.dir || !b.program || !output || !b.runs ||
	    b.runs > BENCH_RUNS_MAX)
		bench_die("%s", usage);
	if (b.only && !*b.only)
		b.only = NULL;
	check_only(&b);
	if (make_dirs(b.dir, &e))
		bench_die("%s", e.text);
	setenv("MMREPLAY_DATA", ".", 0);	/* wherever BUILD is */
	printf("%-32s %10s %-9s %-4s  %-23s %s\n", "figure", "median", "unit",
	       "±", "target", "against");
	run_groups(&b);
	if (!has_figures(&b) && !b.broken)
		bench_die("no figure with '%s' can be had here: the program, a sample or a second CPU is missing",
			  b.only);
	print_targets(&b);
	print_notes(&b);
	save(&b, output);
	if (b.broken)
		fprintf(stderr, "bench: %u runs failed; their rows are left out\n", b.broken);
	return b.broken != 0;
}
