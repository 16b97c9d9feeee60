#ifndef MMREPLAY_BASE_DURATION_H
#define MMREPLAY_BASE_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * duration_parse() - "250", "1.5ms" as nanoseconds, exact, in decimal
 * @length: bytes of @text that belong to it; units ns us ms s, none is ns
 * Return: false if it is no time, below a nanosecond, or past 2^63 ns.
 */
bool duration_parse(const char *text, size_t length, int64_t *ns);

/** window_parse() - "A..B"; false if either is no time or B is before A */
bool window_parse(const char *text, int64_t *start_ns, int64_t *end_ns);

#endif
