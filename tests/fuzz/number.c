/* JSON and numbers. strtod is the reference for numbers: the tests run in the C locale. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static int64_t count(const vn_json *v)
{
    int64_t n = 1;
    for (const vn_json *c = v->child; c; c = c->next) n += c->child ? 1 : count(c);
    return n;
}

void vn_fuzz_json(const uint8_t *data, size_t n)
{
    vn_arena arena = { 0 };
    vn_json *root = NULL;
    vn_status st = vn_json_parse(&arena, (const char *)data, n, &root);
    VN_FUZZ_CHECK(!st || st == VN_E_DATA);
    if (!st) VN_FUZZ_CHECK(root && count(root) <= (int64_t)n);
    if (!st && root->type == VN_JSON_OBJECT)
        for (const vn_json *c = root->child; c; c = c->next)
            VN_FUZZ_CHECK(vn_json_get(root, c->key) == c); /* keys are unique */
    vn_arena_close(&arena);
}

static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : memcmp(&a, &b, sizeof a) == 0;
}

static void check_double(const char *text, size_t n)
{
    double x, back;
    size_t at;
    char *end, out[VN_NUMBER_MAX];
    if (!vn_parse_f64(text, n, &x, &at)) {
        VN_FUZZ_CHECK(at <= n);
        return;
    }
    double want = strtod(text, &end);
    VN_FUZZ_CHECK(end == text + n && same(fabs(x), fabs(want)));
    VN_FUZZ_CHECK(isnan(x) || signbit(x) == signbit(want));
    vn_format_f64(x, out);
    VN_FUZZ_CHECK(vn_parse_f64(out, strlen(out), &back, &at) && same(x, back));
    float f = (float)x;
    vn_format_f32(f, out);
    VN_FUZZ_CHECK(vn_parse_f64(out, strlen(out), &back, &at));
    VN_FUZZ_CHECK(isnan(f) ? isnan(back) : (float)back == f);
}

void vn_fuzz_number(const uint8_t *data, size_t n)
{
    char text[512];
    if (n >= sizeof text || memchr(data, 0, n)) return;
    memcpy(text, data, n);
    text[n] = 0;
    check_double(text, n);
    int64_t i;
    size_t at;
    if (!vn_parse_i64(text, n, &i, &at)) return;
    VN_FUZZ_CHECK(i == strtoll(text, NULL, 10));
}
