#ifndef MMREPLAY_TRACES_IMPORT_EVENT_H
#define MMREPLAY_TRACES_IMPORT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "traces/import/import.h"

/*
 * A raw event: what one line of a capture says, in one shape for all formats.
 * What it means is the assembler's business.
 */

/*
 * EVENT(id, "tracepoint name", what v[] holds)
 * The names are the kernel's; a format that spells them otherwise maps them.
 */
#define RAW_EVENTS(EVENT) \
	EVENT(FAULT_USER, "page_fault_user", "address, ip, error_code") \
	EVENT(FAULT_KERNEL, "page_fault_kernel", "address, ip, error_code") \
	EVENT(LOCK_START, "mmap_lock_start_locking", "mm, write") \
	EVENT(LOCK_ACQUIRED, "mmap_lock_acquire_returned", "mm, write, success") \
	EVENT(LOCK_RELEASED, "mmap_lock_released", "mm, write") \
	EVENT(CONTENTION_BEGIN, "contention_begin", "lock, flags") \
	EVENT(CONTENTION_END, "contention_end", "lock, ret") \
	EVENT(TLB_FLUSH, "tlb_flush", "pages, reason") \
	EVENT(VMAP_ALLOC, "alloc_vmap_area", \
	      "va_start, size, align, vstart, vend, failed") \
	EVENT(VMAP_FREE, "free_vmap_area_noflush", \
	      "va_start, nr_lazy, nr_lazy_max") \
	EVENT(VMAP_PURGE, "purge_vmap_area_lazy", "start, end, num_purged") \
	EVENT(EXIT_MMAP, "exit_mmap", "maple tree") \
	EVENT(NEWTASK, "task_newtask", "pid, clone_flags") \
	EVENT(FORKED, "sched_process_fork", \
	      "parent pid, child pid, 1 a thread, 2 a process, 0 unknown") \
	EVENT(EXECED, "sched_process_exec", "pid, old pid, 1 side record") \
	EVENT(EXITED, "sched_process_exit", "pid, group_dead (2: unknown)") \
	EVENT(FREED, "sched_process_free", "pid") \
	EVENT(SWITCH, "sched_switch", "prev pid, prev state, next pid") \
	EVENT(WAKING, "sched_waking", "pid") \
	EVENT(WAKEUP, "sched_wakeup", "pid") \
	EVENT(WAKEUP_NEW, "sched_wakeup_new", "pid") \
	EVENT(MIGRATE, "sched_migrate_task", "pid, from cpu, to cpu") \
	EVENT(RSS_STAT, "rss_stat", "mm_id, member, bytes")

enum raw_type {
	RAW_OTHER,		/* a whole line of an event that is not used */
	RAW_ENTER,		/* v[]: arguments in the kernel's order */
	RAW_EXIT,		/* v[0]: result */
	RAW_CALL,		/* both: v[], result, start_ts */
	RAW_AREA,		/* v[0]: start, bytes, AREA_*: it is there */
	RAW_LOST,		/* v[0]: events, 0 = unknown number; v[1]: stamp
				 * of the next event, 0 = unknown */
#define EVENT(id, name, values) RAW_##id,
	RAW_EVENTS(EVENT)
#undef EVENT
	RAW_TYPES
};

/* CALL(id, "name"): system calls that the assembler knows */
#define RAW_CALLS(CALL) \
	CALL(MMAP, "mmap") CALL(MUNMAP, "munmap") CALL(MREMAP, "mremap") \
	CALL(MPROTECT, "mprotect") CALL(PKEY_MPROTECT, "pkey_mprotect") \
	CALL(MADVISE, "madvise") CALL(BRK, "brk") CALL(MLOCK, "mlock") \
	CALL(MLOCK2, "mlock2") CALL(MUNLOCK, "munlock") CALL(CLONE, "clone") \
	CALL(CLONE3, "clone3") CALL(FORK, "fork") CALL(VFORK, "vfork") \
	CALL(EXECVE, "execve") CALL(EXECVEAT, "execveat") CALL(EXIT, "exit") \
	CALL(EXIT_GROUP, "exit_group")

enum raw_call {
	CALL_OTHER,
#define CALL(id, name) CALL_##id,
	RAW_CALLS(CALL)
#undef CALL
	CALL_COUNT
};

enum { RAW_VALUES = 6 };
/* perf's -1: the task that it was is gone */
#define TGID_UNKNOWN UINT32_MAX
#define TID_GONE UINT32_MAX

struct raw_event {
	int64_t ts;		/* ns, or ticks where the clock has no unit */
	uint32_t tid, tgid;	/* TGID_UNKNOWN */
	uint16_t cpu;
	uint8_t type;		/* enum raw_type */
	uint8_t call;		/* RAW_ENTER, RAW_EXIT: enum raw_call */
	bool in_irq;		/* third flag is h, H or s */
	bool irq_known, sampled;
	uint8_t comm_bytes, name_bytes;
	const char *comm, *name;	/* into the line; name: event or call */
	uint64_t v[RAW_VALUES];
	int64_t start_ts, result;	/* RAW_CALL; it ended at @ts */
};

enum line_class {
	LINE_EVENT, LINE_HEADER, LINE_BLANK, LINE_UNPARSED,
	LINE_NAMED,		/* a loss that the reader names: ev->name */
};

/** struct lexer_facts - what lines tell beside events */
struct lexer_facts {
	unsigned fraction_digits;	/* of the stamps: 0, 6, 9 */
	bool stamped, has_flags, has_tgid;
	bool ticks;		/* ftrace: stamps of a clock without a unit */
	bool calls_spelled;	/* "sys_mmap(..", as tracefs does */
	bool calls_named;	/* "sys_enter_mmap: .." */
	uint64_t overwritten;	/* from entries-in-buffer/entries-written */
	uint32_t cpus;		/* from "#P:" or "cpus=" */
	bool memcg_id;		/* spelling of kernels after 6.12 */
	bool bare_hex;		/* syscall arguments without 0x: 6.12 and before */
	bool arm64;		/* numbers of calls are those of arm64 */
	char kernel[64];	/* release, where the text tells */
};

struct lexer;

/**
 * struct import_format - one foreign format; its texts stand in formats.def
 * @detect: score of the first bytes: 0 not mine; the highest wins
 * @refuse: set: this content is recognised and cannot be imported; the text
 *	says why and what to do
 * @convert: its bytes are no text: convert_fn that makes lines of them
 * @calls_tell_tasks: no events of tasks: results of clone are the children
 */
struct import_format {
	const char *name;
	int (*detect)(const char *text, size_t bytes);
	const char *refuse;
	bool calls_tell_tasks;
	int (*convert)(const char *path, FILE *out);
	enum line_class (*line)(struct lexer *lx, const char *text,
				size_t bytes, struct raw_event *ev);
};

#define FORMAT(id, name, describes, source) \
	extern const struct import_format format_##id;
#include "traces/import/formats.def"
#undef FORMAT

/** format_detect() - by content; NULL and @e (with what was seen) if none */
const struct import_format *format_detect(const char *path, const char *text,
					  size_t bytes, struct errbuf *e);
/** format_find() - by name; NULL and @e with the known names */
const struct import_format *format_find(const char *name, struct errbuf *e);

/* lexer.c: names, numbers and the common line head of all ftrace dialects */
struct lexer *lexer_new(void);
void lexer_free(struct lexer *lx);
/** lexer_path() - what the input's name tells: strace -ff makes NAME.TID */
void lexer_path(struct lexer *lx, const char *path);
const struct lexer_facts *lexer_facts(const struct lexer *lx);

/** ftrace_line() - one line of tracefs or trace-cmd text */
enum line_class ftrace_line(struct lexer *lx, const char *text, size_t bytes,
			    struct raw_event *ev);

#endif
