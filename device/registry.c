/* What this build knows: its backends, its ops, and the names of the functions they take. */
#include "device/device.h"

#define VN_BACKEND(name) extern const vn_backend vn_backend_##name;
#include "device/backends.def"
#undef VN_BACKEND

static const vn_backend *const backends[] = {
#define VN_BACKEND(name) &vn_backend_##name,
#include "device/backends.def"
#undef VN_BACKEND
    NULL,
};

static const vn_op_info ops[VN_OP_COUNT] = {
    [VN_OP_NONE] = { "none", 0, 0, false, &vn_attr_type_none, "no operation" },
#define VN_OP(NAME, name, n_in, n_out, attr, doc) \
    [VN_OP_##NAME] = { #name, n_in, n_out, false, &vn_attr_type_##attr, doc },
#define VN_VIEW(NAME, name, n_in, n_out, attr, doc) \
    [VN_OP_##NAME] = { #name, n_in, n_out, true, &vn_attr_type_##attr, doc },
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

static const struct {
    const char *name;
    bool from_y;
} unaries[VN_UNARY_COUNT] = {
#define VN_UNARY(NAME, name, from_y, doc) { #name, from_y },
#include "device/unary.def"
#undef VN_UNARY
};

static const char *const binaries[VN_BINARY_COUNT] = {
#define VN_BINARY(NAME, name, doc) #name,
#include "device/binary.def"
#undef VN_BINARY
};

static const char *const losses[VN_LOSS_COUNT] = {
#define VN_LOSS(NAME, name, doc) #name,
#include "device/losses.def"
#undef VN_LOSS
};

static const char *const scalers[VN_SCALER_COUNT] = {
#define VN_SCALER(NAME, name, doc) #name,
#include "device/scalers.def"
#undef VN_SCALER
};

static const vn_dist_info dists[VN_DIST_COUNT] = {
#define VN_DIST(NAME, name, params, counts, level, doc) { #name, params, level, counts, doc },
#include "device/dists.def"
#undef VN_DIST
};

static const char *const pools[VN_POOL_COUNT] = { "max", "avg" };
static const char *const interps[VN_INTERP_COUNT] = { "linear", "nearest", "cubic" };
static const char *const growths[VN_GROWTH_COUNT] = { "linear", "logistic", "flat" };

const vn_backend *const *vn_backends(void) { return backends; }

const vn_op_info *vn_op_about(vn_op op)
{
    return &ops[(unsigned)op < VN_OP_COUNT ? op : VN_OP_NONE];
}

static const char *name_at(const char *const *names, int64_t n, int64_t i)
{
    return i >= 0 && i < n ? names[i] : "?";
}

const char *vn_type_name(int64_t type)
{
    return type >= 0 && type < VN_DTYPE_COUNT ? vn_dtype_name((vn_dtype)type) : "?";
}

const char *vn_unary_name(int64_t fn)
{
    return fn >= 0 && fn < VN_UNARY_COUNT ? unaries[fn].name : "?";
}

bool vn_unary_from_y(int64_t fn) { return fn >= 0 && fn < VN_UNARY_COUNT && unaries[fn].from_y; }

const char *vn_binary_name(int64_t fn) { return name_at(binaries, VN_BINARY_COUNT, fn); }

const char *vn_loss_name(int64_t kind) { return name_at(losses, VN_LOSS_COUNT, kind); }

const char *vn_scaler_name(int64_t type) { return name_at(scalers, VN_SCALER_COUNT, type); }

const char *vn_dist_name(int64_t kind)
{
    const vn_dist_info *dist = vn_dist_about(kind);
    return dist ? dist->name : "?";
}

const char *vn_pool_name(int64_t mode) { return name_at(pools, VN_POOL_COUNT, mode); }

const char *vn_interp_name(int64_t mode) { return name_at(interps, VN_INTERP_COUNT, mode); }

const char *vn_growth_name(int64_t growth) { return name_at(growths, VN_GROWTH_COUNT, growth); }

const vn_dist_info *vn_dist_about(int64_t kind)
{
    return kind >= 0 && kind < VN_DIST_COUNT ? &dists[kind] : NULL;
}

int64_t vn_dist_width(int64_t kind, int64_t comps)
{
    const vn_dist_info *dist = vn_dist_about(kind);
    int64_t params = dist ? dist->params : 0;
    return comps > 0 ? comps * (params + 1) : params;
}
