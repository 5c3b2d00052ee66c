/* The option table: one list of options makes the struct, the parser, the range checks, the help,
 * the config keys, the environment names and the model file's header.
 *
 * A list is an X-macro with one line per option:
 *     X(TYPE, name, default, lo, hi, choices, "help")
 * TYPE is one of INT, FLOAT, BOOL, TEXT, ENUM, INTS, FLOATS, ENUMS. Defaults are text, exactly what
 * a user would type. `choices` is "a|b|c" for ENUM and ENUMS, else NULL. lo/hi bound numbers and
 * every element of lists (lo == hi == 0: unbounded; INFINITY: unbounded on that side).
 *
 *     #define TRAIN_OPTIONS(X) X(INT, max_steps, "1000", 1, 1e9, NULL, "optimizer steps")
 *     typedef struct train_cfg { VN_OPTION_STRUCT(TRAIN_OPTIONS) } train_cfg;
 *     #define VN_OPTION_OF train_cfg
 *     const vn_option train_options[] = { TRAIN_OPTIONS(VN_OPTION_LINE) { 0 } };
 *     #undef VN_OPTION_OF
 */
#ifndef VN_BASE_OPTIONS_H
#define VN_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

#define VN_LIST_MAX 1024  /* elements in a list option */
#define VN_TEXT_MAX 1024 /* bytes in a text option, with its zero */

typedef enum vn_option_type {
    VN_OPT_INT, VN_OPT_FLOAT, VN_OPT_BOOL, VN_OPT_TEXT, VN_OPT_ENUM,
    VN_OPT_INTS, VN_OPT_FLOATS, VN_OPT_ENUMS,
} vn_option_type;

/* Field types. An ENUM holds the index of the choice. */
typedef int64_t vn_opt_INT;
typedef double vn_opt_FLOAT;
typedef bool vn_opt_BOOL;
typedef struct { char s[VN_TEXT_MAX]; } vn_opt_TEXT;
typedef int64_t vn_opt_ENUM;
typedef struct { int64_t n, v[VN_LIST_MAX]; } vn_opt_INTS;
typedef struct { int64_t n; double v[VN_LIST_MAX]; } vn_opt_FLOATS;
typedef vn_opt_INTS vn_opt_ENUMS;

typedef struct vn_option {
    const char *name;     /* snake_case: `--max_steps`, `--max-steps`, `max_steps =`, VANE_MAX_STEPS */
    vn_option_type type;
    size_t offset;        /* of the field in its struct */
    const char *preset;   /* the default, as text */
    double lo, hi;
    const char *choices;
    const char *help;
} vn_option;

#define VN_OPTION_FIELD(TYPE, name, preset, lo, hi, choices, help) vn_opt_##TYPE name;
#define VN_OPTION_STRUCT(LIST) LIST(VN_OPTION_FIELD)
/* Inside a table the struct's type is named by VN_OPTION_OF, defined by the includer. */
#define VN_OPTION_LINE(TYPE, name, preset, lo, hi, choices, help) \
    { #name, VN_OPT_##TYPE, offsetof(VN_OPTION_OF, name), preset, lo, hi, choices, help },

/* Fill a struct with the defaults of its table. BUG if a default does not parse. */
vn_status vn_options_preset(const vn_option *table, void *target);

/* The option called `name` ('-' and '_' are the same), NULL if none. */
const vn_option *vn_option_find(const vn_option *table, const char *name);

/* Parse `text` into the option's field. ARGUMENT with what was found and what was expected; the
 * message names the option as `name`, the caller adds its origin with vn_fail_in. */
vn_status vn_option_set(const vn_option *o, void *target, const char *text);

/* Write the field's value as the text that vn_option_set reads back. Lists as [2, 2, 1]. */
void vn_option_get(const vn_option *o, const void *target, vn_text *out);

/* Write the field's value as JSON: a number, true or false, a string, or a list of them. */
void vn_option_json(const vn_option *o, const void *target, vn_text *out);

/* True if both structs hold the same value of this option. */
bool vn_option_same(const vn_option *o, const void *a, const void *b);

/* "int 1 .. 1000000", "a | b | c", "list of int": what the option accepts, for help. */
void vn_option_accepts(const vn_option *o, vn_text *out);

/* One `key = value` of a config file in a strict TOML subset: comments, blank lines, [section]
 * headers, bare keys, and values that are integers, floats, booleans, basic or literal strings or
 * one-line arrays of them. `value` is given unquoted as option text; `where` is "name:line:col" of
 * it, which an entry that fails puts before its message. */
typedef vn_status (*vn_config_entry)(void *ctx, const char *section, const char *key,
                                     const char *value, const char *where);

/* Read a config text. Errors are "name:line:col: ...". Duplicate keys are errors. */
vn_status vn_config_parse(const char *name, const char *text, size_t n, vn_config_entry entry,
                          void *ctx);

#endif
