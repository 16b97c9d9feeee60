/* See signals.h. */
#include "traces/capture/signals.h"

static volatile sig_atomic_t asked;

static void on_signal(int sig)
{
	if (asked++) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

static const int signals[STOP_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };

void stop_signals_take(struct sigaction old[STOP_SIGNALS])
{
	struct sigaction sa = { .sa_handler = on_signal };

	asked = 0;
	for (int i = 0; i < STOP_SIGNALS; i++)
		sigaction(signals[i], &sa, &old[i]);
}

void stop_signals_back(const struct sigaction old[STOP_SIGNALS])
{
	for (int i = 0; i < STOP_SIGNALS; i++)
		sigaction(signals[i], &old[i], NULL);
}

bool stop_asked(void)
{
	return asked;
}
