"""How numba compiles the CPU backend, and two operations that it cannot express: LLVM code written out for it."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from amclip.flow._networks import Network

F = TypeVar("F", bound=Callable[..., Any])
Floats = NDArray[np.float32]


def compiled(function: F) -> F:
    """Compile on first use, keep the machine code on disk (in memory only where no directory can be written).

    Of all that "fast math" stands for, only the absence of NaN and of signed zeros is taken for granted, which minima
    and maxima need to vectorise. Sums keep the order they are written in and products are not fused into them, so a
    pixel's value is the same to the bit wherever a loop is split: by vectors, blocks, bands or threads.
    """
    options = {"nogil": True, "fastmath": {"nnan", "ninf", "nsz"}, "error_model": "numpy", "boundscheck": False}
    try:
        return numba.njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # numba's "no locator available": neither beside this file nor in the user's cache
        return numba.njit(**options)(function)  # type: ignore[no-any-return]


def through(network: Network, kept: tuple[int, ...]) -> Any:
    """For compiled code: a function of a tuple of floats that runs ``network`` on it and returns the places ``kept``.

    The exchanges are laid out one after another in the caller: they stay in registers, a loop around them vectorises,
    and whatever no kept place depends on is dropped.
    """

    @intrinsic
    def run(_: Any, values: Any) -> Any:
        def lay_out(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
            place = [builder.extract_value(arguments[0], i) for i in range(len(values))]
            for low, high in network:
                a, b = place[low], place[high]
                ordered = builder.fcmp_ordered("<", a, b)
                place[low], place[high] = builder.select(ordered, a, b), builder.select(ordered, b, a)
            return context.make_tuple(builder, signature.return_type, [place[i] for i in kept])

        return types.UniTuple(types.float32, len(kept))(values), lay_out

    return run


@intrinsic
def blend(_: Any, texels: Any, at: Any, pitch: Any, across: Any, down: Any, result: Any, to: Any) -> Any:
    """For compiled code: the weighted sum of 4 × 4 texels of four floats each, all four at once.

    ``result[to : to + 4]`` becomes the sum over j and i of ``down[j] * across[i]`` times the four floats from
    ``texels[at + j * pitch + 4 * i]``. Both arrays are flat float32, places int64, weights tuples of four float32.
    The loop vectoriser would gather each float by itself, which takes twice as long.
    """

    def lay_out(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        vector, lane = ir.VectorType(ir.FloatType(), 4), ir.IntType(32)
        blank = ir.Constant(vector, ir.Undefined)

        def place(array: int, index: Any) -> Any:
            data = context.make_array(signature.args[array])(context, builder, arguments[array]).data
            return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())

        def weighted(vectors: list[Any], weights: Any) -> Any:
            total = None
            for i, values in enumerate(vectors):
                single = builder.insert_element(blank, builder.extract_value(weights, i), lane(0))
                weight = builder.shuffle_vector(single, blank, ir.Constant(ir.VectorType(lane, 4), [0] * 4))
                term = builder.fmul(values, weight)
                total = term if total is None else builder.fadd(total, term)
            return total

        rows = []
        for j in range(4):
            start = builder.add(arguments[1], builder.mul(arguments[2], arguments[2].type(j)))
            indices = [builder.add(start, start.type(4 * i)) for i in range(4)]
            rows.append(weighted([builder.load(place(0, index), align=4) for index in indices], arguments[3]))
        builder.store(weighted(rows, arguments[4]), place(5, arguments[6]), align=4)
        return context.get_dummy_value()

    return types.void(texels, at, pitch, across, down, result, to), lay_out
