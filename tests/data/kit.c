/* Texts as files for the data tests. */
#include "tests/data/kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

vn_data_options vn_data_kit_options(const char *settings)
{
    vn_data_options o;
    char name[64], value[256];
    int used;
    ck_assert_int_eq(vn_options_preset(vn_data_option_table, &o), VN_OK);
    for (; *settings; settings += used + (settings[used] == ';')) {
        value[0] = 0;
        used = 0;
        ck_assert_int_ge(sscanf(settings, "%63[a-z_]=%n%255[^;]%n", name, &used, value, &used), 1);
        const vn_option *option = vn_option_find(vn_data_option_table, name);
        ck_assert_msg(option != NULL, "no option %s", name);
        ck_assert_msg(!vn_option_set(option, &o, value), "%s", vn_last_message());
    }
    return o;
}

vn_status vn_data_kit_read(const char *text, size_t n, const char *settings, vn_panel **panel)
{
    char path[] = "/tmp/vane_test_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
    close(fd);
    vn_data_options o = vn_data_kit_options(settings);
    vn_status st = vn_panel_read(path, &o, NULL, panel);
    unlink(path);
    return st;
}

vn_panel *vn_data_kit_panel(const char *text, const char *settings)
{
    vn_panel *panel;
    vn_status st = vn_data_kit_read(text, strlen(text), settings, &panel);
    ck_assert_msg(!st, "%s", st ? vn_last_message() : "");
    return panel;
}

void vn_data_kit_refuse(const char *text, const char *settings, vn_status status, const char *words)
{
    vn_panel *panel;
    vn_status st = vn_data_kit_read(text, strlen(text), settings, &panel);
    ck_assert_msg(st == status, "status %d (%s), expected %d", (int)st, st ? vn_last_message() : "",
                  (int)status);
    ck_assert_ptr_null(panel);
    ck_assert_msg(strstr(vn_last_message(), words) != NULL, "\"%s\" does not hold \"%s\"",
                  vn_last_message(), words);
}

const char *vn_data_kit_shared(const char *test, const char *file)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/../shared/data/%s", VANE_SOURCE_DIR, file);
    if (!access(path, R_OK)) return path;
    size_t n = strlen(test);
    if (n > 3 && !strcmp(test + n - 3, "_fn")) n -= 3;
    printf("skipped: %.*s (no ../shared/data/%s)\n", (int)n, test, file);
    return NULL;
}
