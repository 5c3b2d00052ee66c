/* The attribute structs of attrs.def, and the table that prints and compares them. */
#ifndef VN_DEVICE_ATTRS_H
#define VN_DEVICE_ATTRS_H

#include "base/text.h"
#include "device/tensor.h"

#define VN_ATTR_BEGIN(name) typedef struct vn_attr_##name {
#define VN_ATTR_I64(name, field, doc) int64_t field;
#define VN_ATTR_ENUM(name, field, name_of, doc) int64_t field;
#define VN_ATTR_F64(name, field, doc) double field;
#define VN_ATTR_DIMS(name, field, doc) int64_t field[VN_MAX_RANK];
#define VN_ATTR_END(name) } vn_attr_##name;
#include "device/attrs.def"
#undef VN_ATTR_BEGIN
#undef VN_ATTR_I64
#undef VN_ATTR_ENUM
#undef VN_ATTR_F64
#undef VN_ATTR_DIMS
#undef VN_ATTR_END

/* One field of an attribute struct. */
typedef struct vn_attr_field {
    const char *name;
    char kind;     /* 'i' int64_t, 'f' double */
    int count;     /* elements, 1 unless it is a shape */
    size_t offset;
    const char *(*name_of)(int64_t value); /* of an enum, else NULL */
    const char *doc;
} vn_attr_field;

/* An attribute struct: its size and its fields, ended by a NULL name. */
typedef struct vn_attr_type {
    const char *name;
    size_t size;
    const vn_attr_field *fields;
} vn_attr_type;

/* vn_attr_type_<name>: one object an attribute struct. */
#define VN_ATTR_BEGIN(name) extern const vn_attr_type vn_attr_type_##name;
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

/* Append "kernel=2 mode=max" to out. */
void vn_attr_print(const vn_attr_type *type, const void *attr, vn_text *out);

#endif
