#ifndef MMREPLAY_TRACES_IMPORT_CALLTEXT_H
#define MMREPLAY_TRACES_IMPORT_CALLTEXT_H

#include "traces/import/lexer.h"

/* Calls as people read them: `mmap(NULL, 8192, PROT_READ, ...) = 0x7f..`. */

/** symbol_value() - of flag @prefix + @p[0..n) */
bool symbol_value(const char *prefix, const char *p, size_t n, uint64_t *v);
/** errno_value() - 0 if there is no such error */
int errno_value(const char *p, size_t n);

/**
 * take_flags_text() - `A|B|0x40|21<<MAP_HUGE_SHIFT`; unknown names are 0
 * @prefix: of names that stand without, e.g. "PROT_"; else ""
 */
uint64_t take_flags_text(struct span *s, const char *prefix);

/**
 * args_end() - the parenthesis that closes a list of arguments
 * One is open at @s already.
 * Quotes, brackets and `3</path>` are stepped over. NULL: not closed.
 */
const char *args_end(struct span s);

/** take_args() - v[] by position, from @args; as the kernel numbers them */
void take_args(struct span args, struct raw_event *ev);

/**
 * take_result() - behind the arguments: ` = 0x7f..`, ` = -1 ENOMEM (..)`
 * Return: 1 and the value, 0 for `= ?`, -1 if there is none.
 */
int take_result(struct span s, int64_t *result);

#endif
