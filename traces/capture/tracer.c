/*
 * Setting up the instances, switching them, reading their buffers.
 *
 * Invariant: every change is told to the guard before it is made; the files
 * of the system's own trace buffer are never written, but for the size of
 * the table of task names (saved_cmdlines_size), which all instances share.
 * The buffers are read by this process only, at the end, or when one is half
 * full: a reader that runs all the time would disturb what is measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/mem.h"
#include "traces/capture/tracer.h"

enum {
	NAMES_WANTED = 16384,		/* task names kept by the kernel */
	VMALLOC_KIB = 4096,		/* buffer of that instance, all CPUs */
	BUFFER_MIB_MAX = 512,		/* by default, all CPUs */
	CPU_KIB_MIN = 2048,
	READ_BYTES = 1 << 16,
};

static const struct {
	enum capture_level level;
	const char *name;
} events[] = {
#define TRACEPOINT(level, name) { level, name },
#define CALL(name) { CAPTURE_CORE, "syscalls/sys_enter_" #name }, \
		   { CAPTURE_CORE, "syscalls/sys_exit_" #name },
#include "traces/capture/events.def"
#undef TRACEPOINT
#undef CALL
};

enum { EVENTS = sizeof(events) / sizeof(events[0]) };
_Static_assert((int)EVENTS <= (int)TRACER_EVENTS_MAX, "room for all events");

const char *const capture_level_names[CAPTURE_LEVELS + 1] = {
	"core", "locks", "sched", NULL
};

void capture_note(struct capture_result *r, const char *fmt, ...)
{
	va_list ap;

	if (r->note_count == CAPTURE_NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(r->notes[r->note_count++], CAPTURE_NOTE_BYTES, fmt, ap);
	va_end(ap);
}

static int instance(struct tracer *s, const char *suffix, char dir[TFS_PATH],
		    struct errbuf *e)
{
	snprintf(dir, TFS_PATH, "%.300s/instances/mmreplay-%ld%s", s->tracing,
		 (long)getpid(), suffix);
	guard_instance(&s->guard, dir);
	if (mkdir(dir, 0700) && errno != EEXIST)
		return err_sys(e, dir, "make a tracing instance");
	return tfs_write(dir, "tracing_on", "0", e);
}

const char *const capture_reader_names[CAPTURE_READERS + 1] = {
	"auto", "text", "raw", NULL
};

static int set_clock(struct tracer *s, struct errbuf *e)
{
	bool raw = s->o->reader == CAPTURE_READ_RAW;

	s->clock.ticks = !raw && stamp_clock_usable() &&
			 tfs_try(s->main, "trace_clock", "x86-tsc") &&
			 tfs_try(s->vmalloc, "trace_clock", "x86-tsc");
	if (s->clock.ticks)
		return 0;
	if (tfs_write(s->main, "trace_clock", "mono", e) ||
	    tfs_write(s->vmalloc, "trace_clock", "mono", e))
		return e->code;
	if (raw || (s->o->reader == CAPTURE_READ_AUTO && raw_usable()))
		return raw_open(s, e);
	capture_note(s->out, "stamps in microseconds: this machine has no steady TSC, and this program was built without libtracefs");
	return 0;
}

/* Names of tasks are looked up when the text is read; keep enough of them. */
static void keep_names(struct tracer *s)
{
	char size[32], wanted[32], path[TFS_PATH + 32];

	if (!tfs_read(s->tracing, "saved_cmdlines_size", size, sizeof(size)) ||
	    strtoul(size, NULL, 10) >= NAMES_WANTED / 4)
		return;
	snprintf(path, sizeof(path), "%.400s/saved_cmdlines_size", s->tracing);
	snprintf(wanted, sizeof(wanted), "%d", NAMES_WANTED);
	guard_value(&s->guard, path, size);
	tfs_try(s->tracing, "saved_cmdlines_size", wanted);
}

static uint64_t available_kib(void)
{
	long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 ? (uint64_t)pages * (uint64_t)(page / 1024) : 1 << 20;
}

static int set_buffers(struct tracer *s, struct errbuf *e)
{
	uint64_t kib = s->o->buffer_mib * 1024;
	char text[32];

	if (!kib) {
		kib = available_kib() / 8;
		if (kib > BUFFER_MIB_MAX * 1024)
			kib = BUFFER_MIB_MAX * 1024;
	}
	s->buffer_kib = kib / s->cpus;
	if (s->buffer_kib < CPU_KIB_MIN && !s->o->buffer_mib)
		s->buffer_kib = CPU_KIB_MIN;
	if (!s->buffer_kib)
		s->buffer_kib = 1;
	snprintf(text, sizeof(text), "%" PRIu64, s->buffer_kib);
	if (tfs_write(s->main, "buffer_size_kb", text, e))
		return e->code;
	snprintf(text, sizeof(text), "%u", VMALLOC_KIB / s->cpus + 64);
	return tfs_write(s->vmalloc, "buffer_size_kb", text, e);
}

static int enable(struct tracer *s, struct errbuf *e)
{
	char file[96], missing[CAPTURE_NOTE_BYTES] = "";

	for (unsigned i = 0; i < EVENTS; i++) {
		size_t used = strlen(missing);

		if (events[i].level > s->o->level)
			continue;
		snprintf(file, sizeof(file), "events/%s/enable", events[i].name);
		if (tfs_try(s->main, file, "1"))
			snprintf(s->event[s->event_count++],
				 sizeof(s->event[0]), "%s", events[i].name);
		else if (!strstr(events[i].name, "sys_"))
			snprintf(missing + used, sizeof(missing) - used, "%s%s",
				 used ? " " : "", events[i].name);
	}
	if (*missing)
		capture_note(s->out, "this kernel lacks: %s", missing);
	if (!s->event_count)
		return err_set(e, -ENOENT, "%s: none of the events that a capture needs is there",
			       s->tracing);
	if (!tfs_try(s->vmalloc, "events/vmalloc/enable", "1"))
		capture_note(s->out, "this kernel has no vmalloc events (they came with 6.2)");
	return 0;
}

/* Options of the instances: all of them vanish with them. */
static void set_options(struct tracer *s)
{
	static const char *const wanted[] = { "event-fork", "record-tgid",
					      "nohash-ptr", "irq-info" };
	const char *dir[2] = { s->main, s->vmalloc };

	for (int d = 0; d < 2; d++)
		for (unsigned i = 0; i < 4; i++)
			if (!tfs_try(dir[d], "trace_options", wanted[i]) && !d &&
			    i == 0)
				capture_note(s->out, "no option event-fork: children are not followed");
}

static int open_reader(struct tracer *s, int i, const char *dir,
		       struct errbuf *e)
{
	char path[TFS_PATH + 32];

	snprintf(path, sizeof(path), "%.480s/trace_pipe", dir);
	if (!s->raw)
		s->pipe[i] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (!s->raw && s->pipe[i] < 0)
		return err_sys(e, path, "open");
	snprintf(path, sizeof(path), "%.480s/%s", s->work,
		 i ? "vmalloc.raw" : "trace.raw");
	s->text[i] = fopen(path, "w+e");
	return s->text[i] ? 0 : err_sys(e, path, "create");
}

static int work_folder(struct tracer *s, struct errbuf *e)
{
	if (s->o->keep) {
		snprintf(s->work, sizeof(s->work), "%.400s", s->o->keep);
		if (mkdir(s->work, 0777) && errno != EEXIST)
			return err_sys(e, s->work, "make folder");
		return 0;
	}
	snprintf(s->work, sizeof(s->work), "%.300s/mmreplay-capture.XXXXXX",
		 temp_folder());
	if (!mkdtemp(s->work)) {
		err_sys(e, s->work, "make folder");
		*s->work = '\0';
		return e->code;
	}
	guard_folder(s->folder, s->work);
	return 0;
}

int tracer_open(struct tracer *s, struct errbuf *e)
{
	bool mountable;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	s->pipe[0] = s->pipe[1] = -1;
	s->cpus = cpus > 0 ? (unsigned)cpus : 1;
	if (tfs_find(s->tracing, &mountable, e))
		return e->code;
	if (mountable) {
		guard_mount(&s->guard, s->tracing);
		if (tfs_mount(s->tracing, e))
			return e->code;
	}
	if (work_folder(s, e) || instance(s, "", s->main, e) ||
	    instance(s, "-vmalloc", s->vmalloc, e) || set_buffers(s, e) ||
	    set_clock(s, e))
		return e->code;
	set_options(s);
	keep_names(s);
	if (enable(s, e) || open_reader(s, 0, s->main, e))
		return e->code;
	return open_reader(s, 1, s->vmalloc, e);
}

int tracer_on(struct tracer *s, struct errbuf *e)
{
	stamp_clock_read(&s->clock, 0);
	if (tfs_write(s->vmalloc, "tracing_on", "1", e))
		return e->code;
	return tfs_write(s->main, "tracing_on", "1", e);
}

int tracer_off(struct tracer *s, struct errbuf *e)
{
	int code = tfs_write(s->main, "tracing_on", "0", e);

	if (!code)
		code = tfs_write(s->vmalloc, "tracing_on", "0", e);
	stamp_clock_read(&s->clock, 1);
	return code;
}

static int drain_one(struct tracer *s, int i, bool all, struct errbuf *e)
{
	static char block[READ_BYTES];
	uint64_t most = all ? UINT64_MAX : s->buffer_kib * 1024 * s->cpus * 4;
	ssize_t n;

	if (s->raw)
		return raw_drain(s, i, !all, e);
	/* who asks for the end does not wait for gigabytes while more comes */
	while (most && (all || !capture_asked_to_end(s)) &&
	       (n = read(s->pipe[i], block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return err_sys(e, i ? s->vmalloc : s->main, "read");
		if (fwrite(block, 1, (size_t)n, s->text[i]) != (size_t)n)
			return err_sys(e, s->work, "write");
		for (ssize_t k = 0; !all && k < n; k++)
			s->out->drained += block[k] == '\n';
		most -= most < (uint64_t)n ? most : (uint64_t)n;
	}
	return 0;
}

int tracer_drain(struct tracer *s, bool all, struct errbuf *e)
{
	if (drain_one(s, 0, all, e))
		return e->code;
	return drain_one(s, 1, all, e);
}

static uint64_t sum_stats(const struct tracer *s, const char *dir,
			  const char *const *names, bool most)
{
	uint64_t sum = 0;
	char file[64];

	for (unsigned cpu = 0; cpu < s->cpus; cpu++) {
		uint64_t here = 0;

		snprintf(file, sizeof(file), "per_cpu/cpu%u/stats", cpu);
		for (unsigned i = 0; names[i]; i++)
			here += tfs_number(dir, file, names[i]);
		sum = most ? (here > sum ? here : sum) : sum + here;
	}
	return sum;
}

bool tracer_full(const struct tracer *s)
{
	static const char *const bytes[] = { "bytes", NULL };

	return sum_stats(s, s->main, bytes, true) > s->buffer_kib * 512 ||
	       sum_stats(s, s->vmalloc, bytes, true) >
	       (VMALLOC_KIB / s->cpus + 64) * 512;
}

uint64_t tracer_lost(const struct tracer *s)
{
	static const char *const lost[] = { "overrun", "commit overrun",
					    "dropped events", NULL };

	return sum_stats(s, s->main, lost, false) +
	       sum_stats(s, s->vmalloc, lost, false);
}

static int one_text(struct tracer *s, int i, const char *name,
		    struct errbuf *e)
{
	char path[TFS_PATH + 32];
	uint64_t lines, lost;
	FILE *to;
	int code;

	snprintf(path, sizeof(path), "%.480s/%s", s->work, name);
	to = fopen(path, "we");
	if (!to)
		return err_sys(e, path, "create");
	fprintf(to, "# tracer: nop\n#\n# entries-in-buffer/entries-written: 0/0   #P:%u\n",
		s->cpus);
	rewind(s->text[i]);
	code = stamp_rewrite(&s->clock, s->text[i], to, &lines, &lost);
	s->lost_in_text += lost;
	if (!i)
		s->out->lines = lines;
	if (fclose(to) || code)
		return err_sys(e, path, "write");
	snprintf(path, sizeof(path), "%.480s/%s", s->work,
		 i ? "vmalloc.raw" : "trace.raw");
	unlink(path);
	return 0;
}

int tracer_text(struct tracer *s, struct errbuf *e)
{
	if (one_text(s, 0, "trace.txt", e))
		return e->code;
	return one_text(s, 1, "vmalloc.txt", e);
}

int tracer_close(struct tracer *s, struct errbuf *e)
{
	raw_close(s);
	for (int i = 0; i < 2; i++) {
		if (s->pipe[i] >= 0)
			close(s->pipe[i]);
		if (s->text[i])
			fclose(s->text[i]);
		s->pipe[i] = -1;
		s->text[i] = NULL;
	}
	return guard_finish(&s->guard, e);
}
