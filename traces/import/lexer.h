#ifndef MMREPLAY_TRACES_IMPORT_LEXER_H
#define MMREPLAY_TRACES_IMPORT_LEXER_H

#include "traces/import/event.h"

/* Pieces of lines, private to the readers of text formats. */

struct name_slot {
	uint32_t hash;
	uint8_t bytes, value;
	const char *name;
};

enum { NAME_SLOTS = 128 };

/** struct name_table - tracepoint or call names to small numbers */
struct name_table {
	struct name_slot slot[NAME_SLOTS];
};

struct lexer {
	struct name_table events, calls;
	struct lexer_facts facts;
};

/** name_find() - the number of a name, 0 if it is not in the table */
unsigned name_find(const struct name_table *t, const char *name, size_t bytes);

/** struct span - text that is still to be read; all takers move @p on */
struct span {
	const char *p, *end;
};

/** take_u64() - number: 0x hex, or in @base; false if there is no digit */
bool take_u64(struct span *s, unsigned base, uint64_t *v);

/** skip_to() - behind the next occurrence of @key; false: not there, unmoved */
bool skip_to(struct span *s, const char *key);

/** event_fields() - v[] of ev->type from the text behind "name:" */
bool event_fields(struct lexer *lx, struct span s, struct raw_event *ev);

/** call_args() - arguments `name: value, ...` up to @s end, bare hex allowed */
void call_args(struct lexer *lx, struct span s, struct raw_event *ev);

#endif
