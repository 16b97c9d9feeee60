/*
 * Option tables. Every value goes through parse(), whether it comes from a
 * default, a YAML file or --set, so all three obey the same rules.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/base/mem.h"
#include "sim/base/option.h"

static const char *const bool_names[] = { "false", "true", "no", "yes",
					  "off", "on", NULL };

static size_t name_count(const char *const *names)
{
	size_t n = 0;

	while (names[n])
		n++;
	return n;
}

const struct option *option_find(const struct option *table, const char *key)
{
	for (; table->key; table++)
		if (!strcmp(table->key, key))
			return table;
	return NULL;
}

static const char *unit_space(const struct option *o)
{
	return o->unit && *o->unit ? " " : "";
}

static const char *unit_of(const struct option *o)
{
	return o->unit ? o->unit : "";
}

static bool has_range(const struct option *o)
{
	return o->min || o->max;
}

/* A whole number, decimal or 0x; false if @value is anything else. */
static bool parse_number(const char *value, bool *negative, uint64_t *number)
{
	char *end;
	int base;

	*negative = *value == '-';
	value += *value == '-' || *value == '+';
	base = value[0] == '0' && (value[1] == 'x' || value[1] == 'X') ? 16 : 10;
	if (base == 16)
		value += 2;
	/* strtoull would take a sign or blanks here */
	if (!strchr("0123456789abcdefABCDEF", *value) || !*value)
		return false;
	errno = 0;
	*number = strtoull(value, &end, base);
	return !errno && !*end;
}

/* What an option of type @o can hold, from *min to *max. */
static void limits(const struct option *o, __int128 *min, __int128 *max)
{
	*min = o->type == OPT_I64 ? INT64_MIN : 0;
	*max = o->type == OPT_U32 ? UINT32_MAX :
	       o->type == OPT_I64 ? INT64_MAX : (__int128)UINT64_MAX;
	if (has_range(o)) {
		if (o->min > *min)
			*min = o->min;
		if (o->max < *max)
			*max = o->max;
	}
}

static int bad(struct errbuf *e, struct loc at, const struct option *o,
	       const char *value, const char *expected)
{
	if (!at.path)
		return err_usage(e, "%s: expected %s, got '%.100s'", o->key,
				 expected, value);
	return err_at(e, -EINVAL, at, "%s: expected %s, got '%.100s'", o->key,
		      expected, value);
}

static int parse_integer(const struct option *o, void *field,
			 const char *value, struct loc at, struct errbuf *e)
{
	__int128 min, max, n = 0;
	bool negative, is_number;
	uint64_t number = 0;
	char expected[128];

	limits(o, &min, &max);
	is_number = parse_number(value, &negative, &number);
	n = negative ? -(__int128)number : (__int128)number;
	if (!is_number || n < min || n > max) {
		snprintf(expected, sizeof(expected),
			 "a whole number%s%s from %" PRId64 " to %" PRIu64,
			 *unit_of(o) ? " of " : "", unit_of(o), (int64_t)min,
			 (uint64_t)max);
		return bad(e, at, o, value, expected);
	}
	if (o->type == OPT_U32)
		*(uint32_t *)field = (uint32_t)n;
	else if (o->type == OPT_I64)
		*(int64_t *)field = (int64_t)n;
	else
		*(uint64_t *)field = (uint64_t)n;
	return 0;
}

static int parse(const struct option *o, void *base, struct arena *a,
		 const char *value, struct loc at, struct errbuf *e)
{
	void *field = (char *)base + o->offset;
	uint32_t i;

	switch (o->type) {
	case OPT_BOOL:
		for (i = 0; bool_names[i]; i++) {
			if (!strcmp(value, bool_names[i])) {
				*(bool *)field = i & 1;
				return 0;
			}
		}
		return bad(e, at, o, value, "true or false");
	case OPT_STR:
		*(const char **)field = strcmp(value, "~") ?
			arena_strdup(a, value) : NULL;
		return 0;
	case OPT_ENUM:
		for (i = 0; o->names[i]; i++) {
			if (!strcmp(value, o->names[i])) {
				*(uint32_t *)field = i;
				return 0;
			}
		}
		return err_unknown(e, at, o->key, value, o->names,
				   name_count(o->names));
	case OPT_U32:
	case OPT_I64:
	case OPT_U64:
		return parse_integer(o, field, value, at, e);
	}
	BUG("option %s has type %d", o->key, (int)o->type);
}

static void set_unset(const struct option *o, void *base)
{
	static const size_t bytes[] = {
		[OPT_BOOL] = sizeof(bool), [OPT_U32] = sizeof(uint32_t),
		[OPT_I64] = sizeof(int64_t), [OPT_U64] = sizeof(uint64_t),
		[OPT_STR] = sizeof(char *), [OPT_ENUM] = sizeof(uint32_t),
	};

	memset((char *)base + o->offset, 0, bytes[o->type]);
}

void option_defaults(const struct option *table, void *base, struct arena *a)
{
	for (const struct option *o = table; o->key; o++) {
		struct errbuf e = { 0 };

		if (!o->def)
			set_unset(o, base);
		else if (parse(o, base, a, o->def, (struct loc){ 0 }, &e))
			BUG("default of %s", e.text);
	}
}

int option_set(const struct option *table, void *base, struct arena *a,
	       const char *key, const char *value, struct loc at,
	       struct errbuf *e)
{
	const struct option *o = option_find(table, key);
	const char **names;
	size_t count = 0;
	int code;

	if (o)
		return parse(o, base, a, value, at, e);
	while (table[count].key)
		count++;
	names = xcalloc(count, sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = table[i].key;
	code = err_unknown(e, at, "key", key, names, count);
	free(names);
	return code;
}

void option_format(const struct option *o, const void *base, char *buf,
		   size_t bytes)
{
	const void *field = (const char *)base + o->offset;
	const char *text;

	switch (o->type) {
	case OPT_BOOL:
		snprintf(buf, bytes, "%s", bool_names[*(const bool *)field]);
		return;
	case OPT_U32:
		snprintf(buf, bytes, "%" PRIu32, *(const uint32_t *)field);
		return;
	case OPT_I64:
		snprintf(buf, bytes, "%" PRId64, *(const int64_t *)field);
		return;
	case OPT_U64:
		snprintf(buf, bytes, "%" PRIu64, *(const uint64_t *)field);
		return;
	case OPT_STR:
		text = *(const char *const *)field;
		snprintf(buf, bytes, "%s", text ? text : "~");
		return;
	case OPT_ENUM:
		BUG_ON(*(const uint32_t *)field >= name_count(o->names));
		snprintf(buf, bytes, "%s",
			 o->names[*(const uint32_t *)field]);
		return;
	}
	BUG("option %s has type %d", o->key, (int)o->type);
}

static void help_values(FILE *f, const struct option *o)
{
	if (o->type == OPT_BOOL) {
		fputs("true|false", f);
	} else if (o->type == OPT_STR) {
		fputs("text", f);
	} else if (o->type == OPT_ENUM) {
		for (size_t i = 0; o->names[i]; i++)
			fprintf(f, "%s%s", i ? "|" : "", o->names[i]);
	} else if (has_range(o)) {
		fprintf(f, "%" PRId64 "..%" PRId64, o->min, o->max);
	} else {
		fputs("number", f);
	}
	fprintf(f, "%s%s", unit_space(o), unit_of(o));
}

char *option_help(const struct option *table)
{
	struct memtext t;
	FILE *f = memtext_open(&t);

	for (const struct option *o = table; o->key; o++) {
		fprintf(f, "  %-20s ", o->key);
		help_values(f, o);
		if (o->def)
			fprintf(f, ", default %s", o->def);
		fprintf(f, ". %s\n", o->help ? o->help : "");
	}
	return memtext_close(&t);
}
