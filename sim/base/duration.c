/* Times as people write them on a command line; integers throughout. */
#include <stdlib.h>
#include <string.h>
#include "sim/base/duration.h"
#include "sim/base/units.h"

/* what stands behind the point, in units of @unit_ns; false below 1 ns */
static bool add_fraction(const char *digits, size_t count, int64_t unit_ns,
			 int64_t *ns)
{
	int64_t scale = unit_ns / 10;

	for (size_t i = 0; i < count; i++, scale /= 10) {
		if (!scale && digits[i] != '0')
			return false;
		if (__builtin_add_overflow(*ns, (digits[i] - '0') * scale, ns))
			return false;
	}
	return true;
}

bool duration_parse(const char *text, size_t length, int64_t *ns)
{
	static const struct { const char *name; int64_t ns; } units[] = {
		{ "ns", 1 }, { "us", NSEC_PER_USEC }, { "ms", NSEC_PER_MSEC },
		{ "s", NSEC_PER_SEC }, { "", 1 }
	};
	size_t digits = strspn(text, "0123456789"), i = digits, unit = 0;

	if (!digits || digits > 18 || digits > length)
		return false;
	if (i < length && text[i] == '.')
		i += 1 + strspn(text + i + 1, "0123456789");
	if (i > length)
		return false;
	while (unit < 5 && (strlen(units[unit].name) != length - i ||
			    strncmp(units[unit].name, text + i, length - i)))
		unit++;
	if (unit == 5 || __builtin_mul_overflow(strtoll(text, NULL, 10),
						units[unit].ns, ns))
		return false;
	return i == digits || add_fraction(text + digits + 1, i - digits - 1,
					   units[unit].ns, ns);
}

bool window_parse(const char *text, int64_t *start_ns, int64_t *end_ns)
{
	const char *dots = strstr(text, "..");

	return dots && duration_parse(text, (size_t)(dots - text), start_ns) &&
	       duration_parse(dots + 2, strlen(dots + 2), end_ns) &&
	       *end_ns >= *start_ns;
}
