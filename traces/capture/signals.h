#ifndef MMREPLAY_CAPTURE_SIGNALS_H
#define MMREPLAY_CAPTURE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* INT, TERM and HUP during a capture: the first asks for the end, the second
 * does not ask. Handlers do not survive an exec. */

enum { STOP_SIGNALS = 3 };

/** stop_signals_take() - from here on; @old: what was there before */
void stop_signals_take(struct sigaction old[STOP_SIGNALS]);
/** stop_signals_back() - as it was */
void stop_signals_back(const struct sigaction old[STOP_SIGNALS]);
/** stop_asked() - has one come since stop_signals_take()? */
bool stop_asked(void);

#endif
