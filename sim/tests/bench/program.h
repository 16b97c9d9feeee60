#ifndef MMREPLAY_TESTS_BENCH_PROGRAM_H
#define MMREPLAY_TESTS_BENCH_PROGRAM_H

#include "sim/tests/bench/bench.h"

/** struct cost - what a command took, its children included */
struct cost {
	double cpu_s, wall_s, peak_mib;
};

/** struct outcome - of one cell, from its result folder */
struct outcome {
	struct cost cost;
	double ops, contacts, events;
};

enum { WORDS_MAX = 48 };

/**
 * run_words() - run @words[0] with the rest, words separated by blanks
 * Its output is thrown away, its complaints too unless it fails.
 * Return: exit status, 128 if killed.
 */
int run_words(struct cost *cost, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** generate() - the workload @words as a trace; made again when the program is
 *  newer. Return: its path, to be freed; NULL if that failed. */
char *generate(struct bench *b, const char *words);

/** replay() - run the trace's baseline with @sets. Return: false if that failed;
 *  generate() and replay() say so and count it in b->broken */
bool replay(struct bench *b, const char *trace, const char *sets,
	    struct outcome *out);

#endif
