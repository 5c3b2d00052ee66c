/* Stamps and frequencies: what is read is written back, and steps can be counted. */
#include <string.h>

#include "base/fault.h"
#include "host/data/calendar.h"
#include "tests/fuzz/fuzz.h"

void vn_fuzz_stamp(const uint8_t *data, size_t n)
{
    int64_t stamp, again;
    vn_stamp_kind kind = vn_stamp_parse((const char *)data, n, &stamp);
    if (kind == VN_STAMP_NONE) return;
    vn_freq freq = { kind == VN_STAMP_STEP ? VN_FREQ_STEP : VN_FREQ_SECOND, 1, false, false };
    char text[VN_STAMP_TEXT];
    vn_stamp_text(freq, stamp, text);
    VN_FUZZ_CHECK(vn_stamp_parse(text, strlen(text), &again) != VN_STAMP_NONE);
    VN_FUZZ_CHECK(again == stamp);
    if (kind == VN_STAMP_STEP) return;
    vn_civil civil = vn_civil_of(stamp);
    VN_FUZZ_CHECK(civil.month >= 1 && civil.month <= 12 && civil.day >= 1);
    VN_FUZZ_CHECK(civil.day <= vn_month_days(civil.year, civil.month));
    VN_FUZZ_CHECK(vn_stamp_of(civil) == stamp);
    int day = vn_weekday_of(stamp);
    VN_FUZZ_CHECK(day >= 0 && day <= 6);
}

/* The input as a text and the numbers behind its zero byte. */
static int64_t number_at(const uint8_t *data, size_t n, size_t i)
{
    uint32_t x = 0;
    if ((i + 1) * sizeof x <= n) memcpy(&x, data + i * sizeof x, sizeof x);
    return (int32_t)x;
}

static void check_steps(vn_freq freq, int64_t start, int64_t steps)
{
    int64_t k, first = vn_stamp_add(freq, start, 0), stamp = vn_stamp_add(freq, first, steps);
    if (steps > 0) VN_FUZZ_CHECK(stamp > first);
    if (steps < 0) VN_FUZZ_CHECK(stamp < first);
    bool on = vn_stamp_index(freq, first, stamp, &k);
    /* Ends of short months are not ordered one to one with days past the 28th. */
    if (freq.unit != VN_FREQ_MONTH || freq.month_end || vn_civil_of(first).day <= 28)
        VN_FUZZ_CHECK(on && k == steps);
}

static void check_infer(const uint8_t *data, size_t n)
{
    enum { MOST = 64 };
    vn_row_run run[MOST];
    int64_t at[2] = { 0, 0 };
    int64_t now = 0;
    for (size_t i = 0; i < MOST && (i + 1) * 4 <= n; i++) {
        now += 1 + (number_at(data, n, i) & 0xFFFFFF);
        run[at[1]++] = (vn_row_run){ .stamp = now, .n = 1 };
    }
    if (!at[1]) return;
    vn_freq freq;
    bool found;
    vn_stamp_kind kind = (vn_stamp_kind)(VN_STAMP_STEP + data[0] % 3);
    VN_FUZZ_CHECK(!vn_freq_infer(run, at, 1, kind, &freq, &found));
    if (found) VN_FUZZ_CHECK(freq.n >= 1 && vn_season_of(freq) >= 1);
    vn_stamps_end_months(run, at[1]);
}

void vn_fuzz_freq(const uint8_t *data, size_t n)
{
    char text[64], shown[VN_STAMP_TEXT];
    size_t end = 0;
    while (end < n && data[end]) end++;
    if (end >= sizeof text) return;
    memcpy(text, data, end);
    text[end] = 0;
    if (end == 0 && n) check_infer(data + 1, n - 1); /* no text, numbers alone: slower */
    vn_freq freq, again;
    if (!vn_freq_parse(text, &freq)) return;
    VN_FUZZ_CHECK(freq.n >= 1 && vn_season_of(freq) >= 1);
    vn_freq_text(freq, shown);
    VN_FUZZ_CHECK(vn_freq_parse(shown, &again));
    VN_FUZZ_CHECK(again.unit == freq.unit && again.n == freq.n);
    if (freq.n > 1000000 || end >= n) return;
    int64_t start = number_at(data + end + 1, n - end - 1, 0);
    check_steps(freq, start, number_at(data + end + 1, n - end - 1, 1) % 10000);
}
