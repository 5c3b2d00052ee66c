/* Data tests: a table given as text, read through a file as a user's is. */
#ifndef VN_TESTS_DATA_KIT_H
#define VN_TESTS_DATA_KIT_H

#include "host/data/window.h"

/* Defaults changed by settings "name=value;name=value". */
vn_data_options vn_data_kit_options(const char *settings);

/* A file of n bytes of text; the caller removes it. */
#define VN_DATA_KIT_PATH 32
void vn_data_kit_file(const char *text, size_t n, char path[VN_DATA_KIT_PATH]);

/* Read n bytes of text as a file. */
vn_status vn_data_kit_read(const char *text, size_t n, const char *settings, vn_panel **panel);

/* Read a text that must be good, whole and in blocks. */
vn_panel *vn_data_kit_panel(const char *text, const char *settings);

/* Read a text that must be refused with this status and a message that holds `words`,
 * whole and in blocks. */
void vn_data_kit_refuse(const char *text, const char *settings, vn_status status,
                        const char *words);

/* A file of the shared data folder; NULL, and a line that the test is skipped, if it is not there.
 * Static buffer. `test`: its __func__, to which libcheck appends _fn. */
const char *vn_data_kit_shared(const char *test, const char *file);

#endif
