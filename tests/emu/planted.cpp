/* Which fault runs: EMU_FAULT, a line of planted.tsv. */
#include <cstdlib>

extern "C" {
int vn_planted;
}

__attribute__((constructor)) static void choose()
{
    const char *line = getenv("EMU_FAULT");
    vn_planted = line ? atoi(line) : 0;
}
