import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amclip.models.interleave import deinterleave, gather_segments, interleave


def test_the_order_is_frame_flow_frame_flow() -> None:
    frames = torch.tensor([[10.0], [20.0], [30.0]])
    flows = frames + 1
    sequence = interleave(torch.stack([frames, flows], dim=1))
    assert sequence.flatten().tolist() == [10, 11, 20, 21, 30, 31]


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
def test_deinterleave_undoes_interleave(positions: int, streams: int, width: int) -> None:
    x = torch.randn(2, positions, streams, width)
    torch.testing.assert_close(deinterleave(interleave(x), streams), x)


def test_a_sequence_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="5 embeddings does not divide"):
        deinterleave(torch.zeros(5, 3), 2)


def test_each_segment_gets_its_own_positions_in_order() -> None:
    embeddings = torch.arange(2 * 4 * 2, dtype=torch.float).view(2, 4, 2, 1)
    segments = torch.tensor([[[0, 3], [1, 1]], [[2, 0], [3, 2]]])
    got = gather_segments(embeddings, segments)[..., 0]
    assert got[0].tolist() == [[0, 1, 6, 7], [2, 3, 2, 3]]
    assert got[1].tolist() == [[12, 13, 8, 9], [14, 15, 12, 13]]
