/* The models of models.def, by number and by name. */
#include "models/model.h"

#include <stddef.h>
#include <strings.h>

#define VN_MODEL(name) extern const vn_model_def vn_model_##name;
#include "models/models.def"
#undef VN_MODEL

static const vn_model_def *const all[] = {
#define VN_MODEL(name) &vn_model_##name,
#include "models/models.def"
#undef VN_MODEL
    NULL,
};

const vn_model_def *const *vn_models(void) { return all; }

const vn_model_def *vn_model_find(const char *name)
{
    for (const vn_model_def *const *m = all; *m; m++)
        if (!strcasecmp((*m)->name, name)) return *m;
    return NULL;
}
