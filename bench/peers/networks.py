"""The networks of `vane bench` in PyTorch: neuralforecast's, without the wrapping that cannot be traced.

168 steps to 24, float32, input y [rows, 168, 1]. Only the network is there: no loader, no Lightning loop, no window
sampling, so the peer is shown at its best.
"""

import torch
from neuralforecast.models import GRU, LSTM, NBEATS, NHITS, TCN, VanillaTransformer
from torch import nn

LENGTH, HORIZON = 168, 24
SIZES = {"h": HORIZON, "input_size": LENGTH, "random_seed": 1}


class Stacks(nn.Module):
    """The loop of NHITS.forward and NBEATS.forward over their blocks."""

    def __init__(self, cls):
        super().__init__()
        self.blocks = cls(**SIZES).blocks
        self.absent = {} if cls is NBEATS else {"futr_exog": None, "hist_exog": None, "stat_exog": None}

    def forward(self, y):
        y = y.squeeze(-1)
        rest, ahead, mask = y.flip(-1), y[:, -1:, None], torch.ones_like(y)
        for block in self.blocks:
            backcast, forecast = block(insample_y=rest, **self.absent)
            rest, ahead = (rest - backcast) * mask, ahead + forecast
        return ahead


class Recurrent(nn.Module):
    def __init__(self, cls, units):
        super().__init__()
        model = cls(encoder_hidden_size=units, **SIZES)
        self.encoder, self.decoder = model.hist_encoder, model.mlp_decoder

    def forward(self, y):
        return self.decoder(self.encoder(y)[0][:, -HORIZON:])


class Attention(nn.Module):
    """The default of Vane's lstm-attention."""

    def __init__(self, units=128):
        super().__init__()
        self.encoder = nn.LSTM(1, units, 2, batch_first=True)
        self.decoder = nn.LSTM(1, units, 2, batch_first=True)
        self.query = nn.Linear(units, units, bias=False)
        self.combine = nn.Linear(2 * units, units, bias=False)
        self.out = nn.Linear(units, 1)
        self.register_buffer("position", torch.arange(1, HORIZON + 1).div(HORIZON)[None, :, None])

    def forward(self, y):
        h, state = self.encoder(y)
        d, _ = self.decoder(self.position.expand(len(y), -1, -1), state)
        a = torch.softmax(self.query(d) @ h.transpose(1, 2), -1)
        return self.out(torch.tanh(self.combine(torch.cat([a @ h, d], -1))))


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        model = TCN(**SIZES)
        self.encoder, self.adapter, self.decoder = model.hist_encoder, model.context_adapter, model.mlp_decoder

    def forward(self, y):
        return self.decoder(self.adapter(self.encoder(y).permute(0, 2, 1)).permute(0, 2, 1))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        model = VanillaTransformer(**SIZES)
        self.enc_embedding, self.encoder = model.enc_embedding, model.encoder
        self.dec_embedding, self.decoder = model.dec_embedding, model.decoder
        self.label = model.label_len

    def forward(self, y):
        ahead = torch.cat([y[:, -self.label :], y.new_zeros(len(y), HORIZON, 1)], 1)
        encoded, _ = self.encoder(self.enc_embedding(y), attn_mask=None)
        return self.decoder(self.dec_embedding(ahead), encoded)[:, -HORIZON:]


NETWORKS = {
    "nhits": lambda: Stacks(NHITS),
    "nbeats": lambda: Stacks(NBEATS),
    "lstm128": lambda: Recurrent(LSTM, 128),
    "lstm200": lambda: Recurrent(LSTM, 200),
    "gru128": lambda: Recurrent(GRU, 128),
    "gru200": lambda: Recurrent(GRU, 200),
    "attention": Attention,
    "tcn_nixtla": Convolutions,
    "transformer_nixtla": Transformer,
}
