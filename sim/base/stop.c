/* See stop.h. */
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include "sim/base/stop.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static struct sigaction before[SIGNALS];
static volatile sig_atomic_t caught;

static void on_stop(int sig)
{
	if (!caught)
		caught = sig;
}

void stop_catch(void)
{
	struct sigaction act = { .sa_handler = on_stop };	/* calls are interrupted */

	sigemptyset(&act.sa_mask);
	for (int i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
	}
}

void stop_release(void)
{
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
}

void stop_ignore(void)
{
	for (int i = 0; i < SIGNALS; i++)
		signal(signals[i], SIG_IGN);
}

int stop_signal(void)
{
	return caught;
}
