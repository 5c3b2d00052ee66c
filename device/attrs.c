/* The field tables of attrs.def: what prints an op's attributes in plans and messages. */
#include "device/attrs.h"

#include <inttypes.h>

#include "device/kernel.h"

#define VN_ATTR_BEGIN(name) static const vn_attr_field name##_fields[] = {
#define VN_ATTR_I64(name, field, doc) \
    { #field, 'i', 1, offsetof(vn_attr_##name, field), NULL, doc },
#define VN_ATTR_ENUM(name, field, name_of, doc) \
    { #field, 'i', 1, offsetof(vn_attr_##name, field), name_of, doc },
#define VN_ATTR_F64(name, field, doc) \
    { #field, 'f', 1, offsetof(vn_attr_##name, field), NULL, doc },
#define VN_ATTR_DIMS(name, field, doc) \
    { #field, 'i', VN_MAX_RANK, offsetof(vn_attr_##name, field), NULL, doc },
#define VN_ATTR_END(name) \
    { NULL, 0, 0, 0, NULL, NULL } \
    };
#include "device/attrs.def"
#undef VN_ATTR_BEGIN
#undef VN_ATTR_I64
#undef VN_ATTR_ENUM
#undef VN_ATTR_F64
#undef VN_ATTR_DIMS
#undef VN_ATTR_END

#define VN_ATTR_BEGIN(name) \
    const vn_attr_type vn_attr_type_##name = { #name, sizeof(vn_attr_##name), name##_fields };
#define VN_ATTR_I64(name, field, doc)
#define VN_ATTR_ENUM(name, field, name_of, doc)
#define VN_ATTR_F64(name, field, doc)
#define VN_ATTR_DIMS(name, field, doc)
#define VN_ATTR_END(name)
#include "device/attrs.def"
#undef VN_ATTR_BEGIN
#undef VN_ATTR_I64
#undef VN_ATTR_ENUM
#undef VN_ATTR_F64
#undef VN_ATTR_DIMS
#undef VN_ATTR_END

static void print_element(const vn_attr_field *f, const char *at, int i, vn_text *out)
{
    if (f->kind == 'f') {
        char number[VN_NUMBER_MAX];
        vn_text_printf(out, "%s", vn_format_f64(((const double *)(const void *)at)[i], number));
        return;
    }
    int64_t value = ((const int64_t *)(const void *)at)[i];
    if (f->name_of)
        vn_text_printf(out, "%s", f->name_of(value));
    else
        vn_text_printf(out, "%" PRId64, value);
}

void vn_attr_print(const vn_attr_type *type, const void *attr, vn_text *out)
{
    if (!attr || type == &vn_attr_type_none) return;
    for (const vn_attr_field *f = type->fields; f->name; f++) {
        const char *at = (const char *)attr + f->offset;
        vn_text_printf(out, "%s%s=%s", f == type->fields ? "" : " ", f->name,
                       f->count > 1 ? "[" : "");
        for (int i = 0; i < f->count; i++) {
            if (i) vn_text_put(out, ", ", 2);
            print_element(f, at, i, out);
        }
        if (f->count > 1) vn_text_put(out, "]", 1);
    }
}
