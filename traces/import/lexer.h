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
	uint32_t file_tid;	/* NAME.TID, or 0: strace -ff */
	void *state;		/* a format's own, one block of malloc */
	void (*state_release)(void *state);	/* what hangs on it, or NULL */
};

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** is_word() - letters, digits, underscore */
static inline bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       is_digit(c) || c == '_';
}

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

/** skip_spaces() - and tabs */
void skip_spaces(struct span *s);
/** starts() - is @text what comes next? */
bool starts(const struct span *s, const char *text);

/** take_fraction() - SECONDS.FRACTION, at most 9 digits, as ns */
bool take_fraction(struct span *s, int64_t *ns, unsigned *digits);

/** take_day_time() - HH:MM:SS with or without fraction, ns since midnight */
bool take_day_time(struct span *s, int64_t *ns, unsigned *digits);
/** state_letter() - of a prev_state's bits: 'R', 'S', 'D', .. */
uint64_t state_letter(uint64_t bits);

/** event_named() - the event called @name, its fields in @s */
enum line_class event_named(struct lexer *lx, const char *name, size_t n,
			    struct span s, struct raw_event *ev);
/** line_named() - for LINE_NAMED; @name is static */
enum line_class line_named(struct raw_event *ev, const char *name);
/** name_of_call() - ev->call and ev->name */
void name_of_call(struct lexer *lx, struct raw_event *ev, const char *p,
		  size_t n);

/** call_of_number() - enum raw_call of a system call's number */
unsigned call_of_number(const struct lexer *lx, uint64_t nr);

/** call_args() - arguments `name: value, ...` up to @s end, bare hex allowed */
void call_args(struct lexer *lx, struct span s, struct raw_event *ev);

/** ftrace_event() - "event: fields" behind the stamp of an ftrace line */
enum line_class ftrace_event(struct lexer *lx, struct span s,
			     struct raw_event *ev);

/** struct look - what a reader makes of the first lines of a text */
struct look {
	int events, named, others;	/* others: not read at all */
	struct lexer_facts facts;
};

/** lexer_look() - for import_format.detect(): at most 300 lines of @text */
struct look lexer_look(enum line_class (*line)(struct lexer *, const char *,
					       size_t, struct raw_event *),
		       const char *text, size_t bytes);
/**
 * reads_most() - are lines read, and no more that are not?
 * @named: what is recognised and dropped by name is read as well
 */
bool reads_most(const struct look *l, bool named);

#endif
