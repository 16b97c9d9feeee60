/*
 * The start layout of traced processes and the facts of the machine.
 * Limit: smaps is read under the process's mmap_lock; of a large process that
 * takes a moment, which is in the trace like any other reader.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "traces/capture/tracer.h"

static void head(FILE *to, uint32_t pid)
{
	char path[64], comm[32];
	struct timespec t;

	snprintf(path, sizeof(path), "%" PRIu32 "/comm", pid);
	if (!tfs_read("/proc", path, comm, sizeof(comm)))
		comm[0] = '\0';
	for (char *p = comm; *p; p++)
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
			*p = '_';
	clock_gettime(CLOCK_MONOTONIC, &t);
	fprintf(to, "# pid %" PRIu32 " comm %s mono %lld.%09ld\n", pid, comm,
		(long long)t.tv_sec, t.tv_nsec);
}

/* "7f0000000000-7f0000021000 rw-p ..." and not "Rss:   24 kB" */
static bool is_area(const char *line)
{
	while (isxdigit((unsigned char)*line))
		line++;
	return *line == '-';
}

int snapshot_process(const struct tracer *s, uint32_t pid, struct errbuf *e)
{
	char path[TFS_PATH + 32], line[4096];
	uint64_t kib;
	bool any = false;
	FILE *from, *to;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/smaps", pid);
	from = fopen(path, "re");
	if (!from) {
		snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
		from = fopen(path, "re");
	}
	if (!from)
		return 0;		/* it has ended */
	snprintf(path, sizeof(path), "%.480s/maps.txt", s->work);
	to = fopen(path, "ae");
	if (!to) {
		fclose(from);
		return err_sys(e, path, "create");
	}
	while (fgets(line, sizeof(line), from)) {
		if (is_area(line)) {
			if (!any)	/* a kernel thread has no areas */
				head(to, pid);
			any = true;
			fputs(line, to);
		} else if (sscanf(line, "Rss: %" SCNu64, &kib) == 1) {
			fprintf(to, "# resident %" PRIu64 "\n", kib / 4);
		} else if (sscanf(line, "AnonHugePages: %" SCNu64, &kib) == 1 &&
			   kib) {
			fprintf(to, "# huge %" PRIu64 "\n", kib / 2048);
		}
	}
	fclose(from);
	return fclose(to) ? err_sys(e, path, "write") : 0;
}

int snapshot_all(const struct tracer *s, struct errbuf *e)
{
	for (unsigned i = 0; i < s->process_count; i++)
		if (snapshot_process(s, s->process[i], e))
			return e->code;
	return 0;
}

/* ---- facts ---- */

static void put_file(json_t *o, const char *key, const char *dir,
		     const char *file)
{
	char text[512];

	if (tfs_read(dir, file, text, sizeof(text)) && *text)
		json_object_set_new(o, key, json_text(text));
}

/* The word in parentheses, or all of it: "none voluntary (full)" */
static void put_preempt(json_t *o, const char *version)
{
	char text[128], *open, *close, name[64] = "";

	if (tfs_read("/sys/kernel/debug/sched", "preempt", text, sizeof(text)) &&
	    (open = strchr(text, '(')) && (close = strchr(open, ')'))) {
		*close = '\0';
		snprintf(name, sizeof(name), "%.40s", open + 1);
	} else if (strstr(version, "PREEMPT_RT")) {
		snprintf(name, sizeof(name), "rt");
	} else if (strstr(version, "PREEMPT_DYNAMIC")) {
		snprintf(name, sizeof(name), "dynamic");
	} else {
		snprintf(name, sizeof(name), "%s",
			 strstr(version, "PREEMPT") ? "full" : "none");
	}
	for (char *p = name; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	open = xasprintf("CONFIG_PREEMPT_%s", name);
	json_object_set_new(o, "preempt", json_pack("[s]", open));
	free(open);
}

/* Value of a word KEY=VALUE of the kernel's command line. */
static void put_boot_option(json_t *o, const char *key, const char *option)
{
	char text[4096], *save, *word;
	size_t n = strlen(option);

	if (!tfs_read("/proc", "cmdline", text, sizeof(text)))
		return;
	for (word = strtok_r(text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		if (!strncmp(word, option, n) && word[n] == '=')
			json_object_set_new(o, key, json_text(word + n + 1));
}

static json_t *machine(void)
{
	json_t *o = json_object();
	struct timespec tick;
	struct utsname u;

	if (!uname(&u)) {
		json_object_set_new(o, "kernel_release", json_text(u.release));
		json_object_set_new(o, "machine", json_text(u.machine));
		put_preempt(o, u.version);
	}
	put_file(o, "cpus_online", "/sys/devices/system/cpu", "online");
	put_file(o, "cpus_possible", "/sys/devices/system/cpu", "possible");
	put_file(o, "thp_enabled", "/sys/kernel/mm/transparent_hugepage",
		 "enabled");
	put_file(o, "vm_max_map_count", "/proc/sys/vm", "max_map_count");
	put_file(o, "vm_overcommit_memory", "/proc/sys/vm", "overcommit_memory");
	put_file(o, "clocksource",
		 "/sys/devices/system/clocksource/clocksource0",
		 "current_clocksource");
	put_boot_option(o, "rcu_nocbs_cmdline", "rcu_nocbs");
	/* the coarse clock steps once a jiffy */
	if (!clock_getres(CLOCK_MONOTONIC_COARSE, &tick) && tick.tv_nsec > 0)
		json_object_set_new(o, "hz", json_integer(
			(1000000000 + tick.tv_nsec / 2) / tick.tv_nsec));
	return o;
}

static json_t *traced(const struct capture_options *o)
{
	json_t *words = json_array();
	char *text;

	if (o->command) {
		for (char *const *w = o->command; *w; w++)
			json_array_append_new(words, json_text(*w));
		return words;
	}
	text = o->all ? xstrdup("(all processes)") :
	       o->cgroup ? xasprintf("(cgroup %s)", o->cgroup) :
			   xasprintf("(process %" PRIu32 ")", o->pid);
	json_array_append_new(words, json_text(text));
	free(text);
	return words;
}

int snapshot_facts(const struct tracer *s, struct errbuf *e)
{
	json_t *events = json_array(), *root;
	uint64_t lost = s->out->lost;
	char *path;
	int code;

	/* what the text says is lost, the importer adds by itself */
	lost -= s->lost_in_text < lost ? s->lost_in_text : lost;
	for (unsigned i = 0; i < s->event_count; i++)
		json_array_append_new(events, json_text(s->event[i]));
	root = json_pack("{s:s, s:s, s:s, s:o, s:I, s:o, s:{s:I}, s:o}",
			 "tool", "mmreplay capture", "trace_clock", "mono",
			 "stamps", s->clock.ticks || s->raw ? "ns" : "us", "cmd",
			 traced(s->o), "buffer_kb_per_cpu",
			 (json_int_t)s->buffer_kib, "events", events,
			 "lost_events", "total", (json_int_t)lost,
			 "header", machine());
	path = xasprintf("%s/capture.json", s->work);
	code = json_save(path, root, e);
	free(path);
	json_decref(root);
	return code;
}
