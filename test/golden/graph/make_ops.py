"""Results and gradients of every operation of the graph IR by PyTorch, in double precision.

    python make_ops.py          (torch 2.13)  writes ops.json beside this file

The inputs are formulas, written alike in test/support/op-graph.ts: element i of float input n is
float32(sin(1 + 0.7 i + 1.3 n)); the loss is the sum of result * probe, the probe being input 9.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F

GOLDENS = {}


def formula(shape, index):
    count = math.prod(shape)
    values = [math.sin(1 + 0.7 * i + 1.3 * index) for i in range(count)]
    return torch.tensor(values, dtype=torch.float64).float().double().reshape(shape)


def case(name, shapes, wrt, apply):
    inputs = {key: formula(shape, i) for i, (key, shape) in enumerate(shapes.items())}
    for key in wrt:
        inputs[key].requires_grad_(True)
    result = apply(**inputs)
    (result * formula(result.shape, 9)).sum().backward()
    GOLDENS[name] = {
        "result": result.detach().flatten().tolist(),
        "gradients": {key: inputs[key].grad.flatten().tolist() for key in wrt},
    }


def t(x, flag):
    return x.transpose(-1, -2) if flag else x


def js(flag):
    return "true" if flag else "false"


for ta in (False, True):
    for tb in (False, True):
        case(
            f"Gemm transA={js(ta)} transB={js(tb)} with C and alpha",
            {"a": [4, 3] if ta else [3, 4], "b": [5, 4] if tb else [4, 5], "c": [3, 5]},
            ["a", "b", "c"],
            lambda a, b, c: 0.7 * t(a, ta) @ t(b, tb) + c,
        )
        case(
            f"MatMul transA={js(ta)} transB={js(tb)}",
            {"a": [2, 4, 3] if ta else [2, 3, 4], "b": [2, 5, 4] if tb else [2, 4, 5]},
            ["a", "b"],
            lambda a, b: 1.3 * t(a, ta) @ t(b, tb),
        )
case(
    "Gemm with a bias as C",
    {"a": [3, 4], "b": [5, 4], "c": [5]},
    ["a", "b", "c"],
    lambda a, b, c: F.linear(a, b, c),
)
for op, f in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul}.items():
    case(f"{op} of one shape", {"a": [2, 3], "b": [2, 3]}, ["a", "b"], lambda a, b: f(a, b))
    case(
        f"{op} with both sides broadcast",
        {"a": [2, 1, 3], "b": [4, 1]},
        ["a", "b"],
        lambda a, b: f(a, b),
    )
case("Scale", {"a": [2, 3]}, ["a"], lambda a: a * -2.5)
case("Sigmoid", {"a": [2, 3]}, ["a"], lambda a: torch.sigmoid(a))
case("Softmax", {"a": [2, 5]}, ["a"], lambda a: a.softmax(-1))
case("Reshape", {"a": [2, 6]}, ["a"], lambda a: a.reshape(3, 4))
case("Transpose", {"a": [2, 3, 4]}, ["a"], lambda a: a.permute(2, 0, 1))
case("ReduceSum", {"a": [2, 3, 4]}, ["a"], lambda a: a.sum((0, 2), keepdim=True))
case("Concat", {"a": [2, 3], "b": [2, 2]}, ["a", "b"], lambda a, b: torch.cat([a, b], 1))
case(
    "Split with a piece that nobody reads",
    {"a": [2, 6]},
    ["a"],
    lambda a: torch.cat([a[:, 3:], a[:, :2]], 1),
)
case("Slice", {"a": [2, 5]}, ["a"], lambda a: a[:, 1:4])
case("Pad", {"a": [2, 3]}, ["a"], lambda a: F.pad(a, (1, 2)))
ROWS = torch.tensor([1, 3, 1, 0, 1])
case("GatherRows with a repeated row", {"a": [4, 3]}, ["a"], lambda a: a[ROWS])
case(
    "SpreadRows and CollectRows with padding between",
    {"a": [3, 2]},
    ["a"],
    lambda a: a * a,
)
case(
    "ScatterAddRows with a repeated row",
    {"updates": [5, 3], "like": [4, 3]},
    ["updates"],
    lambda updates, like: torch.zeros_like(like).index_add(0, ROWS, updates),
)
case(
    "RmsNorm",
    {"x": [3, 6], "w": [6]},
    ["x", "w"],
    lambda x, w: F.rms_norm(x, [6], w, 1e-5),
)


def rope(x, cos, sin):
    positions = torch.tensor([0, 4, 2, 1])
    heads = x.reshape(4, 3, 6)
    c = torch.cat([cos[positions]] * 2, -1)[:, None]
    s = torch.cat([sin[positions]] * 2, -1)[:, None]
    half = 3
    rotated = torch.cat([-heads[..., half:], heads[..., :half]], -1)
    return (heads * c + rotated * s).reshape(4, 18)


case("Rope of three heads", {"x": [4, 18], "cos": [5, 3], "sin": [5, 3]}, ["x"], rope)
case(
    "Attention with grouped queries and a mask",
    {"q": [2, 4, 3, 6], "k": [2, 2, 5, 6], "v": [2, 2, 5, 6], "mask": [2, 1, 3, 5]},
    ["q", "k", "v"],
    lambda q, k, v, mask: F.scaled_dot_product_attention(
        q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1), mask, scale=0.4
    ),
)
case("SwiGlu", {"gate": [3, 4], "up": [3, 4]}, ["gate", "up"], lambda gate, up: F.silu(gate) * up)
for trained in (["x"], ["x", "weight"]):
    for chunks in ((1, 1), (2, 1), (1, 3)):
        case(
            f"LinearCrossEntropy for {' and '.join(trained)}, {chunks[0]} row and {chunks[1]} vocabulary chunks",
            {"x": [4, 3], "weight": [7, 3], "coefficients": [4]},
            trained,
            lambda x, weight, coefficients: (
                coefficients
                * F.cross_entropy(x @ weight.T, torch.tensor([3, 0, 6, 3]), reduction="none")
            )
            .sum()
            .reshape(1),
        )
case(
    "SoftmaxCrossEntropy with a row that does not count",
    {"logits": [4, 7], "coefficients": [4]},
    ["logits"],
    lambda logits, coefficients: (
        coefficients * F.cross_entropy(logits, torch.tensor([3, 0, 6, 2]), reduction="none")
    ).sum(0, keepdim=True),
)

path = pathlib.Path(__file__).with_name("ops.json")
path.write_text(json.dumps(GOLDENS, indent=None, separators=(",", ":")) + "\n")
