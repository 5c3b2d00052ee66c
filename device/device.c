/* The wrappers: the only callers of a backend's pointers, and the one rule that chooses kernels. */
#include "device/device.h"

#include <string.h>

/* "cpu, cuda" */
static void list_backends(vn_text *out)
{
    for (const vn_backend *const *b = vn_backends(); *b; b++)
        vn_text_printf(out, "%s%s", out->n ? ", " : "", (*b)->name);
}

vn_status vn_device_open(const char *name, int index, const vn_device_config *config,
                         vn_device **dev)
{
    static const vn_device_config preset = { 0, NULL };
    *dev = NULL;
    for (const vn_backend *const *b = vn_backends(); *b; b++) {
        if (strcmp((*b)->name, name)) continue;
        if ((*b)->abi != VN_BACKEND_ABI)
            return VN_FAIL(VN_E_UNSUPPORTED, "backend %s speaks version %u, this library %d", name,
                           (unsigned)(*b)->abi, VN_BACKEND_ABI);
        int count = (*b)->count();
        if (index < 0 || index >= count)
            return VN_FAIL(VN_E_UNSUPPORTED, "device %s:%d: there are %d devices, numbered from 0",
                           name, index, count);
        VN_TRY((*b)->open(index, config ? config : &preset, dev));
        return VN_OK;
    }
    vn_text known = { 0 };
    list_backends(&known);
    vn_status st = VN_FAIL(VN_E_UNSUPPORTED, "no device \"%s\" in this build; it has: %s", name,
                           known.s ? known.s : "none");
    vn_text_close(&known);
    return st;
}

void vn_device_close(vn_device *dev)
{
    if (dev) dev->backend->close(dev);
}

void vn_device_about(const vn_device *dev, vn_device_info *out)
{
    memset(out, 0, sizeof *out);
    dev->backend->info(dev, out);
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

void vn_exec_drop(vn_stream *s, vn_exec *exec)
{
    if (s && exec) s->backend->drop(exec);
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
