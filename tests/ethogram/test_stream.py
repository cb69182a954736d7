from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_vjepa  # noqa: F401 (names of small encoders)
import torch
from straightforward import window_by_window

from amclip.data import _reader
from amclip.data.video import Video
from amclip.ethogram.plan import WindowPlan, plan_windows
from amclip.ethogram.stream import stream_windows
from amclip.inference import TrainedModel, load_model
from amclip.inputs import MotionInput

POSITIONS = 6
WINDOW = 1.2


pytestmark = pytest.mark.usefixtures("one_thread")


def opened(model: TrainedModel, path: Path) -> Video:
    return Video(path, model.input.frame_size, model.input.resize)


def plan_of(model: TrainedModel, video: Video, hop: float = 0.3, window: float = WINDOW) -> WindowPlan:
    return plan_windows(video.timestamps(), video.duration, window, hop, POSITIONS, model.input.flow.gap_seconds)


def scores(model: TrainedModel, path: Path, plan: WindowPlan, first: int = 0, batch: int = 1) -> np.ndarray:
    with opened(model, path) as video:
        return np.concatenate([some.probabilities for some in stream_windows(model, video, plan, first, batch)])


@pytest.fixture(scope="module")
def quarters(model: TrainedModel, animals: Path) -> tuple[WindowPlan, np.ndarray]:
    """Windows at 75 % overlap, and their scores."""
    with opened(model, animals) as video:
        plan = plan_of(model, video)
    return plan, scores(model, animals, plan)


@pytest.mark.parametrize(("overlap", "batch"), [(-0.5, 1), (0.5, 1), (0.8, 1), (0.8, 3)])
def test_scores_equal_those_of_a_run_window_by_window(
    model: TrainedModel, animals: Path, overlap: float, batch: int
) -> None:
    with opened(model, animals) as video:
        plan = plan_of(model, video, WINDOW * (1 - overlap))
        expected = window_by_window(model, video, plan, batch)
    found = scores(model, animals, plan, batch=batch)
    np.testing.assert_array_equal(found, expected)
    assert np.ptp(found, axis=0).max() > 0.1  # not one answer to everything


@pytest.mark.parametrize(
    ("data", "network"),
    [
        ({"modality": "frames", "scheme": "sparse"}, {}),
        ({"modality": "flow", "flow_gap": "4/15", "flow_image": "wheel"}, {}),
        ({"scheme": "semi-dense", "positions_per_segment": 6, "resize": "crop"}, {"aggregation": "attention"}),
        ({"positions_per_segment": 4, "segment_overlap": 0.5}, {}),
        ({}, {"cross_frame": True, "message_init": "xclip"}),
        ({}, {"head": "text", "video_prompt_layers": 1}),
        ({}, {"head": "text", "video_prompt_layers": 1, "cross_frame": True, "message_init": "xclip"}),
        ({"modality": "frames", "flow_motion": MotionInput(cells=2), "flow_gap": "4/15"}, {}),
        ({"modality": "motion", "flow_motion": MotionInput()}, {"trainable_blocks": 0}),
        ({"flow_motion": MotionInput()}, {"cross_frame": True, "message_init": "xclip"}),
        ({"positions_per_segment": 4, "segment_overlap": 0.5}, {"backbone": "vjepa:tiny_2_1", "pretrained": None}),
    ],
    ids=[
        *("frames", "flow", "semi-dense", "overlap", "messages", "prompts", "prompts and messages"),
        *("frames and motion", "motion alone", "motion and messages", "video encoder"),
    ],
)
def test_every_kind_of_network_is_scored_as_window_by_window(
    make_checkpoint: Callable[..., Path], animals: Path, data: dict[str, Any], network: dict[str, Any]
) -> None:
    model = load_model(make_checkpoint(data, **network))
    with opened(model, animals) as video:
        plan = plan_of(model, video, 0.5)
        expected = window_by_window(model, video, plan)
    found = scores(model, animals, plan)
    np.testing.assert_array_equal(found, expected)
    assert np.ptp(found, axis=0).max() > 1e-3


def test_a_window_is_scored_as_the_clip_is_predicted(
    model: TrainedModel, animals: Path, quarters: tuple[WindowPlan, np.ndarray]
) -> None:
    predicted = model.predict(animals, 0.0, WINDOW)
    # One clip is a batch of another shape, which some processors sum up otherwise in the last digit.
    close = {"rtol": 1e-5, "atol": 1e-7}
    np.testing.assert_allclose(quarters[1][0], list(predicted.values()), **close)
    with opened(model, animals) as video:
        whole = plan_of(model, video, window=100.0)
    predicted = model.predict(animals)
    np.testing.assert_allclose(scores(model, animals, whole)[0], list(predicted.values()), **close)


@pytest.mark.parametrize("batch", [1, 4])
def test_scores_from_any_window_on_are_those_of_the_whole_run(model: TrainedModel, animals: Path, batch: int) -> None:
    with opened(model, animals) as video:
        plan = plan_of(model, video)
    whole = scores(model, animals, plan, batch=batch)
    for first in range(batch, len(plan), 3 * batch):
        np.testing.assert_array_equal(scores(model, animals, plan, first, batch), whole[first:])


def test_nothing_is_done_twice(model: TrainedModel, animals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    pairs: list[int] = []
    images: list[int] = []
    pixels, come_out = _reader.FrameReader._pixels, _reader._Pass._come_out
    scaled: list[int] = []

    def counted(self: Any, wanted: Any, last: int) -> Any:
        frame = come_out(self, wanted, last)
        decoded.append(int(self._frame_of[frame.pts]))
        return frame

    monkeypatch.setattr(_reader._Pass, "_come_out", counted)
    monkeypatch.setattr(_reader.FrameReader, "_pixels", lambda self, f: scaled.append(1) or pixels(self, f))
    watched = [
        module.register_forward_pre_hook(lambda _, given, counts=counts: counts.append(len(given[0])))
        for module, counts in ((model.preprocess.flow, pairs), (model.network.encoder, images))
    ]
    with opened(model, animals) as video:
        plan = plan_of(model, video, hop=0.1)
        assert sum(len(some.probabilities) for some in stream_windows(model, video, plan)) == len(plan)
    for hook in watched:
        hook.remove()
    assert decoded == sorted(set(decoded))  # frames that nobody needs may be skipped
    assert decoded[-1] == plan.partners[-1]
    assert len(scaled) == len(np.union1d(plan.frames, plan.partners))
    filled_up = -(-len(plan.frames) // POSITIONS) * POSITIONS
    assert sum(pairs) == filled_up
    assert sum(images) == 2 * filled_up
    assert len(plan) * POSITIONS > 8 * filled_up  # which the straightforward way would have paid


def test_memory_holds_a_window_and_not_a_video(
    model: TrainedModel, animals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = []
    cat = torch.cat

    def measured(tensors: Any, *rest: Any, **more: Any) -> torch.Tensor:
        joined = cat(tensors, *rest, **more)
        if joined.ndim == 3 and joined.shape[1:] == (2, 96):  # embeddings (n, views, width)
            lengths.append(len(joined))
        return joined

    monkeypatch.setattr("amclip.ethogram.stream.torch.cat", measured)
    with opened(model, animals) as video:
        plan = plan_of(model, video, hop=0.1)
        list(stream_windows(model, video, plan))
    assert len(plan.frames) > 6 * POSITIONS
    assert lengths
    assert max(lengths) <= 2 * POSITIONS


def test_a_run_begins_at_a_whole_batch(model: TrainedModel, animals: Path) -> None:
    with opened(model, animals) as video:
        plan = plan_of(model, video)
        with pytest.raises(ValueError, match="multiple of the batch size 4, got 6"):
            next(stream_windows(model, video, plan, 6, 4))
        assert list(stream_windows(model, video, plan, len(plan))) == []
