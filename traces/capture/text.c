/*
 * Rewrites the stamps of tracefs text, line by line:
 *
 *   comm-TID (TGID) [CPU] flags 8714602348861: event: fields
 *   comm-TID (TGID) [CPU] flags  4357.301174430: event: fields
 *
 * The stamp is found from "[CPU]": the comm before it may hold anything, so
 * the line is taken only where digits and a colon stand at the right place.
 * Any other line (LOST EVENTS, stack traces) is copied as it is.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "traces/capture/tracer.h"

/* Does "comm-TID" or "comm-TID (TGID)" end before @p? */
static bool task_before(const char *line, const char *p)
{
	const char *digits;

	while (p > line && p[-1] == ' ')
		p--;
	if (p > line && p[-1] == ')')
		return true;
	for (digits = p; p > line && isdigit((unsigned char)p[-1]); p--)
		;
	return p < digits && p > line && p[-1] == '-';
}

/* Where the stamp is: its first digit, and behind its last; NULL if none. */
static const char *find_stamp(const char *line, const char **end)
{
	for (const char *p = strchr(line, '['); p; p = strchr(p + 1, '[')) {
		const char *q = p + 1;

		while (isdigit((unsigned char)*q))
			q++;
		if (q == p + 1 || q[0] != ']' || q[1] != ' ' ||
		    !task_before(line, p))
			continue;
		q += 2;
		for (int word = 0; word < 2; word++) {
			const char *start;

			while (*q == ' ')
				q++;
			start = q;
			while (isdigit((unsigned char)*q))
				q++;
			if (q > start && *q == ':' && q[1] == ' ') {
				*end = q;
				return start;
			}
			while (*q && *q != ' ')		/* the flags */
				q++;
		}
	}
	return NULL;
}

static void rewrite(const struct stamp_clock *c, const char *line, FILE *to)
{
	const char *end, *stamp = find_stamp(line, &end);
	int64_t ns;

	if (!stamp) {
		fputs(line, to);
		return;
	}
	ns = stamp_clock_ns(c, strtoull(stamp, NULL, 10));
	fwrite(line, 1, (size_t)(stamp - line), to);
	fprintf(to, "%" PRId64 ".%09" PRId64 "%s", ns / 1000000000,
		ns % 1000000000, end);
}

/* "CPU:0 [LOST 982 EVENTS]": the number; 0 for any other line */
static uint64_t lost_here(const char *line)
{
	const char *lost = line[0] == 'C' ? strstr(line, "[LOST ") : NULL;

	return lost ? strtoull(lost + 6, NULL, 10) : 0;
}

int stamp_rewrite(const struct stamp_clock *c, FILE *from, FILE *to,
		  uint64_t *lines, uint64_t *lost)
{
	char *line = NULL;
	size_t room = 0;

	*lines = *lost = 0;
	while (getline(&line, &room, from) > 0) {
		*lost += lost_here(line);
		if (c->ticks)
			rewrite(c, line, to);
		else
			fputs(line, to);
		++*lines;
	}
	free(line);
	return ferror(from) || ferror(to) ? -EIO : 0;
}
