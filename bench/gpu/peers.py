"""PyTorch's times on the GPU for what tools/gpu_check.sh measures of Vane: "name<TAB>value<TAB>unit".

Eager, and torch.compile in the mode that records CUDA graphs. cuDNN's LSTM and PyTorch's attention
(flash, cuDNN or its own, whichever is fastest) stand for those libraries. Without PyTorch or a GPU it
says so and exits with 3.
"""
import sys

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from torch.nn.attention import SDPBackend, sdpa_kernel
except ImportError:
    print("peers: there is no PyTorch", file=sys.stderr)
    sys.exit(3)
if not torch.cuda.is_available():
    print("peers: PyTorch finds no GPU", file=sys.stderr)
    sys.exit(3)

L, H, B = 168, 24, 1024
torch.manual_seed(1)


def fastest(run, n=20, rounds=5):
    """Microseconds of one run, the fastest of some rounds; a round more to warm up."""
    best = 1e30
    for i in range(rounds + 1):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(n):
            run()
        end.record()
        torch.cuda.synchronize()
        if i:
            best = min(best, 1e3 * begin.elapsed_time(end) / n)
    return best


def put(name, us):
    print(f"{name}\t{us:.6g}\tus", flush=True)


class Block(nn.Module):
    """One block of N-HiTS: pooling, two layers of 512, coefficients, interpolation."""

    def __init__(self, pool, knots, last):
        super().__init__()
        self.pool, self.last = pool, last
        self.knots = knots
        self.mlp = nn.Sequential(nn.Linear((L + pool - 1) // pool, 512), nn.ReLU(), nn.Linear(512, 512),
                                 nn.ReLU(), nn.Linear(512, (0 if last else L) + knots))

    def forward(self, x):
        p = F.max_pool1d(x[:, None], self.pool, self.pool, ceil_mode=True)[:, 0] if self.pool > 1 else x
        theta = self.mlp(p)
        y = theta[:, -self.knots:]
        if self.knots != H:
            y = F.interpolate(y[:, None], size=H, mode="linear")[:, 0]
        return (None if self.last else theta[:, :L]), y


class Nhits(nn.Module):
    """The default: 3 stacks of one block, [512, 512], poolings 2 2 1, knots H/4 H/2 H."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(2, H // 4, False), Block(2, H // 2, False), Block(1, H, True)])

    def forward(self, x):
        out = x[:, -1:].expand(-1, H)
        for block in self.blocks:
            back, y = block(x)
            out = out + y
            if back is not None:
                x = x - back
        return out


def training(compiled, dtype):
    model = Nhits().cuda()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=compiled)
    panel = torch.randn(8, 20000, device="cuda")
    step_at = torch.arange(L + H, device="cuda")

    def forward(series, cut):
        w = panel[series[:, None], cut[:, None] + step_at]
        x, y = w[:, :L], w[:, L:]
        at = x.median(1, keepdim=True).values
        by = (x - at).abs().median(1, keepdim=True).values + 1e-6
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            return F.l1_loss(model((x - at) / by).float(), (y - at) / by)

    if compiled:
        forward = torch.compile(forward, mode="reduce-overhead")

    def step():
        series = torch.randint(8, (B,), device="cuda")
        cut = torch.randint(20000 - L - H, (B,), device="cuda")
        adam.zero_grad(set_to_none=True)
        forward(series, cut).backward()
        adam.step()

    return fastest(step)


torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
put("torch_nhits_step_f32", training(False, torch.float32))
put("torch_nhits_step_bf16", training(False, torch.bfloat16))
for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
    try:
        put(f"torch_compile_nhits_step_{name}", training(True, dtype))
    except Exception as e:  # a compiler that lacks its tools is no fault of the GPU
        print(f"peers: torch.compile: {e}", file=sys.stderr)

for name, layer in (("lstm", nn.LSTM(32, 128, batch_first=True)), ("gru", nn.GRU(32, 128, batch_first=True))):
    layer, series = layer.cuda(), torch.randn(512, 96, 32, device="cuda", requires_grad=True)
    put(f"cudnn_{name}_training_512x96x128_f32", fastest(lambda: layer(series)[0].sum().backward()))

with torch.no_grad():
    lstm = nn.LSTM(32, 128, batch_first=True).cuda()
    x = torch.randn(512, 96, 32, device="cuda")
    put("cudnn_lstm_forward_512x96x128_f32", fastest(lambda: lstm(x)))
    for t, d in ((96, 16), (720, 64)):
        q, k, v = (torch.randn(32, 8, t, d, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        put(f"torch_attention_32x8x{t}x{d}_bf16", fastest(lambda: F.scaled_dot_product_attention(q, k, v)))
        try:
            with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                us = fastest(lambda: F.scaled_dot_product_attention(q, k, v))
            put(f"cudnn_attention_32x8x{t}x{d}_bf16", us)
        except RuntimeError as e:  # a build of PyTorch without it
            print(f"peers: cuDNN's attention: {e}", file=sys.stderr)
    a = torch.randn(1 << 26, device="cuda")
    us = fastest(lambda: F.layer_norm(a.view(-1, 512), (512,)))
    put("torch_layernorm_131072x512_f32", us)
