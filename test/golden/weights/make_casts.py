"""float32 values that are hard to round, and what PyTorch makes of them in 16 bits.

    python make_casts.py        (torch 2.13)

Ties to even on both sides, the subnormals, the largest value and the first that overflows, infinity,
NaN, and random bit patterns.
"""

import pathlib

import torch
from safetensors.torch import save_file

HALVES = torch.arange(0, 65536, 73, dtype=torch.int32).to(torch.int16)
# Every 73rd 16-bit number, the midpoint above it, and both neighbours of that midpoint.
WIDE = []
for dtype in (torch.float16, torch.bfloat16):
    values = HALVES.view(dtype).float()
    values = values[torch.isfinite(values)]
    above = (values.to(dtype).view(torch.int16) + 1).view(dtype).float()
    middle = ((values.double() + above.double()) / 2).float()
    middle = middle[torch.isfinite(middle)]
    bits = middle.view(torch.int32)
    WIDE += [values, middle, (bits - 1).view(torch.float32), (bits + 1).view(torch.float32)]
SPECIAL = [0.0, -0.0, 65504, 65519.99, 65520, -65520, 3.3895314e38, 3.4028235e38, 2**-24, 2**-25]
SPECIAL += [2**-149, float("inf"), float("-inf"), float("nan")]
random = torch.randint(-(2**31), 2**31 - 1, (500,), generator=torch.Generator().manual_seed(0))
WIDE += [torch.tensor(SPECIAL), random.to(torch.int32).view(torch.float32)]

f32 = torch.cat(WIDE)
f32 = f32[torch.isfinite(f32) | (torch.arange(len(f32)) >= len(f32) - 514)].contiguous()
save_file(
    {"f32": f32, "f16": f32.half(), "bf16": f32.bfloat16()},
    pathlib.Path(__file__).parent / "casts.safetensors",
)
