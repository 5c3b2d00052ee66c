/* What an optimizer's step makes of the gradient g: one update for every rule, shared by all kernels.
 *
 *     m = keep1 m + new1 g,   v = keep2 v + new2 g^2,   p -= lr (m / fix1) / (sqrt(v / fix2) + eps)
 *
 * Adam (Kingma and Ba 2015) corrects both moments for their start at 0; RMSprop (Tieleman and Hinton, lecture
 * 6.5 of "Neural Networks for Machine Learning", 2012) has no first one and corrects none; SGD adds up its
 * momentum beta1 (Sutskever et al. 2013, as torch.optim.SGD) and divides by nothing. */
#ifndef VN_DEVICE_MOMENTS_H
#define VN_DEVICE_MOMENTS_H

#include <math.h>

#include "device/attrs.h"

#ifndef VN_SHARED
#define VN_SHARED static inline
#endif

enum { VN_RULE_ADAM, VN_RULE_RMSPROP, VN_RULE_SGD, VN_RULES };

typedef struct vn_moments {
    double keep1, new1, fix1, keep2, new2, fix2, eps;
} vn_moments;

/* power1, power2: the betas to the power of the steps taken, this one included. */
VN_SHARED vn_moments vn_moments_of(const vn_attr_adam *a, double power1, double power2)
{
    vn_moments x;
    bool adam = a->rule == VN_RULE_ADAM, sgd = a->rule == VN_RULE_SGD;
    x.keep1 = a->rule == VN_RULE_RMSPROP ? 0 : a->beta1;
    x.new1 = adam ? 1 - a->beta1 : 1;
    x.fix1 = adam ? 1 - power1 : 1;
    x.keep2 = sgd ? 1 : a->beta2;
    x.new2 = sgd ? 0 : 1 - a->beta2;
    x.fix2 = adam ? 1 - power2 : sgd ? (double)INFINITY : 1;
    x.eps = sgd ? 1 : a->eps;
    return x;
}

#endif
