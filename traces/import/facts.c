/*
 * Header facts from a capture.json: what the capturing machine was. Keys as
 * the project's own captures write them; anything missing stays unknown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/base/file.h"
#include "sim/base/json.h"
#include "sim/base/mem.h"
#include "traces/import/facts.h"

static void copy(char *out, size_t bytes, const json_t *v)
{
	const char *s = json_string_value(v);

	if (s)
		snprintf(out, bytes, "%s", s);
}

/* "0-1,4" to 3 */
static uint32_t count_cpus(const char *list)
{
	uint32_t n = 0;

	while (list && *list) {
		unsigned from = 0, to;
		int used = 0;

		if (sscanf(list, "%u%n", &from, &used) != 1)
			break;
		list += used;
		to = from;
		if (*list == '-' && sscanf(list, "-%u%n", &to, &used) == 1)
			list += used;
		if (to >= from && to - from < 65536)
			n += to - from + 1;
		if (*list == ',')
			list++;
	}
	return n;
}

/* "always [madvise] never" to "madvise" */
static void chosen(char *out, size_t bytes, const json_t *v)
{
	const char *s = json_string_value(v);
	const char *open = s ? strchr(s, '[') : NULL;
	const char *close = open ? strchr(open, ']') : NULL;

	if (close)
		snprintf(out, bytes, "%.*s", (int)(close - open - 1), open + 1);
	else if (s)
		snprintf(out, bytes, "%s", s);
}

/* the words of a command, programs without their folders */
static void command_line(char *out, size_t bytes, const json_t *argv)
{
	size_t i, used = 0;
	json_t *word;

	if (json_is_string(argv)) {
		copy(out, bytes, argv);
		return;
	}
	json_array_foreach(argv, i, word) {
		const char *s = json_string_value(word), *slash;

		if (!s)
			continue;
		slash = s[0] == '/' ? strrchr(s, '/') : NULL;
		if (used < bytes)
			used += (size_t)snprintf(out + used, bytes - used,
						 "%s%s", used ? " " : "",
						 slash ? slash + 1 : s);
	}
}

static uint32_t have_of(const char *event)
{
	static const struct { const char *prefix; uint32_t have; } rows[] = {
		{ "syscalls/", HAVE_SYSCALLS }, { "exceptions/", HAVE_FAULTS },
		{ "mmap_lock/", HAVE_MMAP_LOCK },
		{ "lock/contention", HAVE_CONTENTION },
		{ "sched/sched_switch", HAVE_SCHED },
		{ "sched/sched_waking", HAVE_WAKING },
		{ "vmalloc/", HAVE_VMALLOC }, { "tlb/", HAVE_TLB },
		{ "task/task_newtask", HAVE_FORK_EXIT },
		{ "kmem/rss_stat", HAVE_RSS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (!strncmp(event, rows[i].prefix, strlen(rows[i].prefix)))
			return rows[i].have;
	}
	return 0;
}

static void fill(struct trace_header *h, const json_t *root)
{
	const json_t *head = json_object_get(root, "header");
	const json_t *preempt = json_object_get(head, "preempt");
	json_t *v;
	size_t i;

	copy(h->kernel, sizeof(h->kernel), json_object_get(root, "kernel"));
	copy(h->kernel, sizeof(h->kernel),
	     json_object_get(head, "kernel_release"));
	copy(h->clock, sizeof(h->clock), json_object_get(root, "clock"));
	copy(h->clock, sizeof(h->clock), json_object_get(root, "trace_clock"));
	command_line(h->command, sizeof(h->command),
		     json_object_get(root, "cmd"));
	chosen(h->thp, sizeof(h->thp), json_object_get(root, "thp"));
	chosen(h->thp, sizeof(h->thp), json_object_get(head, "thp_enabled"));
	copy(h->rcu_nocbs, sizeof(h->rcu_nocbs),
	     json_object_get(head, "rcu_nocbs_cmdline"));
	v = json_array_get(preempt, 0);
	if (v && !strncmp(json_string_value(v) ? json_string_value(v) : "",
			  "CONFIG_PREEMPT_", 15))
		snprintf(h->preempt, sizeof(h->preempt), "%.15s",
			 json_string_value(v) + 15);
	h->hz = (uint32_t)json_integer_value(json_object_get(head, "hz"));
	h->cpus_online = (uint32_t)json_integer_value(
		json_object_get(root, "cpus"));
	v = json_object_get(head, "cpus_online");
	if (json_is_string(v))
		h->cpus_online = count_cpus(json_string_value(v));
	v = json_object_get(head, "cpus_possible");
	if (json_is_string(v))
		h->cpus_possible = count_cpus(json_string_value(v));
	h->emulated = json_is_true(json_object_get(root, "emulated"));
	json_array_foreach(json_object_get(root, "events"), i, v)
		h->have |= have_of(json_string_value(v) ?
				   json_string_value(v) : "");
	v = json_object_get(json_object_get(root, "lost_events"), "total");
	h->lost_events = (uint64_t)json_integer_value(v);
}

int facts_read(const char *path, struct trace_header *h, struct errbuf *e)
{
	json_t *root = NULL;
	size_t bytes;
	char *text;

	if (!file_read_given(path, JSON_LIMIT_BYTES, &text, &bytes, e))
		root = json_parse(path, text, bytes, e);
	free(text);
	if (!root)
		return -EINVAL;
	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(e, -EINVAL, "%s: expected an object of header "
			       "facts", path);
	}
	fill(h, root);
	json_decref(root);
	return 0;
}

char *facts_beside(const char *input)
{
	const char *slash = strrchr(input, '/');
	struct stat st;
	char *path;

	if (!strcmp(input, "-"))
		return NULL;
	path = xasprintf("%.*scapture.json", slash ? (int)(slash - input + 1) :
			 0, input);
	if (!stat(path, &st) && S_ISREG(st.st_mode))
		return path;
	free(path);
	return NULL;
}
