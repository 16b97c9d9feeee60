#ifndef MMREPLAY_MACHINE_PROFILE_H
#define MMREPLAY_MACHINE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/base/units.h"

/*
 * The cost profile of a machine. Every number has a unit in its key, a source
 * and a class; a result says which share of its time came from which class.
 * Costs of rooms above are indexed after the machine's own, so one table
 * serves all (sim/mm/costs.def).
 */

enum cost_class {
	COST_RECORDED, COST_MEASURED, COST_PUBLISHED, COST_DERIVED,
	COST_ASSUMED, COST_CLASS_COUNT
};

extern const char *const cost_class_names[COST_CLASS_COUNT];

enum machine_cost {
#define COST(id, key, help) COST_##id,
#include "sim/machine/costs.def"
#undef COST
	MACHINE_COST_COUNT
};

enum { PROFILE_COSTS_MAX = 160 };

/** struct cost_decl - name of a cost, for profiles, help and sensitivity */
struct cost_decl {
	const char *key, *help;
};

extern const struct cost_decl machine_costs[MACHINE_COST_COUNT];

struct cost_value {
	int64_t value;
	int64_t low, high;	/* plausible range for class assumed; else equal */
	enum cost_class cls;
	const char *source;
};

/* whose requests for a contended line are served before it leaves (line.h) */
enum line_round { LINE_ROUND_SOCKET, LINE_ROUND_CORE };

enum preempt_model { PREEMPT_NONE, PREEMPT_VOLUNTARY, PREEMPT_FULL };

/** struct topology - a regular tree; CPU id = ((socket*llcs+llc)*cores+core)*threads+thread
 *  A socket is a memory node. */
struct topology {
	uint32_t sockets, llcs_per_socket, cores_per_llc, threads_per_core;
};

/** struct profile - one machine; resolved and immutable during a run */
struct profile {
	const char *name, *description, *host_match;
	struct topology topology;
	uint32_t cpus;			/* online; at most the topology's product */
	uint32_t cpus_possible;
	uint32_t line_bytes;		/* 64, or 128: adjacent-line prefetch */
	uint32_t line_round;		/* enum line_round */
	uint32_t hz;
	uint32_t preempt;		/* enum preempt_model */
	int64_t time_slice_ns;
	struct cost_value cost[PROFILE_COSTS_MAX];
	uint32_t cost_count;
	const char *const *fitted_to;	/* published rows, NULL-terminated */
};

#endif
