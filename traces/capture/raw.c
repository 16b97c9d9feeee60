/*
 * The other reader: events as the ring buffer has them, through libtracefs
 * and libtraceevent, printed as tracefs text with stamps of nanoseconds. For
 * machines without a steady TSC, whose text shows microseconds only.
 *
 *   comm-TID  (TGID) [CPU] flags SECONDS.NNNNNNNNN: event: fields
 *
 * Limits: what the library cannot print (a format newer than it) stands there
 * as the library leaves it; the importer counts such lines as unparsed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "traces/capture/tracer.h"

#ifdef HAVE_TRACEFS
#include <event-parse.h>
#include <tracefs.h>

enum { SYSTEMS = 10 };

struct raw_reader {
	struct tep_handle *tep;
	struct tracefs_instance *instance[2];
	struct trace_seq seq;
	struct pid_pair {
		int pid, tgid;
	} *tgid;			/* by pid, as far as the kernel knows */
	size_t tgids;
	struct tracer *tracer;
	FILE *to;
	bool during;			/* read while it runs */
};

bool raw_usable(void)
{
	return true;
}

static int by_pid(const void *a, const void *b)
{
	const struct pid_pair *x = a, *y = b;

	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* saved_tgids: lines of "PID TGID", filled by option record-tgid */
static void load_tgids(struct raw_reader *r, const char *tracing)
{
	char path[TFS_PATH + 32];
	struct pid_pair p;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%.480s/saved_tgids", tracing);
	f = fopen(path, "re");
	r->tgids = 0;
	while (f && fscanf(f, "%d %d", &p.pid, &p.tgid) == 2) {
		if (r->tgids == room) {
			room = room ? 2 * room : 1024;
			r->tgid = xrealloc(r->tgid, room, sizeof(*r->tgid));
		}
		r->tgid[r->tgids++] = p;
	}
	if (f)
		fclose(f);
	if (r->tgids)
		qsort(r->tgid, r->tgids, sizeof(*r->tgid), by_pid);
}

static const struct pid_pair *tgid_of(const struct raw_reader *r, int pid)
{
	struct pid_pair key = { .pid = pid };

	if (!r->tgids)
		return NULL;
	return bsearch(&key, r->tgid, r->tgids, sizeof(key), by_pid);
}

/*
 * Who asks for the end does not wait while more comes; what is there is read,
 * since the library loses the rest of its pages when it is stopped.
 */
static void stop_writing(struct raw_reader *r)
{
	struct errbuf ignored = { 0 };

	tfs_write(r->tracer->main, "tracing_on", "0", &ignored);
	tfs_write(r->tracer->vmalloc, "tracing_on", "0", &ignored);
	r->during = false;
}

static int print_one(struct tep_event *event, struct tep_record *record,
		     int cpu, void *arg)
{
	struct raw_reader *r = arg;
	int pid = tep_data_pid(r->tep, record);
	const struct pid_pair *p = tgid_of(r, pid);

	if (record->missed_events)
		fprintf(r->to, "CPU:%d [LOST %lld EVENTS]\n", cpu,
			record->missed_events > 0 ?
			(long long)record->missed_events : 0);
	trace_seq_reset(&r->seq);
	tep_print_event(r->tep, &r->seq, record, "%16s-%-7d ", TEP_PRINT_COMM,
			TEP_PRINT_PID);
	if (p)
		trace_seq_printf(&r->seq, "(%7d) ", p->tgid);
	else
		trace_seq_puts(&r->seq, "(-------) ");
	trace_seq_printf(&r->seq, "[%03d] ", cpu);
	tep_print_event(r->tep, &r->seq, record, "%s", TEP_PRINT_LATENCY);
	trace_seq_printf(&r->seq, " %llu.%09llu: %s: ",
			 record->ts / 1000000000, record->ts % 1000000000,
			 event->name);
	tep_print_event(r->tep, &r->seq, record, "%s", TEP_PRINT_INFO);
	trace_seq_terminate(&r->seq);
	fprintf(r->to, "%s\n", r->seq.buffer);
	r->tracer->out->drained += r->during;
	if (r->during && capture_asked_to_end(r->tracer))
		stop_writing(r);
	return ferror(r->to);
}

int raw_open(struct tracer *s, struct errbuf *e)
{
	static const char *const systems[SYSTEMS] = {
		"syscalls", "exceptions", "task", "sched", "mmap", "mmap_lock",
		"lock", "tlb", "vmalloc", NULL
	};
	struct raw_reader *r = xcalloc(1, sizeof(*r));
	const char *dir[2] = { s->main, s->vmalloc };

	s->raw = r;
	r->tracer = s;
	trace_seq_init(&r->seq);
	r->tep = tracefs_local_events_system(s->tracing, systems);
	for (int i = 0; i < 2; i++)
		r->instance[i] = tracefs_instance_alloc(s->tracing,
							strrchr(dir[i], '/') + 1);
	if (!r->tep || !r->instance[0] || !r->instance[1])
		return err_set(e, -EIO, "libtracefs: the formats of the events cannot be read");
	return 0;
}

int raw_drain(struct tracer *s, int i, bool during, struct errbuf *e)
{
	struct raw_reader *r = s->raw;

	r->to = s->text[i];
	r->during = during;
	load_tgids(r, s->tracing);
	tracefs_load_cmdlines(s->tracing, r->tep);
	if (tracefs_iterate_raw_events(r->tep, r->instance[i], NULL, 0,
				       print_one, r) < 0 || ferror(r->to))
		return err_sys(e, s->work, "read the buffers");
	return 0;
}

void raw_close(struct tracer *s)
{
	struct raw_reader *r = s->raw;

	if (!r)
		return;
	for (int i = 0; i < 2; i++)
		tracefs_instance_free(r->instance[i]);
	tep_free(r->tep);
	trace_seq_destroy(&r->seq);
	free(r->tgid);
	free(r);
	s->raw = NULL;
}
#else
bool raw_usable(void)
{
	return false;
}

int raw_open(struct tracer *s, struct errbuf *e)
{
	(void)s;
	return err_set(e, -ENOSYS, "built without libtracefs: `--reader raw` is not there");
}

int raw_drain(struct tracer *s, int i, bool during, struct errbuf *e)
{
	(void)i;
	(void)during;
	return raw_open(s, e);
}

void raw_close(struct tracer *s)
{
	(void)s;
}
#endif
