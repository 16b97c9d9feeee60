#ifndef MMREPLAY_BASE_OPTION_H
#define MMREPLAY_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/base/errbuf.h"

/*
 * One table drives YAML keys, --set, defaults, help and the resolved
 * scenario that is written beside the results. A table describes fields of
 * one struct by offset; it ends with an entry whose key is NULL.
 */

enum option_type {
	OPT_BOOL,	/* bool */
	OPT_U32,	/* uint32_t, min..max */
	OPT_I64,	/* int64_t, min..max */
	OPT_U64,	/* uint64_t, min..max (as int64) */
	OPT_STR,	/* const char *, arena-owned, may be NULL, spelled ~ */
	OPT_ENUM,	/* uint32_t index into names */
};

/**
 * struct option - one configurable value
 * @key: spelling in YAML and --set; carries its unit (`hz`, `limit_pages`)
 * @names: OPT_ENUM: NULL-terminated spellings
 * @min, @max: both 0 means the whole range of the type
 * @def: default, spelled as a user would; NULL means zero / unset
 * @unit: "ns", "bytes", "pages", "count", ... or "" for none
 * @help: one sentence
 */
struct option {
	const char *key;
	enum option_type type;
	size_t offset;
	const char *def;
	int64_t min, max;
	const char *const *names;
	const char *unit;
	const char *help;
};

#define OPTION_END { .key = NULL }

struct arena;

/** option_defaults() - set every field of @base from its default; BUG if one is bad */
void option_defaults(const struct option *table, void *base, struct arena *a);

/**
 * option_set() - parse @value into the field named @key
 * @at: where the value stands, for the message
 * Return: 0, or -EINVAL; exit status 1 if @at.path is set, else 2.
 * Errors: unknown key (nearest named), wrong type, out of range with the range.
 */
int option_set(const struct option *table, void *base, struct arena *a,
	       const char *key, const char *value, struct loc at,
	       struct errbuf *e);

/** option_find() - entry named @key, or NULL */
const struct option *option_find(const struct option *table, const char *key);

/** option_format() - the field as text that option_set() would read back */
void option_format(const struct option *o, const void *base, char *buf,
		   size_t bytes);

/** option_help() - one line an entry: key, unit, default, range, help; caller frees */
char *option_help(const struct option *table);

#endif
