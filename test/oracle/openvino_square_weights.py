"""A square constant that one product reads as it is and another transposed, through OpenVINO's CPU plugin.

    python test/oracle/openvino_square_weights.py          (openvino 2026.4, numpy)

docs/openvino-float32.md says what is wrong and what follows for graphs. Prints relative errors of d·W beside x·Wᵀ.
Fails where a form that a graph may use is wrong, and where the wrong form has become right, so that the rule can go.
"""

import sys

import numpy as np
import openvino as ov
from openvino import opset15 as op

ROWS = 128
TOLERANCE = {"f32": 1e-5, "bf16": 1e-2}


def constant(values, native):
    kind = ov.Type.bf16 if native else ov.Type.f32
    return op.constant(np.ascontiguousarray(values), kind)


# each: d·W from d, the constant that x·Wᵀ reads, its values, whether the graph is bfloat16 itself
FORMS = {
    "the same constant": lambda d, weight, values, native: op.matmul(d, weight, False, False),
    "negated": lambda d, weight, values, native: op.negative(
        op.matmul(d, op.negative(weight), False, False)
    ),
    "transposed copy": lambda d, weight, values, native: op.matmul(
        d, constant(values.T, native), False, True
    ),
}


def errors(form, shape, native, precision, dynamic):
    """of x·Wᵀ and of d·W"""
    random = np.random.default_rng(0)
    count, inner = shape
    # values that bfloat16 holds
    values = (random.integers(-127, 128, shape) / 512).astype(np.float32)
    rows = -1 if dynamic else ROWS
    x, d = op.parameter([rows, inner], ov.Type.f32), op.parameter([rows, count], ov.Type.f32)
    cast = (lambda value, kind: op.convert(value, kind)) if native else (lambda value, _: value)
    weight = constant(values, native)
    forward = op.matmul(cast(x, "bf16"), weight, False, True)
    backward = FORMS[form](cast(d, "bf16"), weight, values, native)
    model = ov.Model([cast(forward, "f32"), cast(backward, "f32")], [x, d])
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    feeds = [random.standard_normal((ROWS, width)).astype(np.float32) for width in (inner, count)]
    result = compiled(feeds)
    wanted = [feeds[0] @ values.T, feeds[1] @ values]
    return [
        np.linalg.norm(result[place] - right) / np.linalg.norm(right)
        for place, right in enumerate(wanted)
    ]


print(ov.get_version())
failed = 0
for native, precision in ((False, "f32"), (False, "bf16"), (True, "bf16")):
    for shape in ((64, 64), (192, 192), (192, 256)):
        for dynamic in (False, True):
            for form in FORMS:
                forward, backward = errors(form, shape, native, precision, dynamic)
                right = max(forward, backward) < TOLERANCE[precision]
                # a float32 constant gets a reorder on one of the two ways with bfloat16, and so another address
                trap = form == "the same constant" and shape[0] == shape[1]
                expected = not trap or (precision == "bf16" and not native)
                verdict = "right" if right else "WRONG"
                failed += right != expected
                print(
                    f"{form:18} {shape!s:11} {'bf16' if native else 'f32 '} constant, {precision:4} "
                    f"{'dynamic' if dynamic else 'fixed  '}  {forward:.1e}  {backward:.1e}  {verdict}"
                    f"{'' if right == expected else '  NOT AS EXPECTED'}"
                )
sys.exit(1 if failed else 0)
