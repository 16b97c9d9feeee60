/* Who made a result: the one file that depends on the generated model id. */
#include "sim/results/program.h"
#include "model_id.h"

const char *program_name(void)
{
	return "mmreplay " MMREPLAY_VERSION;
}

const char *program_model_id(void)
{
	return MMREPLAY_MODEL_ID;
}
