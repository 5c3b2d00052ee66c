/* The learning rate of a step. */
#include "host/train/train.h"

/* StepLR, counted in optimizer steps: with num_lr_decays = 3 over 1000 steps the rate falls at
 * steps 333, 666 and 999, as in the reference implementation. A product, not pow(): the same bits
 * on every C library. */
double vn_lr_at(const vn_train_options *o, int64_t step)
{
    double lr = o->learning_rate;
    if (o->num_lr_decays <= 0) return lr;
    int64_t every = o->max_steps / o->num_lr_decays;
    if (every < 1) every = 1;
    for (int64_t k = step / every; k > 0 && lr > 0; k--) lr *= o->lr_decay;
    return lr;
}
