#include "device/null.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"

enum { BLOCK_ALIGN = 256 };

typedef struct null_device {
    vn_device base;
    vn_null_launch *launch;
    int n_launches, cap_launches;
    int64_t blocks, bytes, copied, n_waits;
    bool full; /* of memory for the log: told at the next wait */
} null_device;

/* Something queued: a copy or fill (`dst`), steps of a recording (`exec`), or another stream's
 * state to wait for (`other`). */
typedef struct work {
    void *dst;
    const void *src; /* NULL: a fill */
    size_t bytes;
    int byte;
    vn_dir dir;
    vn_exec *exec;
    int first, last;
    struct null_stream *other;
    int64_t ticket; /* pieces of `other` that must have happened */
} work;

typedef struct null_stream {
    vn_stream base;
    null_device *dev;
    work *queue;
    int n, cap;
    int64_t queued, happened; /* pieces of work since the stream was opened */
} null_stream;

struct vn_exec {
    int n;
    vn_step steps[];
};

static const vn_backend backend;

/* ---- the kernel of every op ---- */

static void no_launch(const vn_call *c, vn_stream *s)
{
    (void)c, (void)s; /* replay() does the noting: it knows the device */
}

#define KERNEL(name)                                                                               \
    {                                                                                              \
        "null_" #name, 0, NULL, NULL, no_launch                                                    \
    }
static const vn_kernel kernel[VN_OP_COUNT] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) [VN_OP_##NAME] = KERNEL(name),
#define VN_VIEW(NAME, name, n_in, n_out, attr, doc)
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

static const vn_kernel *const list[VN_OP_COUNT][2] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) [VN_OP_##NAME] = { &kernel[VN_OP_##NAME], NULL },
#define VN_VIEW(NAME, name, n_in, n_out, attr, doc)
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

static const vn_kernel *const *const lists[VN_OP_COUNT] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) [VN_OP_##NAME] = list[VN_OP_##NAME],
#define VN_VIEW(NAME, name, n_in, n_out, attr, doc)
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

static uint32_t word_of(const vn_tensor *t)
{
    const unsigned char *p = t->data;
    uint32_t first, here;
    if (!p) return 0;
    memcpy(&first, p, sizeof first);
    size_t bytes = (size_t)vn_count(t) * vn_dtype_bytes(t->dtype);
    for (size_t at = 0; at + sizeof here <= bytes; at += sizeof here) {
        memcpy(&here, p + at, sizeof here);
        if (here != first) return VN_NULL_MIXED;
    }
    return first;
}

static void fill_words(const vn_tensor *t, uint32_t word)
{
    unsigned char *p = t->data;
    size_t bytes = p ? (size_t)vn_count(t) * vn_dtype_bytes(t->dtype) : 0;
    for (size_t at = 0; at + sizeof word <= bytes; at += sizeof word)
        memcpy(p + at, &word, sizeof word);
}

static bool under_output(const vn_call *c, const vn_tensor *in)
{
    for (int o = 0; o < c->n_out; o++)
        if (c->out[o].data == in->data) return true;
    return false;
}

/* A kernel may write an output before it has read all inputs: one that lies under an output counts
 * as lost, unless it begins where the output does, which is noted. */
static void run_step(null_device *dev, const vn_call *c)
{
    if (dev->n_launches == dev->cap_launches) {
        int cap = dev->cap_launches ? 2 * dev->cap_launches : 256;
        void *more = vn_realloc(dev->launch, (size_t)cap * sizeof *dev->launch);
        dev->full = dev->full || !more;
        if (!more) return;
        dev->launch = more;
        dev->cap_launches = cap;
    }
    vn_null_launch *l = &dev->launch[dev->n_launches++];
    *l = (vn_null_launch){ .op = c->op, .node = c->node };
    for (int i = 0; i < c->n_in; i++) l->in[i] = word_of(&c->in[i]);
    for (int o = 0; o < c->n_out; o++) fill_words(&c->out[o], vn_null_tag(c->node, o));
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].data && under_output(c, &c->in[i]))
            l->under |= 1u << i;
        else if (word_of(&c->in[i]) != l->in[i])
            l->in[i] = VN_NULL_MIXED;
}

/* ---- streams ---- */

static void run_until(null_stream *s, int64_t ticket);

static void run_work(null_device *dev, const work *w)
{
    if (w->other) run_until(w->other, w->ticket);
    if (w->dst && w->src)
        memmove(w->dst, w->src, w->bytes);
    else if (w->dst)
        memset(w->dst, w->byte, w->bytes);
    if (w->src && w->dir != VN_ON_DEVICE) dev->copied += (int64_t)w->bytes;
    for (int i = w->first; w->exec && i < w->last; i++) run_step(dev, &w->exec->steps[i].call);
}

static void run_until(null_stream *s, int64_t ticket)
{
    int done = 0;
    while (s->happened < ticket) {
        run_work(s->dev, &s->queue[done++]);
        s->happened++;
    }
    if (done) memmove(s->queue, s->queue + done, (size_t)(s->n - done) * sizeof *s->queue);
    s->n -= done;
}

static vn_status put(vn_stream *base, work w)
{
    null_stream *s = (null_stream *)base;
    if (s->n == s->cap) {
        int cap = s->cap ? 2 * s->cap : 16;
        void *more = vn_realloc(s->queue, (size_t)cap * sizeof *s->queue);
        if (!more) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        s->queue = more;
        s->cap = cap;
    }
    s->queue[s->n++] = w;
    s->queued++;
    return VN_OK;
}

static vn_status open_stream(vn_device *dev, vn_stream **out)
{
    null_stream *s = vn_calloc(1, sizeof *s);
    if (!s) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    s->base.backend = &backend;
    s->dev = (null_device *)dev;
    *out = &s->base;
    return VN_OK;
}

static void close_stream(vn_stream *base)
{
    null_stream *s = (null_stream *)base;
    run_until(s, s->queued);
    vn_free(s->queue);
    vn_free(s);
}

static vn_status copy(vn_stream *s, void *dst, const void *src, size_t bytes, vn_dir dir)
{
    return put(s, (work){ .dst = dst, .src = src, .bytes = bytes, .dir = dir });
}

static vn_status fill(vn_stream *s, void *dst, int byte, size_t bytes)
{
    return put(s, (work){ .dst = dst, .byte = byte, .bytes = bytes });
}

static vn_status after(vn_stream *s, vn_stream *other)
{
    null_stream *o = (null_stream *)other;
    return put(s, (work){ .other = o, .ticket = o->queued });
}

static vn_status wait(vn_stream *base)
{
    null_stream *s = (null_stream *)base;
    run_until(s, s->queued);
    s->dev->n_waits++;
    if (s->dev->full) return VN_FAIL(VN_E_MEMORY, "the null device has no memory for its log");
    return VN_OK;
}

/* ---- recordings ---- */

static vn_status record(vn_stream *s, const vn_step *steps, int n, double flops, vn_exec **out)
{
    (void)s, (void)flops;
    vn_exec *exec = vn_calloc(1, sizeof *exec + (size_t)n * sizeof *steps);
    if (!exec) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    exec->n = n;
    if (n) memcpy(exec->steps, steps, (size_t)n * sizeof *steps);
    *out = exec;
    return VN_OK;
}

static vn_status replay(vn_stream *s, vn_exec *exec, int first, int last)
{
    if (first < 0 || first > last || last > exec->n)
        return VN_FAIL(VN_E_BUG, "replay of steps %d to %d, but %d were recorded", first, last,
                       exec->n);
    return put(s, (work){ .exec = exec, .first = first, .last = last });
}

static void drop(vn_exec *exec)
{
    vn_free(exec);
}

/* ---- the device ---- */

static int count(void)
{
    return 1;
}

static vn_status open_device(int index, const vn_device_config *config, vn_device **out)
{
    (void)index, (void)config;
    null_device *dev = vn_calloc(1, sizeof *dev);
    if (!dev) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    dev->base.backend = &backend;
    *out = &dev->base;
    return VN_OK;
}

static void close_device(vn_device *base)
{
    vn_free(((null_device *)base)->launch);
    vn_free(base);
}

/* Every precision of products: none is computed. */
static const char *const caps[] = { "bf16", "tf32", NULL };
enum { N_CAPS = sizeof caps / sizeof *caps - 1 };

static void info(const vn_device *dev, vn_device_info *out)
{
    (void)dev;
    snprintf(out->name, sizeof out->name, "null");
    snprintf(out->level, sizeof out->level, "null");
    out->lanes = 1;
    out->caps = ~(~(uint64_t)0 << N_CAPS);
}

static vn_status alloc(vn_device *base, vn_mem kind, size_t bytes, void **block)
{
    null_device *dev = (null_device *)base;
    (void)kind;
    *block = vn_alloc_aligned(bytes ? bytes : 1, BLOCK_ALIGN);
    if (!*block) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    dev->blocks++;
    dev->bytes += (int64_t)bytes;
    return VN_OK;
}

static void release(vn_device *base, vn_mem kind, void *block, size_t bytes)
{
    null_device *dev = (null_device *)base;
    (void)kind;
    vn_free_aligned(block, bytes ? bytes : 1);
    dev->blocks--;
    dev->bytes -= (int64_t)bytes;
}

static const vn_backend backend = {
    .abi = VN_BACKEND_ABI,
    .name = "null",
    .kernels = lists,
    .caps = caps,
    .count = count,
    .open = open_device,
    .close = close_device,
    .info = info,
    .alloc = alloc,
    .free = release,
    .stream_open = open_stream,
    .stream_close = close_stream,
    .copy = copy,
    .fill = fill,
    .after = after,
    .wait = wait,
    .record = record,
    .replay = replay,
    .drop = drop,
};

vn_status vn_null_open(vn_device **dev)
{
    return backend.open(0, NULL, dev);
}

void vn_null_log_of(const vn_device *base, vn_null_log *log)
{
    const null_device *dev = (const null_device *)base;
    *log = (vn_null_log){ dev->launch, dev->n_launches, dev->blocks,
                          dev->bytes,  dev->copied,     dev->n_waits };
}
