#ifndef MMREPLAY_TESTS_BENCH_BENCH_H
#define MMREPLAY_TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * `make bench`: figures on fixed inputs, each the median of several runs.
 * A unit that ends in "/s" is better when higher, any other when lower; the
 * target is the least, or the most, that will do.
 */

enum { BENCH_ROWS_MAX = 160, BENCH_RUNS_MAX = 15, BENCH_NAME_BYTES = 48 };

/**
 * struct row - one figure
 * @beside: name of an earlier row that it is printed as a multiple of, or ""
 * @target: 0: none
 * @spread_pct: half the distance of the quartiles, against the median
 */
struct row {
	char name[BENCH_NAME_BYTES], beside[BENCH_NAME_BYTES];
	const char *unit;
	double value, spread_pct, target;
};

struct bench {
	struct row row[BENCH_ROWS_MAX];
	unsigned int rows;
	unsigned int runs;
	const char *only;	/* rows whose name contains this; NULL: all */
	const char *dir;	/* for inputs and results, kept between runs */
	const char *program;	/* the program under test */
	unsigned int broken;	/* rows left out because a run failed */
	char known[BENCH_ROWS_MAX][BENCH_NAME_BYTES];	/* names of all rows */
	unsigned int known_count;
	bool listing;		/* no run: the groups say what rows they have */
	bool full;		/* the rows that take minutes as well */
};

/**
 * bench_wants() - is the row @name asked for?
 * A group asks for each of its rows, in any case and before it does anything:
 * the first time is b->listing, which notes the names and wants none.
 */
bool bench_wants(struct bench *b, const char *name);

/** bench_add() - a row from @count samples; printed at once */
void bench_add(struct bench *b, const struct row *like, const double *sample,
	       unsigned int count);

/** bench_measure() - b->runs calls of @fn, each returning the figure; @like->name
 *  and the rest as in bench_add(). Nothing if the row is not wanted. */
void bench_measure(struct bench *b, const struct row *like,
		   double (*fn)(void *arg), void *arg);

/** bench_higher_is_better() - of a figure in @unit; else lower is */
bool bench_higher_is_better(const char *unit);

/**
 * bench_compare() - print what changed from one file of `make bench` to another
 * @only: rows whose name contains this; NULL or "": all
 *
 * A figure is slower when it is worse by more than 10 % and by more than twice
 * the spreads of both files (20 % where both are single runs), after allowing for a machine that is itself slower
 * now (row `host-loop`, which runs no code of the program).
 * Return: exit status: 0, or 1 if something is slower. A file that holds no
 * figures, or none that both hold, ends the program with 1 and a word.
 */
int bench_compare(const char *old_path, const char *new_path, const char *only);

/** bench_value() - of an earlier row; 0 if there is none */
double bench_value(const struct bench *b, const char *name);

double bench_cpu_s(void);	/* CPU time of this process */

/** bench_die() - a figure cannot be had and that is no accident: exit 1 */
_Noreturn void bench_die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* One function a group, in the order of the table. */
void bench_micro(struct bench *b);
void bench_trace(struct bench *b);
void bench_replay(struct bench *b);
void bench_jobs(struct bench *b);
void bench_growth(struct bench *b);
void bench_memory(struct bench *b);
void bench_storm(struct bench *b);

#endif
