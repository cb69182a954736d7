import pytest
import torch

from amclip.data.views import clip_views, position_views


def test_temporal_views_interleave_and_spatial_ones_run_along_the_longer_side() -> None:
    frames = torch.arange(2 * 6 * 20).view(2, 6, 1, 1, 1, 20).expand(-1, -1, -1, 3, 8, -1)
    views = clip_views(frames, temporal=2, spatial=3)
    assert views.shape == (2 * 2 * 3, 3, 1, 3, 8, 8)
    row = 0
    for clip in range(2):
        for t in range(2):
            for left in (0, 6, 12):
                assert torch.equal(views[row], frames[clip, t::2, ..., left : left + 8])
                row += 1


def test_tall_frames_are_cut_along_their_height_and_square_ones_to_seven_eighths() -> None:
    tall = torch.arange(16).view(1, 1, 1, 1, 16, 1).expand(1, 2, 1, 3, 16, 8)
    assert clip_views(tall, 1, 2)[:, 0, 0, 0, 0, 0].tolist() == [0, 8]
    square = torch.arange(16 * 16).view(1, 1, 1, 1, 16, 16).expand(1, 2, 1, 3, 16, 16)
    views = clip_views(square, 1, 3)
    assert views.shape[-2:] == (14, 14)
    assert views[:, 0, 0, 0, 0, 0].tolist() == [16, 17, 18]  # one row down, at the left, the middle, the right


def test_one_view_is_the_clip_and_positions_must_divide() -> None:
    frames = torch.zeros(1, 4, 2, 3, 5, 7)
    assert torch.equal(clip_views(frames, 1, 1), frames)
    with pytest.raises(ValueError, match="4 positions do not divide among 3"):
        clip_views(frames, 3, 1)


@pytest.mark.parametrize(("temporal", "spatial"), [(1, 1), (2, 1), (2, 3)])
def test_what_is_known_of_positions_goes_with_their_views(temporal: int, spatial: int) -> None:
    values = torch.arange(2 * 6 * 2, dtype=torch.float32).view(2, 6, 2)
    frames = values[..., None, None, None].expand(-1, -1, -1, 3, 8, 8)
    views = clip_views(frames, temporal, spatial)
    assert torch.equal(position_views(values, temporal, spatial), views[..., 0, 0, 0])
