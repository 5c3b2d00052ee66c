"""Times PyTorch's TCN and Transformer: one training step (forward, MAE, backward, Adam) and one inference.

The nixtla workloads of `vane bench` under the same names: neuralforecast's TCN and VanillaTransformer with their
default sizes (L=168, h=24). float32; only the network is timed, as in recurrent_step.py, whose clock and options
these are.

    python bench/peers/convattn_step.py [--seconds 1] [--threads 2] [--mode eager trace compile]
        [WORKLOAD...]

Needs neuralforecast and torch. Left out: GPU, exogenous inputs, float16.
"""

import recurrent_step as base
import torch
from neuralforecast.models import TCN, VanillaTransformer
from torch import nn


class DirectTCN(nn.Module):
    """neuralforecast's parts without its wrapping, which cannot be traced."""

    def __init__(self):
        super().__init__()
        model = TCN(h=base.HORIZON, input_size=base.LENGTH, random_seed=1)
        self.encoder, self.adapter, self.decoder = model.hist_encoder, model.context_adapter, model.mlp_decoder

    def forward(self, y):
        return self.decoder(self.adapter(self.encoder(y).permute(0, 2, 1)).permute(0, 2, 1))


class DirectTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        model = VanillaTransformer(h=base.HORIZON, input_size=base.LENGTH, random_seed=1)
        self.enc_embedding, self.encoder = model.enc_embedding, model.encoder
        self.dec_embedding, self.decoder = model.dec_embedding, model.decoder
        self.label = model.label_len

    def forward(self, y):
        ahead = torch.cat([y[:, -self.label :], y.new_zeros(len(y), base.HORIZON, 1)], 1)
        encoded, _ = self.encoder(self.enc_embedding(y), attn_mask=None)
        return self.decoder(self.dec_embedding(ahead), encoded)[:, -base.HORIZON :]


base.WORKLOADS = {
    f"{name}_nixtla_{work}": (make, rows, train)
    for name, make in (("tcn", DirectTCN), ("transformer", DirectTransformer))
    for work, rows, train in (("infer_b1", 1, False), ("infer_b32", 32, False), ("train_b32", 32, True))
}

if __name__ == "__main__":
    base.main()
