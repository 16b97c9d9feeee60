/*
 * The registry of workloads and what is common to all: parameters through
 * option tables, the key of a configuration, the run.
 *
 * Invariant: a parameter block is complete and checked before a byte is
 * written. Limits: parameters are checked one by one and by the workload's
 * own check(); a trace that is too large for the disk fails when it is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "traces/generate/gen.h"

#define WORKLOAD(id) extern const struct workload workload_##id;
#include "traces/generate/workloads.def"
#undef WORKLOAD

static const struct workload *const registry[] = {
#define WORKLOAD(id) &workload_##id,
#include "traces/generate/workloads.def"
#undef WORKLOAD
};

enum { WORKLOADS = sizeof(registry) / sizeof(registry[0]) };

enum { VALUE_BYTES = 64, COMMAND_BYTES = 256 };

const struct workload_info *workload_get(unsigned index)
{
	return index < WORKLOADS ? &registry[index]->info : NULL;
}

static const struct workload *find(const char *name, struct loc at,
				   struct errbuf *e)
{
	const char *names[WORKLOADS];

	for (unsigned i = 0; i < WORKLOADS; i++) {
		names[i] = registry[i]->info.name;
		if (!strcmp(names[i], name))
			return registry[i];
	}
	err_unknown(e, at, "workload", name, names, WORKLOADS);
	return NULL;
}

const struct workload_info *workload_find(const char *name, struct loc at,
					  struct errbuf *e)
{
	const struct workload *w = find(name, at, e);

	return w ? &w->info : NULL;
}

int gen_refuse(struct errbuf *e, struct loc at, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (at.path)
		return err_at(e, -EINVAL, at, "%s", text);
	return err_usage(e, "%s", text);
}

/**
 * struct config - a workload with its parameters filled in
 * @command: what to type to get this trace again; defaults left out
 */
struct config {
	const struct workload *w;
	void *params;
	struct arena arena;
	char command[COMMAND_BYTES];
};

static void config_release(struct config *c)
{
	free(c->params);
	arena_release(&c->arena);
}

static void config_command(struct config *c)
{
	char *to = c->command, value[VALUE_BYTES];
	size_t room = sizeof(c->command);
	int n = snprintf(to, room, "%s", c->w->info.name);

	for (const struct option *o = c->w->info.options; o->key; o++) {
		option_format(o, c->params, value, sizeof(value));
		if (!o->def || !strcmp(value, o->def))
			continue;
		to += n;
		room -= (size_t)n;
		n = snprintf(to, room, " %s=%s", o->key, value);
		if (n < 0 || (size_t)n >= room) {	/* no half a parameter */
			*to = '\0';
			return;
		}
	}
}

static int config_open(struct config *c, const struct generate_request *q,
		       struct errbuf *e)
{
	struct loc at = q->at;

	*c = (struct config){ .w = find(q->workload, q->at, e) };
	if (!c->w)
		return e->code;
	c->params = xcalloc(1, c->w->params_bytes);
	option_defaults(c->w->info.options, c->params, &c->arena);
	for (unsigned i = 0; i < q->param_count; i++) {
		const struct gen_param *p = &q->params[i];

		if (option_set(c->w->info.options, c->params, &c->arena, p->key,
			       p->value, p->at, e))
			goto out;
		at = p->at;
	}
	if (c->w->check && c->w->check(c->params, at, e))
		goto out;
	config_command(c);
	return 0;
out:
	config_release(c);
	return e->code;
}

int generate_run(const struct generate_request *q, struct generate_result *out,
		 struct errbuf *e)
{
	struct config c;
	int code = config_open(&c, q, e);

	if (code)
		return code;
	code = gen_trace(c.w, c.params, q, c.command, out, e);
	config_release(&c);
	return code;
}

int generate_resolved(const struct generate_request *q,
		      void (*fn)(void *arg, const char *key, const char *value),
		      void *arg, struct errbuf *e)
{
	char value[VALUE_BYTES];
	struct config c;
	int code = config_open(&c, q, e);

	if (code)
		return code;
	for (const struct option *o = c.w->info.options; o->key; o++) {
		option_format(o, c.params, value, sizeof(value));
		fn(arg, o->key, value);
	}
	config_release(&c);
	return 0;
}

static void key_add(void *arg, const char *key, const char *value)
{
	struct digest *d = arg;

	digest_add_str(d, key);
	digest_add_str(d, value);
}

int generate_key(const struct generate_request *q, struct digest *key,
		 struct errbuf *e)
{
	digest_init(key);
	digest_add_str(key, q->workload);
	return generate_resolved(q, key_add, key, e);
}
