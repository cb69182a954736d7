"""In which precision an image tower predicts, and what to take where nobody said."""

from typing import Literal

__all__ = ["InferencePrecision", "bfloat16_is_fast", "choose_precision"]

InferencePrecision = Literal["auto", "32", "bf16", "16"]
"""auto, or float32, bfloat16 and float16 by the names that Lightning has for them."""

# The instructions of x86 with which oneDNN multiplies in bfloat16 faster than in float32. Kept to AVX512-BF16, or to
# less, it takes longer than in float32: docs/benchmarks/cpu_inference.md.
_BFLOAT16 = "amx_bf16"


def bfloat16_is_fast(gpu: bool = False) -> bool:
    """Whether this machine multiplies faster in bfloat16 than in float32.

    Args:
        gpu: Ask of the GPU in use, not of the CPU.
    """
    import torch

    if gpu:
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # oneDNN, which uses the instructions
        return False
    known = getattr(torch.cpu, "get_capabilities", None)  # since PyTorch 2.10
    if known is not None:
        return bool(known().get(_BFLOAT16))
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())


def choose_precision(asked: InferencePrecision, gpu: bool) -> tuple[InferencePrecision, str]:
    """The precision that is meant.

    Args:
        asked: What was asked for.
        gpu: Whether a GPU will compute.

    Returns:
        32, bf16 or 16, and in words why; no words where it was asked for.
    """
    if asked != "auto":
        return asked, ""
    if not gpu:  # the scores of `amclip predict`, to the last digits
        faster = "; --precision bf16 is faster on this CPU, with slightly other scores" if bfloat16_is_fast() else ""
        return "32", f" (auto{faster})"
    if bfloat16_is_fast(gpu=True):
        return "bf16", " (auto: this GPU computes bfloat16)"
    return "32", " (auto: this GPU has no instructions for bfloat16)"
