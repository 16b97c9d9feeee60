#ifndef MMREPLAY_POLICY_REGISTRY_H
#define MMREPLAY_POLICY_REGISTRY_H

#include "sim/base/errbuf.h"
#include "sim/mm/policies.h"

/*
 * Every policy is one file that defines its const table and one line
 * POLICY(type, symbol) in policies.def. What goes with what is stated by the
 * tables (provides, requires, excludes, inert); one function checks.
 */

/** axis_find() - axis by name, or -1; err_unknown() text is the caller's */
int axis_find(const char *name);

/** policy_find() - value by name on an axis, or NULL */
const struct policy_head *policy_find(enum axis a, const char *name);

/** policy_names() - the values of an axis in registry order; NULL-terminated */
const char *const *policy_names(enum axis a, size_t *count);

/** policy_register() - @head, of a plug-in that stays loaded; plugin.c has
 *  checked it. @digest: of the file that it came from */
int policy_register(const struct policy_head *head, const char *digest,
		    struct errbuf *e);

/** policy_digest() - of the plug-in that @head came from; NULL: built in */
const char *policy_digest(const struct policy_head *head);

/**
 * policy_check() - may these values go together?
 * Return: 0, or -EINVAL with @reason naming the two values and what is missing.
 * No value is ever changed to make a choice valid.
 */
int policy_check(const struct policy_choice *c, struct errbuf *reason);

/** policy_inert() - bit per axis that has no effect under this choice */
uint64_t policy_inert(const struct policy_choice *c);

#endif
