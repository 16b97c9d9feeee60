#ifndef MMREPLAY_TRACES_GENERATE_GEN_H
#define MMREPLAY_TRACES_GENERATE_GEN_H

#include "sim/base/mem.h"
#include "sim/base/option.h"
#include "sim/base/rng.h"
#include "sim/base/units.h"
#include "traces/generate/generate.h"
#include "traces/trace.h"

/*
 * What a workload is written against. Each task is a state machine with a
 * clock of its own: step() is called for the task with the earliest clock,
 * emits a few records and returns. Clocks hold think time only, so the trace
 * is a schedule on a machine whose kernel costs nothing.
 */

/** struct gen_common - first member of every workload's parameters */
struct gen_common {
	uint32_t cpus;
	uint64_t seed;
	int64_t think_ns;
	uint32_t think;			/* enum gen_think_kind */
};

/* uniform: from half to one and a half times the mean; breaks lockstep */
enum gen_think_kind { GEN_THINK_FIXED, GEN_THINK_UNIFORM, GEN_THINK_EXPONENTIAL };
extern const char *const gen_think_names[];

#define GEN_OPTION(T, key_, kind, field, def_, min_, max_, unit_, help_) \
	{ .key = key_, .type = kind, .offset = offsetof(T, field), \
	  .def = def_, .min = min_, .max = max_, .unit = unit_, .help = help_ }

#define GEN_COMMON_OPTIONS(T, think_default) \
	GEN_OPTION(T, "cpus", OPT_U32, common.cpus, "8", 1, 4096, "count", \
		   "CPUs of the machine the trace claims to be from"), \
	GEN_OPTION(T, "seed", OPT_U64, common.seed, "1", 0, INT64_MAX, "", \
		   "of every random draw"), \
	GEN_OPTION(T, "think_ns", OPT_I64, common.think_ns, think_default, \
		   0, 3600 * NSEC_PER_SEC, "ns", \
		   "CPU time of the program between two ops, mean"), \
	{ .key = "think", .type = OPT_ENUM, \
	  .offset = offsetof(T, common.think), .def = "uniform", \
	  .names = gen_think_names, .unit = "", \
	  .help = "distribution of think_ns" }

struct gen;

/**
 * struct gen_task - a task while it is generated
 * @role, @n, @u: the workload's own; zero at the start
 * The rest belongs to gen.c.
 */
struct gen_task {
	uint32_t id;			/* in the trace's table */
	uint32_t role;
	uint64_t n;
	uint64_t u[3];
	int64_t clock_ns;
	uint64_t draws, gathered;
	int64_t nominal_ns;		/* of the next record; see gen_nominal() */
	uint32_t peer;			/* blocked on its signal; NO_TASK: any */
	struct gen_task *parked_first, *parked_last, *parked_next;
	bool blocked, parked, done, left;
};

struct workload {
	struct workload_info info;
	size_t params_bytes;
	/* parameters that contradict each other; NULL: none can */
	int (*check)(const void *params, struct loc at, struct errbuf *e);
	/* about how many records; for the progress line; NULL: not known */
	uint64_t (*expect)(const void *params);
	/* address spaces and the tasks that are alive at the start */
	void (*setup)(struct gen *g);
	/* next records of @t; returns false when @t will never be called again */
	bool (*step)(struct gen *g, struct gen_task *t);
	void (*release)(struct gen *g);	/* what setup() hung on the run; or NULL */
};

struct gen {
	const void *params;
	const struct gen_common *common;
	void *state;			/* the workload's own, run-long */
	struct arena arena;
	struct trace_header header;
	struct gen_task **blocks;	/* see gen_task_of() */
	struct gen_run *run;		/* writer and queue: gen.c */
};

/* ---- address spaces and tasks; addresses of tasks are stable ---- */

struct gen_task *gen_task_of(struct gen *g, uint32_t id);

uint32_t gen_mm(struct gen *g, enum mm_origin origin, uint32_t parent);

/** gen_area() - an area of the start layout of a MM_INITIAL address space */
void gen_area(struct gen *g, uint32_t mm, struct range r, uint32_t flags,
	      uint64_t resident_pages, const char *name);

enum {
	GEN_BASE_AREAS = 7,		/* areas of gen_base_layout() */
	GEN_AREAS_MAX = 4000000,	/* of one address space, where
					 * vm.max_map_count was raised */
};

/** gen_base_layout() - text, data, heap, stack, vdso of a small program */
void gen_base_layout(struct gen *g, uint32_t mm);

#define GEN_TEXT_IP 0x401000ULL		/* where generated code "runs" */
#define GEN_ARENA 0x100000000000ULL	/* workloads map from here upward */
#define GEN_ARENA_END 0x7f0000000000ULL

/** gen_slot() - @slot-th range of @bytes, one guard page behind each */
struct range gen_slot(uint64_t base, uint64_t slot, uint64_t bytes);

/**
 * gen_scattered() - as gen_slot(), with a drawn gap of 1 to 7 pages behind it
 * As in a process that has been running for a while.
 */
struct range gen_scattered(const struct gen *g, uint64_t base, uint64_t slot,
			   uint64_t bytes);

/**
 * gen_task_new() - a task that starts at @start_ns
 * @parent: its creator, or TRACE_NO_TASK if alive at the start
 * @mm: TRACE_NO_MM for a kernel thread
 * @leader: task that leads its process, TRACE_NO_TASK: itself
 */
struct gen_task *gen_task_new(struct gen *g, uint32_t parent, uint32_t leader,
			      uint32_t mm, int64_t start_ns, uint32_t role,
			      const char *comm);

/* ---- records: at the clock of @t, which moves by 1 ns and the think time ---- */

/** gen_think() - program's own CPU time before the next op: think_ns, as drawn */
void gen_think(struct gen *g, struct gen_task *t);
/** gen_compute() - @ns of the program's own CPU time */
void gen_compute(struct gen_task *t, int64_t ns);
/** gen_draw() - in [0, bound), the task's next number */
uint64_t gen_draw(struct gen *g, struct gen_task *t, uint64_t bound);

/**
 * gen_nominal() - let the next record of @t last @ns in the schedule
 * Ops that overlap in the schedule are not ordered by it; where an op is a
 * barrier to others (fork), they can meet it only inside its time. A rough
 * figure will do: it is no cost, and a replay takes only its end from it.
 */
void gen_nominal(struct gen_task *t, int64_t ns);

void gen_mmap(struct gen *g, struct gen_task *t, struct range r, uint64_t prot,
	      uint64_t flags);
void gen_munmap(struct gen *g, struct gen_task *t, struct range r);
void gen_mprotect(struct gen *g, struct gen_task *t, struct range r,
		  uint64_t prot);
void gen_mremap(struct gen *g, struct gen_task *t, struct range from,
		struct range to);
void gen_madvise(struct gen *g, struct gen_task *t, struct range r,
		 uint64_t behavior);
void gen_write_fault(struct gen *g, struct gen_task *t, uint64_t addr);
/** gen_cow_fault() - write to a page that is mapped read-only */
void gen_cow_fault(struct gen *g, struct gen_task *t, uint64_t addr);
/** gen_fork() - child task in a copy of the mm of @t; starts after the call */
struct gen_task *gen_fork(struct gen *g, struct gen_task *t, uint32_t role);
/** gen_clone_thread() - child task in the mm of @t; starts after the call */
struct gen_task *gen_clone_thread(struct gen *g, struct gen_task *t,
				  uint32_t role);
void gen_vmalloc(struct gen *g, struct gen_task *t, struct range va,
		 uint64_t align);
void gen_vfree(struct gen *g, struct gen_task *t, struct range va);
/** gen_map_pages() - OP_VMAP or OP_VM_MAP_RAM; gen_unmap_pages() - its reverse */
void gen_map_pages(struct gen *g, struct gen_task *t, enum op_kind kind,
		   struct range va);
void gen_unmap_pages(struct gen *g, struct gen_task *t, enum op_kind kind,
		     struct range va);
void gen_proc_read(struct gen *g, struct gen_task *t, enum op_kind kind,
		   uint32_t target_mm);
/** gen_exit() - exit-mm if @last user of its mm, then exit; @t is done */
void gen_exit(struct gen *g, struct gen_task *t, bool last);
/** gen_op() - any record; @result as trace.h says for its kind */
void gen_op(struct gen *g, struct gen_task *t, enum op_kind kind,
	    const uint64_t *args, unsigned count, int64_t result);

/* ---- waiting ---- */

/** gen_sleep() - sleep of @ns that a timer ends */
void gen_sleep(struct gen *g, struct gen_task *t, int64_t ns);

/**
 * gen_wait() - sleep until @by (NULL: any task) calls gen_signal() for @t
 * Return: true if @t may go on in this step; false: return from step(), the
 * next step() comes after the wake-up.
 */
bool gen_wait(struct gen *g, struct gen_task *t, struct gen_task *by);

/**
 * gen_signal() - wake @wakee, which waits or will wait for @t
 * Same return. A @t that comes before the waiter is held back until it is
 * there, so that the edge is always in the trace; what it is held back reads
 * as think time: workloads keep it at a few ns.
 */
bool gen_signal(struct gen *g, struct gen_task *t, struct gen_task *wakee);

/**
 * gen_leave() - last steps of a worker: signal @leader, then gen_exit()
 * gen_gather() - last steps of a leader: wait for @workers, then exit as the
 * last user of the mm; uses t->gathered
 * Return: what step() has to return.
 */
bool gen_leave(struct gen *g, struct gen_task *t, struct gen_task *leader,
	       bool last);
bool gen_gather(struct gen *g, struct gen_task *t, uint64_t workers);

/** gen_refuse() - error at @at, or of the command line where @at is none */
int gen_refuse(struct errbuf *e, struct loc at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define GEN_PROT_RW 3ULL		/* PROT_READ | PROT_WRITE */
#define GEN_MAP_ANON 0x22ULL		/* MAP_PRIVATE | MAP_ANONYMOUS */
#define GEN_MAP_STACK 0x20022ULL	/* with MAP_STACK */

/** gen_trace() - run @w with @params to the end; used by generate.c and fit.c */
int gen_trace(const struct workload *w, const void *params,
	      const struct generate_request *q, const char *command,
	      struct generate_result *out, struct errbuf *e);

#endif
