/* What the command says on stderr: notes, a progress line on a terminal, plain lines in a pipe. */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/command.h"

static volatile sig_atomic_t caught;

/* The first signal asks the loop to stop after its step; a second one ends the process. */
static void on_signal(int number)
{
    caught = number;
    signal(number, SIG_DFL);
}

int talk_signal(void)
{
    return caught;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void end_line(talk *t)
{
    if (t->line_open) fputc('\n', stderr);
    t->line_open = false;
}

/* How much of a message is the place it begins with, "data.csv:61:23"; 0: it names none. */
static size_t place_of(const char *text)
{
    size_t n = strcspn(text, ":\"'"), digits;
    if (!n) return 0;
    for (int parts = 0; text[n] == ':' && parts < 2; parts++, n += 1 + digits) {
        digits = strspn(text + n + 1, "0123456789");
        if (!digits) return parts && !strncmp(text + n, ": ", 2) ? n : 0;
    }
    return strncmp(text + n, ": ", 2) ? 0 : n;
}

void put_error(const char *kind, const char *text)
{
    size_t place = place_of(text);
    if (place)
        fprintf(stderr, "%.*s: error%s\n", (int)place, text, text + place);
    else
        fprintf(stderr, "error: %s%s%s\n", kind, *kind ? ": " : "", text);
}

static void on_log(void *ctx, vane_log_level level, const char *text)
{
    talk *t = ctx;
    if (level == VANE_LOG_DEBUG || (t->quiet && level == VANE_LOG_INFO)) return;
    end_line(t);
    if (level == VANE_LOG_ERROR)
        put_error("", text);
    else
        fprintf(stderr, "%s%s\n", level == VANE_LOG_WARN ? "warning: " : "", text);
}

/* "1h02m", "3m20s", "12s". */
static const char *duration(double s, char out[24])
{
    long n = isfinite(s) && s > 0 ? lround(s) : 0;
    if (n >= 3600)
        snprintf(out, 24, "%ldh%02ldm", n / 3600, n / 60 % 60);
    else if (n >= 60)
        snprintf(out, 24, "%ldm%02lds", n / 60, n % 60);
    else
        snprintf(out, 24, "%lds", n);
    return out;
}

/* "12,345". */
static const char *grouped(double x, char out[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%.0f", x), at = 0;
    for (int i = 0; i < n && at < 30; i++) {
        if (i && (n - i) % 3 == 0 && digits[i - 1] != '-') out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

static void progress_text(const vane_progress *p, char *out, size_t n)
{
    char rate[32], eta[24], valid[64] = "";
    if (!isfinite(p->loss)) { /* fitted series by series: no loss and no rate to speak of */
        snprintf(out, n, "%" PRId64 "/%" PRId64 " series  %s a second  ETA %s", p->step,
                 p->max_steps, grouped(p->windows_per_s, rate), duration(p->eta_s, eta));
        return;
    }
    if (isfinite(p->valid))
        snprintf(valid, sizeof valid, "  val %.5g (best %.5g)", p->valid, p->best);
    snprintf(out, n, "step %" PRId64 "/%" PRId64 "  loss %.5g%s  lr %.3g  %s windows/s  ETA %s",
             p->step, p->max_steps, p->loss, valid, p->lr, grouped(p->windows_per_s, rate),
             duration(p->eta_s, eta));
}

static void bar(const vane_progress *p, char out[64])
{
    enum { WIDTH = 20 };
    int done = p->max_steps > 0 ? (int)(p->step * WIDTH / p->max_steps) : 0;
    char *at = out;
    for (int i = 0; i < WIDTH; i++) *at++ = i < done ? '=' : i == done ? '>' : ' ';
    *at = 0;
}

/* Colours only where somebody looks and nobody asked for none. */
static void paint(const vane_progress *p, const char *line)
{
    char drawn[64];
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    bool colour = !(none && *none) && term && strcmp(term, "dumb");
    bar(p, drawn);
    fprintf(stderr, "\r%s[%s]%s %s\033[K", colour ? "\033[36m" : "", drawn, colour ? "\033[0m" : "",
            line);
    fflush(stderr);
}

static void on_progress(void *ctx, const vane_progress *p)
{
    talk *t = ctx;
    char line[256];
    double now = now_s();
    if (t->quiet) return;
    progress_text(p, line, sizeof line);
    if (t->terminal) {
        paint(p, line);
        t->line_open = true;
        if (p->validated || p->step == p->max_steps) end_line(t);
        return;
    }
    bool last = p->step == p->max_steps && t->told_step != p->step;
    if (!p->validated && !last && now - t->told_s < 10) return;
    fprintf(stderr, "%s\n", line);
    t->told_s = now;
    t->told_step = p->step;
}

static int on_stop(void *ctx)
{
    (void)ctx;
    return caught != 0;
}

void talk_open(talk *t, const args *a)
{
    *t = (talk){ .quiet = a->quiet, .terminal = isatty(STDERR_FILENO) != 0, .told_s = now_s() };
    t->hooks = (vane_hooks){ sizeof t->hooks, t, on_log, on_progress, on_stop };
}

void talk_close(talk *t)
{
    end_line(t);
}

/* Train catches signals; the other commands die of them as usual. */
void talk_catch(void)
{
    struct sigaction act = { .sa_handler = on_signal };
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

void talk_say(const talk *t, const char *fmt, ...)
{
    va_list list;
    if (t->quiet) return;
    va_start(list, fmt);
    vfprintf(stderr, fmt, list);
    va_end(list);
    fputc('\n', stderr);
}
