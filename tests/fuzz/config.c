/* Config files and every option: what is accepted is written back as text that means the same. */
#include <string.h>

#include "host/api/internal.h"
#include "include/vane.h"
#include "tests/fuzz/fuzz.h"

enum { MODEL_TABLE = 4 };

/* What an option takes it gives back, as text that means the same. */
static void check_option(const vn_option *o, const char *value)
{
    static union {
        char bytes[sizeof(vn_opt_FLOATS) + sizeof(vn_opt_TEXT)];
        double align;
    } a, b;
    vn_option at_0 = *o; /* a struct of this field alone */
    at_0.offset = 0;
    if (vn_option_set(&at_0, &a, value)) return;
    vn_text text = { 0 }, again = { 0 };
    vn_option_get(&at_0, &a, &text);
    VN_FUZZ_CHECK(!vn_option_set(&at_0, &b, text.s ? text.s : ""));
    VN_FUZZ_CHECK(vn_option_same(&at_0, &a, &b));
    vn_option_get(&at_0, &b, &again);
    VN_FUZZ_CHECK(text.n == again.n && (!text.n || !memcmp(text.s, again.s, text.n)));
    vn_text_close(&text);
    vn_text_close(&again);
}

enum { ALL_MAX = 1024 };

/* Every option of every model, those they share once. */
static const vn_option *const *all_options(void)
{
    static const vn_option *all[ALL_MAX + 1];
    vane_model_kind kind = { .size = sizeof kind };
    int n = 0;
    if (all[0]) return all;
    for (int m = 0; !vane_model_kind_at(m, &kind); m++) {
        const char *group;
        const vn_option *o;
        int table;
        for (int i = 0; (o = vn_option_of(vn_model_find(kind.name), i, &table, &group)); i++) {
            if (m && table != MODEL_TABLE) continue;
            VN_FUZZ_CHECK(n < ALL_MAX);
            all[n++] = o;
        }
    }
    return all;
}

/* One line of the file: every option of this name. */
static vn_status take(void *ctx, const char *section, const char *key, const char *value,
                      const char *where)
{
    (void)section;
    VN_FUZZ_CHECK(!strncmp(where, "fuzz:", 5) && strlen(key) + strlen(value) <= *(size_t *)ctx * 4);
    for (const vn_option *const *o = all_options(); *o; o++)
        if (vn_same_name((*o)->name, key)) check_option(*o, value);
    return VN_OK;
}

static vane_config *read_config(const void *text, size_t n)
{
    vane_config *c;
    VN_FUZZ_CHECK(!vane_config_open(&c));
    vane_status st = vane_config_set_file(c, vn_fuzz_file(text, n));
    if (!st) return c;
    VN_FUZZ_CHECK(st == VANE_E_ARGUMENT || st == VANE_E_DATA);
    VN_FUZZ_CHECK(strstr(vane_last_error(), "/proc/self/fd/") != NULL);
    vane_config_close(c);
    return NULL;
}

/* The whole way through the interface and back: a thousand times as long, so a target of its own.
 */
void vn_fuzz_settings(const uint8_t *data, size_t n)
{
    vane_config *c = read_config(data, n);
    if (!c) return;
    vane_report *first, *second;
    VN_FUZZ_CHECK(!vane_config_report(c, &first));
    const char *text = vane_report_text(first);
    vane_config *again = read_config(text, strlen(text));
    VN_FUZZ_CHECK(again != NULL);
    VN_FUZZ_CHECK(!vane_config_report(again, &second));
    for (int i = 0;; i++) {
        vane_option o = { .size = sizeof o };
        if (vane_option_at(vane_config_get(c, "model", NULL), i, &o)) break;
        char kept[8192];
        const char *a = vane_config_get(c, o.name, NULL);
        VN_FUZZ_CHECK(a != NULL);
        strncpy(kept, a, sizeof kept - 1);
        kept[sizeof kept - 1] = 0;
        VN_FUZZ_CHECK(!strncmp(kept, vane_config_get(again, o.name, NULL), sizeof kept - 1));
    }
    vane_report_close(first);
    vane_report_close(second);
    vane_config_close(again);
    vane_config_close(c);
}

void vn_fuzz_config(const uint8_t *data, size_t n)
{
    vn_status st = vn_config_parse("fuzz", (const char *)data, n, take, &n);
    VN_FUZZ_CHECK(!st || st == VN_E_DATA || st == VN_E_ARGUMENT);
    VN_FUZZ_CHECK(!st || !strncmp(vn_last_message(), "fuzz:", 5));
}
