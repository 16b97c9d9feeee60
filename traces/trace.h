#ifndef MMREPLAY_TRACES_TRACE_H
#define MMREPLAY_TRACES_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The op model: what sim/ and traces/ share. A trace is a header, a table of
 * tasks, a table of address spaces (mms) with their layout at the start, and
 * per task a sequence of records in order of their start.
 *
 * Three classes of record:
 *   replayed      what the program asked of the kernel; the simulator does it
 *   schedule      sched-in, sched-out, waking: shape think time and order
 *   measurement   what the kernel measured; never replayed, to compare with
 *
 * Times are nanoseconds since the first record of the trace. Addresses and
 * lengths are bytes. A field that the capture does not have is "unknown", a
 * value of its own, never zero.
 */

/*
 * KIND(id, "name", class, what arg[0..5] hold; result)
 * The name is the key in results (latency_ns.NAME). `fork`, `clone-thread`
 * and `vfork` differ by clone flags: vfork = CLONE_VM without CLONE_THREAD.
 * A `lost` lasts from the last event of its CPU that was kept to the next one.
 */
#define TRACE_KINDS(KIND) \
	KIND(MMAP, "mmap", REPLAY, "addr,len,prot,flags,fd,off", "addr") \
	KIND(MUNMAP, "munmap", REPLAY, "addr,len", "errno") \
	KIND(MREMAP, "mremap", REPLAY, "addr,old_len,new_len,flags,new_addr", "addr") \
	KIND(MPROTECT, "mprotect", REPLAY, "addr,len,prot", "errno") \
	KIND(MADVISE, "madvise", REPLAY, "addr,len,behavior", "errno") \
	KIND(BRK, "brk", REPLAY, "brk", "addr") \
	KIND(MLOCK, "mlock", REPLAY, "addr,len,flags,unlock", "errno") \
	KIND(FAULT, "fault", REPLAY, "addr,ip,error_code,gap_ns", "none") \
	KIND(FORK, "fork", REPLAY, "child_task,clone_flags", "tid") \
	KIND(CLONE_THREAD, "clone-thread", REPLAY, "child_task,clone_flags", "tid") \
	KIND(VFORK, "vfork", REPLAY, "child_task,clone_flags", "tid") \
	KIND(EXEC, "exec", REPLAY, "new_mm", "errno") \
	KIND(EXIT, "exit", REPLAY, "group", "none") \
	KIND(EXIT_MM, "exit-mm", REPLAY, "", "none") \
	KIND(VMALLOC, "vmalloc", REPLAY, "va_start,size,align,vstart,vend", "errno") \
	KIND(VFREE, "vfree", REPLAY, "va_start,size,nr_lazy,nr_lazy_max", "none") \
	KIND(PROC_MAPS, "proc-read-maps", REPLAY, "target_mm", "none") \
	KIND(PROC_SMAPS, "proc-read-smaps", REPLAY, "target_mm", "none") \
	KIND(PROC_CMDLINE, "proc-read-cmdline", REPLAY, "target_mm", "none") \
	KIND(GUP, "gup", REPLAY, "addr,pages", "pages") \
	KIND(SCHED_IN, "sched-in", SCHED, "inferred", "none") \
	KIND(SCHED_OUT, "sched-out", SCHED, "state,next_task", "none") \
	KIND(WAKING, "waking", SCHED, "wakee_task,in_interrupt", "none") \
	KIND(LOCK_START, "mmap-lock-start", MEASURE, "mm,write", "none") \
	KIND(LOCK_ACQUIRED, "mmap-lock-acquired", MEASURE, "mm,write,success,downgrade", "none") \
	KIND(LOCK_RELEASED, "mmap-lock-released", MEASURE, "mm,write", "none") \
	KIND(CONTENTION_BEGIN, "contention-begin", MEASURE, "lock,flags", "none") \
	KIND(CONTENTION_END, "contention-end", MEASURE, "lock,ret", "none") \
	KIND(TLB_FLUSH, "tlb-flush", MEASURE, "pages,reason", "none") \
	KIND(VMAP_PURGE, "vmap-purge", MEASURE, "start,end,num_purged", "none") \
	KIND(RSS_STAT, "rss-stat", MEASURE, "mm_id,member,bytes", "none") \
	KIND(MIGRATE, "migrate", MEASURE, "from_cpu,to_cpu", "none") \
	KIND(LOST, "lost", MEASURE, "events,cpu", "none") \
	KIND(VMAP, "vmap", REPLAY, "va_start,size,align,vstart,vend", "errno") \
	KIND(VUNMAP, "vunmap", REPLAY, "va_start,size", "none") \
	KIND(VM_MAP_RAM, "vm-map-ram", REPLAY, "va_start,size", "errno") \
	KIND(VM_UNMAP_RAM, "vm-unmap-ram", REPLAY, "va_start,size", "none") \
	KIND(VM_UNMAP_ALIASES, "vm-unmap-aliases", REPLAY, "", "none")

enum op_kind {
#define KIND(id, name, cls, args, res) OP_##id,
	TRACE_KINDS(KIND)
#undef KIND
	OP_KIND_COUNT
};

/** op_takes_area(), op_frees_area() - of the kernel's space, by va_start */
static inline bool op_takes_area(unsigned kind)
{
	return kind == OP_VMALLOC || kind == OP_VMAP || kind == OP_VM_MAP_RAM;
}

static inline bool op_frees_area(unsigned kind)
{
	return kind == OP_VFREE || kind == OP_VUNMAP || kind == OP_VM_UNMAP_RAM;
}

enum op_class { OP_CLASS_REPLAY, OP_CLASS_SCHED, OP_CLASS_MEASURE };

/** struct op_kind_info - one row of the table of kinds */
struct op_kind_info {
	const char *name;
	enum op_class cls;
	const char *args;	/* comma-separated names of arg[0..] */
	const char *result;
	unsigned nargs;		/* derived from args; at most OP_ARGS */
};

extern const struct op_kind_info op_kinds[OP_KIND_COUNT];

/** op_kind_find() - kind by name, or -1 */
int op_kind_find(const char *name);

enum { OP_ARGS = 6 };

#define TRACE_NO_TASK UINT32_MAX
#define TRACE_NO_MM UINT32_MAX
#define TRACE_UNKNOWN_NS (-1LL)

/* op.flags */
enum {
	OPF_RESULT_KNOWN = 1 << 0,	/* else the op was open at the end */
	OPF_FAILED = 1 << 1,		/* result is a negative errno */
	OPF_KERNEL_MODE = 1 << 2,	/* fault: taken in kernel mode */
	OPF_IN_CALL = 1 << 3,		/* fault: inside another op of its task */
	OPF_SLEPT = 1 << 4,		/* was switched out inside */
	OPF_SAMPLED = 1 << 5,		/* from a sampled event: counts are low */
	OPF_DERIVED = 1 << 6,		/* not in the capture as such; inferred */
};

/*
 * How a fault took its locks, as far as the capture tells. On 6.10 and later
 * a short read acquisition may be the anon_vma trylock under the VMA lock.
 */
enum fault_path {
	FAULT_PATH_UNKNOWN,		/* no lock events, or the next event is lost */
	FAULT_PATH_VMA,			/* no mmap_lock event: VMA lock */
	FAULT_PATH_VMA_TRYLOCK,		/* proven (kprobes, or a simulated run) */
	FAULT_PATH_RETRY,
	FAULT_PATH_MMAP,
	FAULT_PATH_TRYLOCK_OR_MMAP,	/* 6.10+: cannot be told apart */
	FAULT_PATH_COUNT
};

extern const char *const fault_path_names[FAULT_PATH_COUNT];

/*
 * What an op's recorded time is made of (MODEL.md 3): cut at the mmap_lock
 * events, in order. A write section that is downgraded is a SEG_W followed
 * by a SEG_R with `downgraded` set. Only ops whose capture has lock events
 * have segments.
 */
enum seg_kind { SEG_PRE, SEG_W, SEG_R, SEG_POST, SEG_KIND_COUNT };

/**
 * struct op_segment - one piece of an op, all in ns of the captured run
 * @work_ns: length less wait, off-CPU time, nested ops and tracer's tax;
 *	never negative (what was cut off is counted in the header)
 * @wait_ns: lock wait before a W or R section, less the uncontended floor
 * @spin_ns: the part of @wait_ns before sleeping, by contention_begin and
 *	sched events; TRACE_UNKNOWN_NS if they are absent
 * @sleep_ns: slept inside the section (S, D) that was no lock wait: kept
 * @tax_ns: tracer's tax inside the section
 * @mm: whose mmap_lock (fork and exec take two)
 */
struct op_segment {
	uint8_t kind;		/* enum seg_kind */
	bool downgraded, contended, trylock_failed;
	uint32_t mm;
	int64_t work_ns, wait_ns, spin_ns, sleep_ns, tax_ns;
	uint32_t tlb_local, tlb_ipi;	/* recorded flushes inside */
};

enum { OP_SEGS_MAX = 64 };	/* execve takes the lock about 20 times */

/**
 * struct op - one record, as the reader hands it out
 * @seg: valid until the cursor moves on; NULL if @segs is 0
 * @path: enum fault_path, for OP_FAULT
 * @mm: the address space it acts on, TRACE_NO_MM if none or unknown
 */
struct op {
	int64_t start_ns, duration_ns;	/* duration may be TRACE_UNKNOWN_NS */
	uint32_t task, mm;
	uint16_t cpu;
	uint8_t kind, path;
	uint16_t flags;
	uint16_t segs;
	int64_t result;
	uint64_t arg[OP_ARGS];
	const struct op_segment *seg;
};

/** struct trace_task - a thread of the capture; index in the table is its id */
struct trace_task {
	uint32_t tid, tgid;
	uint32_t parent;	/* task, or TRACE_NO_TASK: alive at the start */
	uint32_t mm;		/* at its first record; TRACE_NO_MM: none (kthread) */
	int64_t first_ns, last_ns;
	uint64_t records;
	bool exited;
	char comm[16];
};

/* trace_area.flags: a subset of VM_* under the kernel's own meaning */
enum {
	AREA_READ = 1 << 0, AREA_WRITE = 1 << 1, AREA_EXEC = 1 << 2,
	AREA_SHARED = 1 << 3, AREA_FILE = 1 << 4, AREA_STACK = 1 << 5,
	AREA_HEAP = 1 << 6, AREA_SPECIAL = 1 << 7,	/* vdso, vvar */
	AREA_ASSUMED = 1 << 8,	/* not captured; inferred from use */
};

/** struct trace_area - one VMA of the layout at the start of an mm */
struct trace_area {
	uint64_t start, end;
	uint32_t flags;
	uint64_t resident_pages;	/* known; UINT64_MAX if not captured */
	char name[32];
};

enum mm_origin { MM_INITIAL, MM_FORK, MM_EXEC };

/** struct trace_mm - an address space; recycled pointers get a new entry */
struct trace_mm {
	enum mm_origin origin;
	uint32_t parent;	/* MM_FORK: copied from; else TRACE_NO_MM */
	uint32_t owner_task;	/* first user */
	int64_t first_ns, last_ns;
	struct trace_area *areas;
	uint32_t area_count;
};

/* which event classes the capture has: absent is not zero */
enum {
	HAVE_SYSCALLS = 1 << 0, HAVE_FAULTS = 1 << 1, HAVE_MMAP_LOCK = 1 << 2,
	HAVE_CONTENTION = 1 << 3, HAVE_SCHED = 1 << 4, HAVE_WAKING = 1 << 5,
	HAVE_VMALLOC = 1 << 6, HAVE_TLB = 1 << 7, HAVE_LAYOUT = 1 << 8,
	HAVE_DURATIONS = 1 << 9, HAVE_VMALLOC_SYSTEMWIDE = 1 << 10,
	HAVE_FORK_EXIT = 1 << 11, HAVE_RSS = 1 << 12, HAVE_NS_CLOCK = 1 << 13,
};

/** struct trace_header - everything a replay must know; empty/0 = not known */
struct trace_header {
	char kernel[64];	/* release, e.g. 6.18.44 */
	char clock[16], tool[48], host[64], origin[256], command[256];
	uint32_t cpus_online, cpus_possible, hz;
	char thp[16];		/* always, madvise, never */
	char rcu_nocbs[64], preempt[16];
	uint32_t have;		/* HAVE_* */
	bool emulated;		/* TCG: counts and order only, no durations */
	bool synthetic;		/* generated, or fitted and scaled */
	bool simulated;		/* exported by this program: no tracer */
	int64_t span_ns;
	int64_t epoch_ns;	/* the capture's clock at time 0 */
	uint64_t lost_events;
	uint64_t ops[OP_KIND_COUNT];
	int64_t lock_event_tax_ns;	/* per mmap_lock event; 0 = none derived */
	int64_t lock_wait_floor_ns;	/* uncontended start..acquired */
	uint64_t clipped_ns, clipped_ops;	/* negative residuals set to 0 */
	struct trace_task *tasks;
	uint32_t task_count;
	struct trace_mm *mms;
	uint32_t mm_count;
	/*
	 * For writers that learn late that two mms are one: records may name
	 * ids below mm_alias_count, and mean mm_alias[id]. The reader resolves
	 * them and hands out an empty table. NULL: ids are final.
	 */
	uint32_t *mm_alias;
	uint32_t mm_alias_count;
};

/** trace_header_release() - frees the tables; header itself is the caller's */
void trace_header_release(struct trace_header *h);

/** kernel_version() - "6.18.44-foo" to 6*1000000+18*1000+44; 0 if unreadable */
uint32_t kernel_version(const char *release);
#define KVER(a, b, c) ((a) * 1000000u + (b) * 1000u + (c))

#endif
