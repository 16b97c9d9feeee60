#ifndef MMREPLAY_TRACES_CALIBRATE_CALIBRATE_H
#define MMREPLAY_TRACES_CALIBRATE_CALIBRATE_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/base/errbuf.h"

/*
 * Calibration: what a machine profile needs, measured on the machine that
 * runs this, in under a minute.
 *
 *   probe_*.c --readings (what was timed)--> keys.c --costs of a profile-->
 *
 * A reading is a median over repeats with a spread. A cost is a reading, or a
 * reading less others (a fault less its entry, less zeroing the page). Each
 * probe runs in a process of its own, pinned, with a time limit: what crashes
 * or hangs is "not measured", with the reason, and leaves nothing behind.
 */

#ifdef MMREPLAY_TEST
enum { CAL_REPEATS = 3 };	/* tests look at no value */
#else
enum { CAL_REPEATS = 15 };
#endif
enum { CAL_WHY_BYTES = 120, CAL_PAIRS_MAX = 64 };

enum cal_reading {
#define READING(id, probe, key, what) CAL_##id,
#include "traces/calibrate/readings.def"
#undef READING
	CAL_READINGS
};

/** struct cal_value - median and spread of a reading, in picoseconds */
struct cal_value {
	bool known;
	int64_t median_ps, low_ps, high_ps;	/* of the inner three quarters */
	char why[CAL_WHY_BYTES];		/* if not known */
};

enum cal_distance {
	CAL_SMT, CAL_LLC, CAL_SOCKET, CAL_REMOTE, CAL_DISTANCES
};
extern const char *const cal_distance_names[CAL_DISTANCES];

/** struct cal_pair - transfer of a line from one CPU to another, one way */
struct cal_pair {
	uint32_t a, b;
	enum cal_distance distance;
	struct cal_value transfer;
};

/** struct cal_machine - what the kernel says of this machine */
struct cal_machine {
	char cpu_model[96], kernel[96], preempt[16];
	uint32_t cpus, cpus_possible, sockets, llcs_per_socket, cores_per_llc,
		 threads_per_core, hz;	/* hz 0: not found */
	uint32_t line_bytes;		/* of coherency; 128 if neighbours count */
	uint64_t llc_bytes;
	uint32_t usable;		/* CPUs that this process may run on */
	bool hypervisor;
};

/** struct cal_cost - one cost of a profile */
struct cal_cost {
	const char *key;
	bool known;
	bool derived;			/* else the reading itself */
	int64_t ns, low_ns, high_ns;
	char source[256];		/* how it was got; or why it was not */
};

struct calibration {
	struct cal_machine machine;
	struct cal_value reading[CAL_READINGS];
	struct cal_pair pair[CAL_PAIRS_MAX];
	unsigned pairs;
	struct cal_cost *cost;
	unsigned costs;
};

struct calibrate_options {
	/* value of a cost in the base profile, for what can only be measured
	 * together with it; -1: there is none. NULL: no base */
	int64_t (*base_ns)(void *arg, const char *key);
	void *base_arg;
	void (*progress)(void *arg, const char *probe, unsigned done,
			 unsigned total);
	void *progress_arg;
};

/**
 * calibrate_run() - measure; @out is to be released
 * Return: 0 also if single readings failed; an error only if no probe ran.
 */
int calibrate_run(const struct calibrate_options *o, struct calibration *out,
		  struct errbuf *e);
void calibrate_release(struct calibration *c);

/** calibrate_key() - the profile keys that calibration knows of; NULL at the end */
const char *calibrate_key(unsigned index);

/** calibrate_reading() - key and meaning of a reading */
const char *calibrate_reading(enum cal_reading r, const char **what);

#endif
