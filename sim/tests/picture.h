#ifndef MMREPLAY_TESTS_PICTURE_H
#define MMREPLAY_TESTS_PICTURE_H

#include "sim/machine/mutation.h"
#include "sim/tests/fixture_machine.h"

/*
 * Time line pictures: what tasks ask of a lock, and what it answers.
 *
 * A row is a task on a CPU of its own (or the CPU named), a column one unit of
 * time. First character that is not a blank: when it asks. What it shows:
 *
 *   R W  inside, reading or writing          . asleep     ~ spinning
 *   Q Z  the same, but sleeping inside       _ waking or waiting for the CPU
 *   U    user work, no lock                  - on the CPU, on its way
 *
 * The letters say what the task does and for how long; the rest is what the
 * model must answer. Writing followed by reading is a downgrade. All costs
 * are zero unless the picture says so, so lengths are exact.
 *
 * Each rule has a switch that turns it off (mutation.h): exactly the pictures
 * that name the switch must then come out differently.
 */

enum { PICTURE_ROWS = 7, PICTURE_COLS = 48, PICTURE_BREAKS = 10 };

/* flavours of the rwsem, for .on and ONLY() */
enum {
	ON_4_14 = 1 << RWSEM_4_14, ON_5_3 = 1 << RWSEM_5_3,
	ON_5_11 = 1 << RWSEM_5_11, ON_NO_SPIN = 1 << RWSEM_NO_SPIN,
	ON_BRAVO = 1 << RWSEM_BRAVO,
	ON_SPINNING = ON_4_14 | ON_5_3 | ON_5_11 | ON_BRAVO,
	ON_ALL = ON_SPINNING | ON_NO_SPIN,
};

/* a switch that breaks the picture under these flavours only */
#define ONLY(flavours, mutation) ((unsigned)(flavours) << 8 | (unsigned)(mutation))

/**
 * struct picture - @on: flavours for which it holds; 0: all
 * @wake_cols: wake-up latency, in columns
 * @broken_by: switches that change it, each for all of @on, or ONLY() for some
 */
struct picture {
	const char *name, *rule;
	unsigned on;
	bool mutex;		/* the lock is one; only W and Z then */
	int64_t unit_ns, wake_cols;
	int64_t atomic_ns, store_ns;
	struct { int cpu; int64_t at_ns, ns; } irq;
	const char *row[PICTURE_ROWS];
	int cpu[PICTURE_ROWS];		/* + 1; 0: a CPU of its own */
	unsigned broken_by[PICTURE_BREAKS];
};

/** picture_draw() - play it; true if it comes out as drawn. Else, if @tell, show
 *  both */
bool picture_draw(const struct picture *p, enum rwsem_flavour flavour,
		  bool tell);

/** pictures_draw() - each under each of its flavours. Return: how many were wrong */
unsigned pictures_draw(const struct picture *p, size_t count);

/** pictures_mutate() - each rule off in turn: red exactly where a picture says so.
 *  Return: how many were not as said */
unsigned pictures_mutate(const struct picture *p, size_t count);

#endif
