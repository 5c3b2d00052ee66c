/* A strict JSON pull parser for untrusted headers: exact 64-bit integers, duplicate keys rejected,
 * depth and size capped, errors with line and column, no recursion on input depth. */
#ifndef VN_BASE_JSON_H
#define VN_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef enum vn_json_type {
    VN_JSON_NULL, VN_JSON_BOOL, VN_JSON_NUMBER, VN_JSON_STRING, VN_JSON_ARRAY, VN_JSON_OBJECT,
} vn_json_type;

typedef struct vn_json {
    vn_json_type type;
    bool is_int;            /* NUMBER: written without '.', 'e' and fits int64 */
    int64_t i;              /* BOOL (0/1), integer NUMBER */
    double f;               /* NUMBER */
    const char *s;          /* STRING: unescaped, zero-terminated */
    size_t n;               /* bytes of a STRING, children of an ARRAY or OBJECT */
    struct vn_json *child;  /* ARRAY, OBJECT: first child */
    struct vn_json *next;   /* next sibling */
    const char *key;        /* inside an OBJECT */
    int line, col;
} vn_json;

/* Parse all of text[0..n) into the arena. DATA failure "line:col: ..." */
vn_status vn_json_parse(vn_arena *arena, const char *text, size_t n, vn_json **root);

/* The member of an object, NULL if absent. */
const vn_json *vn_json_get(const vn_json *object, const char *key);

#endif
