"""Times PyTorch's recurrent models: one training step (forward, MAE, backward, Adam) and one inference.

The workloads of `vane bench` under the same names: neuralforecast's LSTM and GRU (recurrent=False, 2 layers,
decoder of two linear layers, L=168, h=24), and an LSTM encoder and decoder with Luong attention by formula.
float32; only the network is timed: no data loader, no Lightning loop, no window sampling, so the peer is shown at
its best. Prints `workload us`, the fastest of enough runs to fill --seconds, as `vane bench` does.

    python bench/peers/recurrent_step.py [--seconds 1] [--threads 2] [--mode eager trace compile]
        [WORKLOAD...]

WORKLOAD selects by prefix. Needs neuralforecast and torch, mode compile also a C++ compiler. Left out: GPU,
exogenous inputs, float16.
"""

import argparse
import logging
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch
from neuralforecast.models import GRU, LSTM
from torch import nn

LENGTH, HORIZON = 168, 24


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


class Direct(nn.Module):
    """neuralforecast's encoder and decoder without its wrapping, which cannot be traced."""

    def __init__(self, cls, units):
        super().__init__()
        model = cls(h=HORIZON, input_size=LENGTH, encoder_hidden_size=units, random_seed=1)
        self.encoder, self.decoder = model.hist_encoder, model.mlp_decoder

    def forward(self, y):
        return self.decoder(self.encoder(y)[0][:, -HORIZON:])


WORKLOADS = {
    "lstm128_infer_b1": (lambda: Direct(LSTM, 128), 1, False),
    "lstm128_infer_b32": (lambda: Direct(LSTM, 128), 32, False),
    "lstm128_train_b32": (lambda: Direct(LSTM, 128), 32, True),
    "lstm200_infer_b32": (lambda: Direct(LSTM, 200), 32, False),
    "lstm200_train_b32": (lambda: Direct(LSTM, 200), 32, True),
    "attention_infer_b32": (Attention, 32, False),
    "attention_train_b32": (Attention, 32, True),
    "gru128_infer_b1": (lambda: Direct(GRU, 128), 1, False),
    "gru128_infer_b32": (lambda: Direct(GRU, 128), 32, False),
    "gru128_train_b32": (lambda: Direct(GRU, 128), 32, True),
    "gru200_infer_b32": (lambda: Direct(GRU, 200), 32, False),
    "gru200_train_b32": (lambda: Direct(GRU, 200), 32, True),
}


def fastest_us(call, seconds):
    """Three runs to warm up, then at least five. One thread: processor time, as in vane bench."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for _ in range(3):
        call()
    best, count, stop = float("inf"), 0, clock() + seconds
    while count < 5 or clock() < stop:
        start = clock()
        call()
        best, count = min(best, clock() - start), count + 1
    return 1e6 * best


def time_one(name, mode, seconds):
    make, rows, train = WORKLOADS[name]
    model = make()
    if mode == "compile":
        torch._dynamo.reset()
        model = torch.compile(model, dynamic=False)
    generator = torch.Generator().manual_seed(rows)
    y = torch.randn(rows, LENGTH, 1, generator=generator)
    target = torch.randn(rows, HORIZON, 1, generator=generator)
    if train:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=True)

        def step():
            optimizer.zero_grad(set_to_none=True)
            (model(y) - target).abs().mean().backward()
            optimizer.step()

        return fastest_us(step, seconds)
    model.eval()
    with torch.inference_mode():
        if mode == "trace":
            model = torch.jit.freeze(torch.jit.trace(model, y, check_trace=False))
        return fastest_us(lambda: model(y), seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", nargs="*", default=[""])
    parser.add_argument("--mode", nargs="+", choices=("eager", "trace", "compile"), default=["eager", "trace"])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"# torch {torch.__version__}, {args.threads} threads, L={LENGTH} h={HORIZON}", flush=True)
    for name, (_, _, train) in WORKLOADS.items():
        if not any(name.startswith(prefix) for prefix in args.workload):
            continue
        for mode in args.mode:
            if train and mode == "trace":
                continue
            try:
                print(f"{name}_{mode} {time_one(name, mode, args.seconds):.1f}", flush=True)
            except Exception as error:
                if mode == "eager":
                    raise
                print(f"# {name}_{mode} failed: {str(error).splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main()
