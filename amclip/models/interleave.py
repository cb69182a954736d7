"""Frames and flow images as one sequence in time: I1, F1, I2, F2, … (AnimalMotionCLIP, arXiv 2505.00569)."""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["deinterleave", "drop_streams", "gather_segments", "interleave"]


def interleave(streams: Tensor) -> Tensor:
    """Put the streams of each position side by side in time.

    Args:
        streams: Any tensor of shape ``(..., P, V, D)``: ``P`` positions in time order, each with ``V`` streams (the
            frame, then its flow image) of size ``D``.

    Returns:
        Shape ``(..., P * V, D)``; with two streams the order is I1, F1, I2, F2, …
    """
    return streams.flatten(-3, -2)


def deinterleave(sequence: Tensor, num_streams: int) -> Tensor:
    """Undo :func:`interleave`.

    Args:
        sequence: Shape ``(..., P * V, D)``.
        num_streams: ``V``.

    Returns:
        Shape ``(..., P, V, D)``.

    Raises:
        ValueError: If the length is no multiple of ``num_streams``.
    """
    length = sequence.shape[-2]
    if length % num_streams:
        raise ValueError(f"a sequence of {length} embeddings does not divide into positions of {num_streams} streams")
    return sequence.reshape(*sequence.shape[:-2], length // num_streams, num_streams, sequence.shape[-1])


def gather_segments(embeddings: Tensor, segments: Tensor) -> Tensor:
    """The interleaved sequence of every segment, from embeddings computed once per unique position.

    Args:
        embeddings: Shape ``(B, K, V, D)``, one embedding for each view of the ``K`` unique positions of a clip.
        segments: int64, shape ``(B, M, P)``; which of the ``K`` positions each segment uses, values in ``[0, K)``.

    Returns:
        Shape ``(B, M, P * V, D)``.
    """
    batch, num_segments, positions = segments.shape
    index = segments.reshape(batch, num_segments * positions, 1, 1).expand(-1, -1, *embeddings.shape[2:])
    gathered = embeddings.gather(1, index)
    return interleave(gathered.view(batch, num_segments, positions, *embeddings.shape[2:]))


def drop_streams(sequences: Tensor, num_streams: int, probability: float) -> Tensor:
    """Leave some clips only one of their streams, the same in all segments; the others become zero.

    Args:
        sequences: Shape ``(B, M, P * V, D)``.
        num_streams: ``V``.
        probability: Of a clip to lose all but one, in [0, 1].

    Returns:
        The same shape.
    """
    if not probability or num_streams == 1:
        return sequences
    size, device = len(sequences), sequences.device
    alone = torch.rand(size, device=device) < probability
    chosen = F.one_hot(torch.randint(num_streams, (size,), device=device), num_streams).bool()
    keep = (chosen | ~alone[:, None]).to(sequences.dtype)
    return sequences * keep.repeat(1, sequences.shape[2] // num_streams)[:, None, :, None]
