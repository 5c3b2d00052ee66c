"""Golden vectors of neuralforecast's distributions: their parameters from a network's numbers and a window's scale.

Imports neuralforecast's own functions (normal_scale_decouple and its like) and never Vane:

    .venv/bin/python tests/golden/make_nixtla_dists.py [output folder]
"""

import sys
from pathlib import Path

import make_golden as base
import numpy as np
import torch
from neuralforecast.losses.pytorch import (nbinomial_scale_decouple, normal_scale_decouple, poisson_scale_decouple,
                                           student_scale_decouple)

ROWS, H = 4, 6
# number of parameters there; ours in their order
KINDS = {"normal": (normal_scale_decouple, 2), "studentt": (student_scale_decouple, 3),
         "negbin": (nbinomial_scale_decouple, 2), "poisson": (poisson_scale_decouple, 1)}


def parameters(name, x, loc, scale):
    """Ours, of what the reference returns: mean, deviation, degrees of freedom; mean, 1 / alpha."""
    out = KINDS[name][0](list(x.split(1, dim=-1)), loc=loc, scale=scale)
    if name == "studentt":
        out = [out[1], out[2], out[0]]
    if name == "negbin":  # total_count, probs
        out = [out[0] * out[1] / (1 - out[1]), out[0]]
    return torch.cat(list(out), dim=-1)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent
    rng = np.random.default_rng(17)
    tensors = {"loc": rng.uniform(0, 30, ROWS), "scale": np.array([0.01, 0.5, 3, 40.0]),
               "mean": rng.uniform(2, 40, ROWS)}
    for name, (_, n) in KINDS.items():
        x = rng.normal(0, 2, (ROWS, H, n))
        x[0, 0] = -6  # down softplus' tail
        x[1, 0] = 9
        tensors[f"{name}.x"] = x[..., [1, 2, 0]] if name == "studentt" else x
        loc, scale = (torch.tensor(tensors[k])[:, None, None] for k in ("loc", "scale"))
        tensors[f"{name}.scaled"] = parameters(name, torch.tensor(x), loc, scale).numpy()
        none, one = torch.zeros_like(loc), torch.ones_like(scale)
        tensors[f"{name}.raw"] = parameters(name, torch.tensor(x), none, one).numpy()
    base.write(folder / "nixtla_dists.safetensors", tensors, dict(case="nixtla_dists"))


if __name__ == "__main__":
    main()
