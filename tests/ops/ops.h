/* What the op tests share: a case brought to life as a call with memory, canaries and numbers. */
#ifndef VN_TESTS_OPS_OPS_H
#define VN_TESTS_OPS_OPS_H

#include "device/device.h"
#include "tests/cases/case.h"

/* A case of an op, with a text that names it in failures. */
typedef struct vn_op_case {
    vn_op op;
    const vn_case *c;
    int index;
    char name[160]; /* softmax "row not a multiple" */
} vn_op_case;

/* Memory with canaries on both sides. */
typedef struct vn_fenced {
    unsigned char *block;
    void *data;
    size_t bytes;
} vn_fenced;

/* One call of a case with memory of its own. */
typedef struct vn_op_run {
    const vn_op_case *oc;
    vn_call call;
    vn_fenced in[VN_MAX_IN], out[VN_MAX_OUT]; /* out is empty for in-place results */
    void *kept[VN_MAX_IN];                    /* the inputs as they were */
    vn_run facts;
    int64_t step;
    float scalar[VN_N_SCALARS];
} vn_op_run;

/* The call of a case without memory, inputs of type `real`; outputs as the graph presets them. */
void vn_op_call(const vn_op_case *oc, vn_dtype real, vn_call *call);

/* The numbers of every input as doubles that f32, or its 16 bits, can hold (NULL for inputs that are
 * neither real nor of 16 bits). Free each with free(). The same for every call of the case. */
void vn_op_numbers(const vn_op_case *oc, double *in[VN_MAX_IN]);
/* Numbers into a tensor's memory, in its type. */
void vn_op_store(const vn_tensor *t, const double *numbers, void *to);

vn_fenced vn_fence_open(size_t bytes);
bool vn_fence_whole(const vn_fenced *f);
void vn_fence_close(vn_fenced *f);

/* Memory for a call of the case in type `real`; aborts the test if the shape rule refuses. */
void vn_op_open(vn_op_run *run, const vn_op_case *oc, vn_dtype real);
void vn_op_close(vn_op_run *run);

/* Inputs as they were, outputs full of NaN. */
void vn_op_reset(vn_op_run *run);

/* Output o as a double. */
double vn_op_out(const vn_op_run *run, int o, int64_t i);

/* Input i whose memory output o takes over; -1: none. */
int vn_op_inplace(vn_op op, int o);

#endif
