"""The product of parts of matrices, by BLAS, inside a kernel.

Numba's own `np.dot` takes whole matrices only, and copies what is a part of a larger one. BLAS
itself takes any matrix whose rows or whose columns are neighbours in memory: it is told how far
apart they are. `multiply_into` is that call.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_CHARACTER, _POINTER = ir.IntType(8), ir.IntType(8).as_pointer()


def _multiply_into(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> None:
    """y = a·b for (M, K), (K, N) and (M, N), each a part of a matrix in C order.

    a and b may be turned, as `.T` does; y may not. None may be empty.
    """
    y[...] = a @ b


@intrinsic
def _multiply_by_blas(typing_context: Any, a: Any, b: Any, y: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = signature.args[0].dtype
        one, zero = (
            cgutils.alloca_once_value(builder, context.get_constant(kind, value))
            for value in (1.0, 0.0)
        )
        operands = [
            _operand(context, builder, *each) for each in zip(signature.args, values, strict=True)
        ]
        # BLAS counts along columns first. So it sees all matrices turned, and computes yᵀ = bᵀ·aᵀ.
        (_, a_order, a_apart, of_a), (_, b_order, b_apart, of_b), (shape, _, apart, of_y) = operands
        integer = apart.type
        arguments = [
            ir.Constant(_CHARACTER, ord("s" if kind == types.float32 else "d")),
            *(b_order, a_order),
            *(shape[1], shape[0], operands[0][0][1]),
            *(builder.bitcast(one, _POINTER), of_b, b_apart, of_a, a_apart),
            *(builder.bitcast(zero, _POINTER), of_y, apart),
        ]
        types_of = [_CHARACTER] * 3 + [integer] * 3 + [_POINTER, _POINTER, integer, _POINTER]
        types_of += [integer, _POINTER, _POINTER, integer]
        # The function that `np.dot` calls
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), types_of), "numba_xxgemm"
        )
        builder.call(function, arguments)
        return context.get_dummy_value()

    return types.void(a, b, y), code


def _operand(context: Any, builder: Any, kind: Any, value: Any) -> tuple[Any, Any, Any, Any]:
    """(shape, 'n' for rows or 't' for columns as neighbours, how far apart they are, address)."""
    array = context.make_array(kind)(context, builder, value)
    shape = cgutils.unpack_tuple(builder, array.shape)
    strides = cgutils.unpack_tuple(builder, array.strides)
    size = ir.Constant(strides[0].type, kind.dtype.bitwidth // 8)
    plain = builder.icmp_signed("==", strides[1], size)
    order = builder.select(
        plain, ir.Constant(_CHARACTER, ord("n")), ir.Constant(_CHARACTER, ord("t"))
    )
    apart = builder.sdiv(builder.select(plain, strides[0], strides[1]), size)
    # Where there is but one row its neighbour may be nearer than BLAS thinks possible
    length = builder.select(plain, shape[1], shape[0])
    apart = builder.select(builder.icmp_signed("<", apart, length), length, apart)
    return shape, order, apart, builder.bitcast(array.data, _POINTER)


multiply_into = _multiply_into if numba.config.DISABLE_JIT else _multiply_by_blas
