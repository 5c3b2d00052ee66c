/* The wrappers: the only callers of a backend's pointers, and the one rule that chooses kernels. */
#include "device/device.h"

#include <string.h>

#include "device/plugin.h"

static const vn_backend *linked_in(const char *name)
{
    for (const vn_backend *const *b = vn_backends(); *b; b++)
        if (!strcmp((*b)->name, name)) return *b;
    return NULL;
}

static vn_status fail_unknown(const char *name)
{
    vn_text known = { 0 };
    for (const vn_backend *const *b = vn_backends(); *b; b++)
        vn_text_printf(&known, "%s%s", known.n ? ", " : "", (*b)->name);
    for (const char *const *p = vn_plugin_names(); *p; p++) vn_text_printf(&known, ", %s", *p);
    vn_status st = VN_FAIL(VN_E_UNSUPPORTED, "no device \"%s\"; there are: auto, %s", name,
                           known.s ? known.s : "none");
    vn_text_close(&known);
    return st;
}

vn_status vn_backend_find(const char *name, const char *folder, const vn_backend **backend)
{
    *backend = linked_in(name);
    if (!*backend) VN_TRY(vn_plugin_find(name, folder, backend));
    if (!*backend) return fail_unknown(name);
    if ((*backend)->abi != VN_BACKEND_ABI)
        return VN_FAIL(VN_E_UNSUPPORTED, "backend %s speaks version %u, this library %d", name,
                       (unsigned)(*backend)->abi, VN_BACKEND_ABI);
    return VN_OK;
}

/* The backend whose device "auto" is: a plug-in that lacks nothing, else the CPU. */
static const vn_backend *find_auto(const char *folder)
{
    for (const char *const *p = vn_plugin_names(); *p; p++) {
        const vn_backend *b;
        if (!vn_backend_find(*p, folder, &b) && !(b->lack && b->lack()) && b->count() > 0) return b;
    }
    return linked_in("cpu");
}

vn_status vn_device_open(const char *name, int index, const vn_device_config *config,
                         vn_device **dev)
{
    static const vn_device_config preset = { 0 };
    const vn_backend *backend;
    *dev = NULL;
    if (!config) config = &preset;
    if (!strcmp(name, "auto")) {
        backend = find_auto(config->plugins); /* a GPU too old to be opened is as good as none */
        if (backend && index == 0 && !backend->open(0, config, dev)) return VN_OK;
        backend = linked_in("cpu");
        if (!backend) return fail_unknown(name);
    } else {
        VN_TRY(vn_backend_find(name, config->plugins, &backend));
    }
    const char *lack = backend->lack ? backend->lack() : NULL;
    if (lack) return VN_FAIL(VN_E_DEVICE, "no device \"%s\": %s", backend->name, lack);
    int count = backend->count();
    if (index < 0 || index >= count)
        return VN_FAIL(VN_E_UNSUPPORTED, "device %s:%d: there are %d devices, numbered from 0",
                       backend->name, index, count);
    VN_TRY(backend->open(index, config, dev));
    return VN_OK;
}

void vn_device_close(vn_device *dev)
{
    if (dev) dev->backend->close(dev);
}

void vn_device_about(const vn_device *dev, vn_device_info *out)
{
    memset(out, 0, sizeof *out);
    out->free_bytes = -1;
    dev->backend->info(dev, out);
}

bool vn_device_has(const vn_device *dev, const char *cap)
{
    vn_device_info info;
    const char *const *names = dev->backend->caps;
    vn_device_about(dev, &info);
    for (int bit = 0; names && names[bit] && bit < 64; bit++)
        if (!strcmp(names[bit], cap)) return info.caps >> bit & 1;
    return false;
}

vn_status vn_device_alloc(vn_device *dev, vn_mem kind, size_t bytes, void **block)
{
    *block = NULL;
    VN_TRY(dev->backend->alloc(dev, kind, bytes, block));
    return VN_OK;
}

void vn_device_free(vn_device *dev, vn_mem kind, void *block, size_t bytes)
{
    if (dev && block) dev->backend->free(dev, kind, block, bytes);
}

vn_status vn_stream_open(vn_device *dev, vn_stream **s)
{
    *s = NULL;
    VN_TRY(dev->backend->stream_open(dev, s));
    return VN_OK;
}

vn_status vn_stream_adopt(vn_device *dev, void *handle, vn_stream **s)
{
    *s = NULL;
    if (dev->backend->stream_adopt) {
        VN_TRY(dev->backend->stream_adopt(dev, handle, s));
        return VN_OK;
    }
    if (handle)
        return VN_FAIL(VN_E_ARGUMENT, "device %s has no streams: expected NULL", dev->backend->name);
    return vn_stream_open(dev, s);
}

void vn_stream_close(vn_stream *s)
{
    if (s) s->backend->stream_close(s);
}

vn_status vn_stream_copy(vn_stream *s, void *dst, const void *src, size_t bytes, vn_dir dir)
{
    if (bytes == 0) return VN_OK;
    VN_TRY(s->backend->copy(s, dst, src, bytes, dir));
    return VN_OK;
}

vn_status vn_stream_fill(vn_stream *s, void *dst, int byte, size_t bytes)
{
    if (bytes == 0) return VN_OK;
    VN_TRY(s->backend->fill(s, dst, byte, bytes));
    return VN_OK;
}

vn_status vn_stream_wait(vn_stream *s)
{
    VN_TRY(s->backend->wait(s));
    return VN_OK;
}

vn_status vn_stream_after(vn_stream *s, vn_stream *other)
{
    if (s == other || !s->backend->after) return VN_OK;
    VN_TRY(s->backend->after(s, other));
    return VN_OK;
}

vn_status vn_record(vn_stream *s, const vn_step *steps, int n, double flops, vn_exec **exec)
{
    *exec = NULL;
    for (int i = 0; i < n; i++)
        if (!steps[i].kernel)
            return VN_FAIL(VN_E_BUG, "step %d (%s) has no kernel", i,
                           vn_op_about(steps[i].call.op)->name);
    VN_TRY(s->backend->record(s, steps, n, flops, exec));
    return VN_OK;
}

vn_status vn_replay(vn_stream *s, vn_exec *exec, int first, int last)
{
    VN_TRY(s->backend->replay(s, exec, first, last));
    return VN_OK;
}

vn_status vn_settle(vn_stream *s, vn_exec *exec)
{
    if (s->backend->settle) VN_TRY(s->backend->settle(s, exec));
    return VN_OK;
}

void vn_exec_drop(vn_stream *s, vn_exec *exec)
{
    if (s && exec) s->backend->drop(exec);
}

const char *vn_exec_chosen(const vn_stream *s, const vn_exec *exec, int step)
{
    return s->backend->chosen ? s->backend->chosen(exec, step) : NULL;
}

/* ---- marks and tapes ---- */

bool vn_stream_has_marks(const vn_stream *s)
{
    return s->backend->mark != NULL;
}

vn_status vn_stream_mark(vn_stream *s, int slot)
{
    if (!s->backend->mark) return VN_OK;
    if (slot < 0 || slot >= VN_MARKS)
        return VN_FAIL(VN_E_BUG, "mark %d of a stream that has %d", slot, VN_MARKS);
    VN_TRY(s->backend->mark(s, slot));
    return VN_OK;
}

vn_status vn_stream_reach(vn_stream *s, int slot)
{
    if (!s->backend->reach) return VN_OK;
    VN_TRY(s->backend->reach(s, slot));
    return VN_OK;
}

vn_status vn_stream_elapsed(vn_stream *s, int from, int to, double *us)
{
    *us = -1;
    if (!s->backend->elapsed) return VN_OK;
    VN_TRY(s->backend->elapsed(s, from, to, us));
    return VN_OK;
}

bool vn_stream_has_tapes(const vn_stream *s)
{
    return s->backend->tape_begin != NULL;
}

vn_status vn_tape_begin(vn_stream *s)
{
    VN_TRY(s->backend->tape_begin(s));
    return VN_OK;
}

vn_status vn_tape_end(vn_stream *s, vn_tape **tape, int *nodes)
{
    *tape = NULL;
    *nodes = 0;
    VN_TRY(s->backend->tape_end(s, tape, nodes));
    return VN_OK;
}

vn_status vn_tape_play(vn_stream *s, vn_tape *tape)
{
    VN_TRY(s->backend->tape_play(s, tape));
    return VN_OK;
}

void vn_tape_drop(vn_stream *s, vn_tape *tape)
{
    if (s && tape) s->backend->tape_drop(tape);
}

const vn_kernel *const *vn_kernels_of(const vn_device *dev, vn_op op)
{
    static const vn_kernel *const none[] = { NULL };
    const vn_kernel *const *list = (unsigned)op < VN_OP_COUNT ? dev->backend->kernels[op] : NULL;
    return list ? list : none;
}

/* "name: needs avx2, avx512" for the bits that are missing. */
static void tell_missing(const vn_backend *backend, const char *name, uint64_t missing,
                         vn_text *why)
{
    vn_text_printf(why, "%s: needs", name);
    const char *comma = "";
    const char *const *caps = backend->caps;
    for (int bit = 0; caps && caps[bit] && bit < 64; bit++) {
        if (!(missing >> bit & 1)) continue;
        vn_text_printf(why, "%s %s", comma, caps[bit]);
        comma = ",";
        missing &= ~((uint64_t)1 << bit);
    }
    if (missing)
        vn_text_printf(why, "%s capability bits 0x%llx", comma, (unsigned long long)missing);
    vn_text_put(why, "\n", 1);
}

const vn_kernel *vn_select(const vn_device *dev, const vn_call *call, vn_text *why)
{
    vn_device_info info;
    vn_device_about(dev, &info);
    for (const vn_kernel *const *k = vn_kernels_of(dev, call->op); *k; k++) {
        uint64_t missing = (*k)->need & ~info.caps;
        if (missing) {
            if (why) tell_missing(dev->backend, (*k)->name, missing, why);
            continue;
        }
        const char *reason = (*k)->unfit ? (*k)->unfit(call) : NULL;
        if (!reason) return *k;
        if (why) vn_text_printf(why, "%s: %s\n", (*k)->name, reason);
    }
    return NULL;
}
