"""How far things move in a data set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from amclip.data import flow_bound
from amclip.data.flow_bound import fitting_bound, flow_extent, measure_flow
from amclip.data.table import Clip, LabelTable
from amclip.data.video_file import VideoError
from amclip.data.writer import VideoWriter
from amclip.flow.choices import FlowImage
from amclip.flow.image import encode_flow
from amclip.inputs import FlowInput, NetworkInput

INPUT = NetworkInput(frame_size=(64, 64), image_size=64, flow=FlowInput(gap=1 / 25))


def draw(path: Path, step: int) -> Path:
    """A texture that moves to the left by so many pixels a frame."""
    columns = 64 + 12 * step
    noise = torch.rand(1, 3, 12, columns // 5, generator=torch.Generator().manual_seed(0))
    wide = torch.nn.functional.interpolate(noise, (64, columns), mode="bicubic").clamp(0, 1)
    texture = (wide[0] * 255).byte().movedim(0, -1).numpy()
    with VideoWriter(path, 25, (64, 64)) as writer:
        for number in range(12):
            writer.write(np.ascontiguousarray(texture[:, number * step : number * step + 64]))
    return path


@pytest.mark.parametrize("kind", ["wheel", "uvm"])
def test_what_one_clip_in_ten_shows_and_a_thousandth_of_the_pixels_is_no_extent(kind: FlowImage) -> None:
    flow = torch.zeros(20, 2, 40, 50)
    flow[:, 0, 0, :3] = 4.0  # small, and in every clip
    flow[0] = 9.0
    flow[1:, 1, 5, 5] = 8.0
    assert flow_extent(encode_flow(flow, kind, 10.0), kind) == pytest.approx(0.4, abs=1e-5)


def test_bounds_have_two_digits_and_room_for_what_is_faster() -> None:
    assert [fitting_bound(extent) for extent in (0.0, 2.0, 9.912)] == [0.1, 3.0, 15.0]


def test_the_motion_of_a_few_clips_of_every_behaviour_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, step in (("still", 0), ("fast", 3)):
        draw(tmp_path / f"{name}.mp4", step)
    still = [Clip("still.mp4", n / 100, n / 100 + 0.3, ("rest",)) for n in range(16)]
    rows = (*still, Clip("fast.mp4", 0.0, 0.4, ("run",)), Clip("gone.mp4", 0.0, 0.4, ("run",)))
    table = LabelTable(rows, ("rest", "run", "never"), "test")
    monkeypatch.setattr(flow_bound, "MOST_PAIRS", 8)
    told: list[int] = []
    found = {tmp_path / "gone.mp4": VideoError(tmp_path / "gone.mp4", "is not there")}
    measured = measure_flow(table, tmp_path, found, INPUT, progress=told.append)
    assert measured is not None
    assert (measured.pairs, measured.videos) == (6, 2)  # of four clips, in turn, one cannot be read
    assert told == [2, 4, 6]
    fast = measure_flow(replace(table, clips=rows[-2:]), tmp_path, found, INPUT)
    assert fast is not None
    assert 2.4 < fast.extent < 9  # at the border, where things come in, flow is a guess
    assert measured.extent < fast.extent
    assert measure_flow(replace(table, clips=rows[-1:]), tmp_path, found, INPUT) is None
    at_once = measure_flow(table, tmp_path, found, INPUT, seconds=-1.0)
    assert at_once is not None
    assert at_once.pairs == 2
