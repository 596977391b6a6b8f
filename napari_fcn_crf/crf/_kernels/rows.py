"""Arithmetic on rows of a few channels, as vectors: the compiler makes none of loops this short."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

_WIDEST = 8


def lanes(channels: int) -> tuple[int, ...]:
    """Return a tuple as long as rows for so many channels must be: 1, 2 or a multiple of 4.

    Kernels are compiled for its length.
    """
    return (0,) * (max(1, channels) if channels < 3 else -(-channels // 4) * 4)


def _add_row(
    target: Any, t: int, source: Any, s: int, factor: Any, values: Any, v: int, row: Any
) -> None:
    n = len(row)
    left, right = source[s * n : (s + 1) * n], values[v * n : (v + 1) * n]
    target[t * n : (t + 1) * n] = left + factor * right


def _typed(
    context: Any,
    target: Any,
    t: Any,
    source: Any,
    s: Any,
    factor: Any,
    values: Any,
    v: Any,
    row: Any,
) -> Any:
    """Write `source[s] + factor * values[v]` to `target[t]`: rows of float32 arrays, made flat.

    `row` is a tuple as long as a row. Nothing is checked.
    """
    count = len(row)
    # Eight at a time, and the rest.
    pieces = [(first, min(_WIDEST, count - first)) for first in range(0, count, _WIDEST)]

    def generate(codegen: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat = [
            cgutils.create_struct_proxy(signature.args[k])(
                codegen, builder, value=arguments[k]
            ).data
            for k in (0, 2, 5)
        ]
        length = ir.Constant(arguments[1].type, count)
        first = [builder.mul(arguments[k], length) for k in (1, 3, 6)]

        def pointer(array: int, offset: int, vector: Any) -> Any:
            index = builder.add(first[array], ir.Constant(first[array].type, offset))
            return builder.bitcast(builder.gep(flat[array], [index]), vector.as_pointer())

        stored = []
        for offset, width in pieces:
            vector = ir.VectorType(ir.FloatType(), width)
            undefined = ir.Constant(vector, ir.Undefined)
            lanes_of_one = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
            factor = builder.insert_element(undefined, arguments[4], ir.IntType(32)(0))
            factor = builder.shuffle_vector(factor, undefined, lanes_of_one)
            left = builder.load(pointer(1, offset, vector), align=4)
            right = builder.load(pointer(2, offset, vector), align=4)
            fused = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{width}f32"
            )
            total = builder.call(fused, [factor, right, left])
            stored.append((total, pointer(0, offset, vector)))
        # All of it is read before anything is written, so rows may be the same.
        for total, place in stored:
            builder.store(total, place, align=4)
        return codegen.get_dummy_value()

    index = types.intp
    signature = types.void(target, index, source, index, types.float32, values, index, row)
    return signature, generate


add_row = _add_row if config.DISABLE_JIT else intrinsic(_typed)
