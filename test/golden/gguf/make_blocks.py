"""Seeded blocks of every ggml type Retune unpacks, and what the gguf package makes of them.

    python make_blocks.py        (gguf 0.19, safetensors)

Writes blocks.safetensors beside this file: `TYPE.bytes` (random bytes with chosen scales, as U8) and
`TYPE.values` (gguf.quants.dequantize, float32). The first blocks carry the awkward scales.
"""

import pathlib

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
# zero, minus zero, the smallest subnormals, the largest subnormal, smallest normal, largest, one, odd ones
AWKWARD = np.array(
    [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00, 0x3555, 0xB555, 0x1234],
    np.uint16,
)
# where in a block its half-precision scales are
SCALES = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}  # fmt: skip
random = np.random.default_rng(20)


def finite_half(count):
    halves = random.integers(0, 0x10000, count).astype(np.uint16)
    return np.where((halves & 0x7C00) == 0x7C00, halves & 0xBFFF, halves)


def blocks_of(name):
    _, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    count = len(AWKWARD) + 3
    blocks = random.integers(0, 256, (count, size)).astype(np.uint8)
    for slot, at in enumerate(SCALES[name]):
        scale = finite_half(count)
        scale[: len(AWKWARD)] = np.roll(AWKWARD, 5 * slot)
        blocks[:, at : at + 2] = scale.view(np.uint8).reshape(count, 2)
    return blocks


tensors = {}
for name in SCALES:
    blocks = blocks_of(name)
    tensors[f"{name}.bytes"] = blocks.reshape(-1)
    tensors[f"{name}.values"] = dequantize(blocks, GGMLQuantizationType[name]).reshape(-1)
every_half = np.concatenate([AWKWARD, finite_half(500), np.array([0x7C00, 0xFC00], np.uint16)])
tensors["F16.bytes"] = every_half.view(np.uint8)
tensors["F16.values"] = dequantize(every_half, GGMLQuantizationType.F16)
upper = random.integers(0, 0x10000, (8, 64)).astype(np.uint16)
tensors["BF16.bytes"] = upper.view(np.uint8).reshape(-1)
tensors["BF16.values"] = dequantize(upper.view(np.uint8), GGMLQuantizationType.BF16).reshape(-1)
single = random.integers(0, 2**32, 64, dtype=np.uint64).astype(np.uint32)
tensors["F32.bytes"] = single.view(np.uint8)
tensors["F32.values"] = dequantize(single.view(np.float32), GGMLQuantizationType.F32)
save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, HERE / "blocks.safetensors")
