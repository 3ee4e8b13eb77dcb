"""Weights in blocks of 32 as llama.cpp's Q4_0 and Q8_0 scale them, by numpy.

    python make_quantised.py        (numpy 2, torch 2.13 for the file)

Codes are rint(value / stored scale), as src/weights/quantise/block-codes.ts has them. The blocks:
weights of ordinary and of extreme size, scales that are subnormal or 0 in float16, zeros, values
half-way between two codes, and a largest magnitude that occurs with both signs.
"""

import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

BLOCK = 32
random = np.random.default_rng(0)
rows = [random.standard_normal((40, BLOCK)) * size for size in (1, 0.02, 1e-3, 1e-6, 3e-7, 1e-9, 6e4)]
halves = (np.arange(BLOCK) - 16) / 2
rows.append(np.stack([halves, -halves, halves * 2**-8, np.zeros(BLOCK), np.full(BLOCK, -0.0)]))
both = random.uniform(-1, 1, (2, BLOCK))
both[0, [3, 9]] = 2, -2
both[1, [3, 9]] = -2, 2
rows.append(both)
values = np.concatenate(rows).astype(np.float32)

result = {"values": values}


def add(name, scales, lowest, highest, pack):
    scales = (scales + np.float32(0)).astype(np.float16)  # no negative zero
    wide = scales.astype(np.float64)[:, None]
    quotient = np.divide(values.astype(np.float64), wide, out=np.zeros(values.shape), where=wide != 0)
    codes = np.clip(np.rint(quotient), lowest, highest).astype(np.int8)
    result[f"{name}.scales"] = scales
    result[f"{name}.codes"] = pack(codes)
    result[f"{name}.values"] = codes.astype(np.float32) * scales.astype(np.float32)[:, None]


extreme = np.take_along_axis(values, np.abs(values).argmax(1)[:, None], 1)[:, 0]
pairs = lambda codes: (codes[:, 0::2] & 15 | (codes[:, 1::2] & 15) << 4).astype(np.uint8)
add("int4", extreme / np.float32(-8), -8, 7, pairs)
add("int8", np.abs(extreme) / np.float32(127), -127, 127, lambda codes: codes)

save_file(
    {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in result.items()},
    pathlib.Path(__file__).parent / "quantised.safetensors",
)
