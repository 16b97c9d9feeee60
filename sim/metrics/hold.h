#ifndef MMREPLAY_METRICS_HOLD_H
#define MMREPLAY_METRICS_HOLD_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/base/units.h"

/*
 * The hold ledger: what a program has freed and nobody can use yet (MODEL.md
 * 9). Each object has a class, an address space, the op that freed it and the
 * instant at which the program asked, and is in exactly one stage.
 *
 * One stage may be that of objects which are free for their own class only
 * (hold_reusable_stage()): they are no part of a class's objects and bytes, but
 * a second figure, since a program that allocates the same again gets them.
 *
 * Classes keep totals by stage. Below them there is an account for each mm
 * and freeing op, with the same stages: an account lives as long as its mm or
 * something in it; then it is one of the HOLD_ENDED_MAX largest of its class
 * or joins that op's account of the rest. So memory follows what lives.
 */

enum { METRIC_OPS_MAX = 40, METRIC_STAGES_MAX = 16, HOLD_ENDED_MAX = 16 };

#define HOLD_NO_MM UINT32_MAX		/* the kernel's own: vmalloc */
#define HOLD_REST (UINT32_MAX - 1)	/* address spaces that are gone */

/** struct hold_tag - goes with what is freed, through all stages */
struct hold_tag {
	sim_ns asked_ns;	/* when the program asked */
	uint32_t mm;		/* id; or HOLD_NO_MM */
	uint8_t op;		/* kind of the op that freed it */
};

/** struct hold_stage - bytes and objects are what is there now */
struct hold_stage {
	uint64_t objects, bytes, moved;
	__int128 byte_ns;
	__int128 asked_sum_ns;	/* over the objects: gives their mean age */
	int64_t since_ns;
};

struct hold_account {
	struct hold_account *next;	/* of the same bucket */
	uint32_t hold, mm;
	uint8_t op;
	bool forgotten;			/* its mm is gone */
	uint64_t objects, freed;	/* in any stage; all that ever came in */
	struct hold_stage stage[METRIC_STAGES_MAX];
};

/*
 * Whose quiescent state ended a grace period: the kind of an op that went on
 * over a tick, below METRIC_OPS_MAX, or what its last CPU was found in.
 */
enum hold_end {
	END_IDLE = METRIC_OPS_MAX, END_SWITCH, END_USER, END_PREEMPTIBLE,
	END_RESCHED, END_CLOCK, HOLD_ENDS
};

/** struct hold_wait - for grace periods that ended alike */
struct hold_wait {
	uint64_t objects;
	__int128 byte_ns;
};

/** struct hold_part - what stands in one stage of a class at one place */
struct hold_part {
	uint64_t bytes, peak_bytes, written;	/* written: of the series */
	__int128 byte_ns;
	int64_t since_ns;
};

struct hold_class {
	const char *name;
	bool address_space;	/* va_bytes: never added to memory */
	struct hold_stage stage[METRIC_STAGES_MAX];
	uint64_t objects, bytes, peak_objects, peak_bytes;
	__int128 byte_ns, reusable_byte_ns;
	int64_t since_ns;
	uint64_t reusable_bytes;
	struct hold_account *ended[HOLD_ENDED_MAX];
	uint32_t ended_count;
	struct hold_wait wait[HOLD_ENDS];	/* of stage grace-period, when over */
	struct hold_part *part;	/* [place][stage]; behind the last place: all */
	uint32_t parts;
};

struct metrics;
struct hold_books;

struct hold_books *hold_books_new(void);
void hold_books_free(struct metrics *m);

enum { STAGE_NONE = UINT8_MAX };	/* not held: before entry, after reuse */

/**
 * hold_move() - objects go from one stage to another at @now
 * @objects: so many, @bytes together
 * @tag: their account; the same from entry to end
 * @asked_sum_ns: sum of their asked_ns (@objects times @tag->asked_ns, unless
 *                objects of several instants were made one)
 *
 * Cost: O(1). BUG if more leaves a stage than is there.
 */
void hold_move(struct metrics *m, uint32_t hold, const struct hold_tag *tag,
	       uint32_t from, uint32_t to, uint64_t objects, uint64_t bytes,
	       __int128 asked_sum_ns, sim_ns now);

/** hold_waited() - @objects were held for @byte_ns by a grace period that @end
 *  (kind of an op, or enum hold_end) ended */
void hold_waited(struct metrics *m, uint32_t hold, unsigned end,
		 uint64_t objects, __int128 byte_ns);

/** hold_parts() - class @hold also has books by place, 0 to @count - 1, from now on */
void hold_parts(struct metrics *m, uint32_t hold, uint32_t count);

/** hold_part_move() - @bytes that hold_move() moves in the same instant stand at
 *  @part; O(1) */
void hold_part_move(struct metrics *m, uint32_t hold, uint32_t part,
		    uint32_t from, uint32_t to, uint64_t bytes, sim_ns now);

/** hold_part_at() - place @part of a class with parts; @part == parts: all */
static inline struct hold_part *hold_part_at(const struct hold_class *h,
					     uint32_t part, uint32_t stage)
{
	return &h->part[part * METRIC_STAGES_MAX + stage];
}

/** hold_parts_close() - bring them up to @now; hold_parts_free() */
void hold_parts_close(struct metrics *m, sim_ns now);
void hold_parts_free(struct metrics *m);

/** hold_reusable_stage() - what stands in @stage only its own cache can reuse.
 *  It comes there after it was held, so it counts as freed before. */
void hold_reusable_stage(struct metrics *m, uint32_t stage);

/** hold_forget() - nothing of @mm is freed any more: its accounts may be folded */
void hold_forget(struct metrics *m, uint32_t mm);

/** hold_close() - bring all integrals up to @now */
void hold_close(struct metrics *m, sim_ns now);

/**
 * hold_accounts() - those of class @hold, most byte-seconds first
 * @list: room for hold_account_count() of them; they stay the ledger's
 * Return: how many.
 */
uint32_t hold_accounts(const struct metrics *m, uint32_t hold,
		       const struct hold_account **list);
uint32_t hold_account_count(const struct metrics *m);

/** hold_account_byte_ns() - over all stages but the reusable one */
__int128 hold_account_byte_ns(const struct metrics *m,
			      const struct hold_account *a);

#endif
