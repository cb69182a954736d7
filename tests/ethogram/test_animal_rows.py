"""Several animals of one video: what each is scored of, in one pass, and where a run goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_animals import COLOURS, draw_animals, track_of

from amclip.data import _reader
from amclip.data.crops import Animal, read_crops
from amclip.data.probe import probe
from amclip.data.tracks import Track, Tracks
from amclip.data.video import Video, VideoInfo
from amclip.ethogram.row_plan import RowPlan, rows_of_animals
from amclip.ethogram.stream import open_windows, stream_windows
from amclip.inference import TrainedModel, load_model
from amclip.inputs import CropInput, MotionInput
from amclip.suggest.windows import embed_windows

pytestmark = pytest.mark.usefixtures("one_thread")
WINDOW, HOP = 0.8, 0.2
TRACKS = {
    "ada": track_of("ada", np.arange(75)),
    "bob": track_of("bob", np.r_[10:40, 43:75]),  # comes in late; three frames are missing
    "cid": track_of("cid", np.r_[0:20, 50:75]),  # leaves and returns
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_animals(tmp_path_factory.mktemp("animals") / "a.mkv", 75)


@pytest.fixture(scope="module", params=["window", "position"])
def model(request: pytest.FixtureRequest, make_checkpoint: Callable[..., Path]) -> TrainedModel:
    crop = CropInput(context=1.5, fixed=request.param)
    flow = {"flow_unit": "body lengths", "flow_motion": MotionInput()}
    return load_model(make_checkpoint({"crop": crop, "tracks": "boxes.csv", **flow}))


def opened(model: TrainedModel, path: Path) -> Any:
    info = probe([path], progress=False)[path]
    assert isinstance(info, VideoInfo)
    return open_windows(model, path, info, WINDOW, HOP)


def rows_of(model: TrainedModel, video: Video, plan: Any, tracks: list[Track]) -> RowPlan:
    assert model.input.crop is not None
    animals = [Animal.of(track, video.fps) for track in tracks]
    return rows_of_animals(plan, video.timestamps(), animals, model.input.crop)


def scores(model: TrainedModel, path: Path, first: int = 0, batch: int = 1, **tracks: Track) -> np.ndarray:
    with opened(model, path) as (video, plan):
        rows = rows_of(model, video, plan, list((tracks or TRACKS).values()))
        return np.concatenate([some.probabilities for some in stream_windows(model, video, rows, first, batch)])


def test_an_animal_is_scored_where_it_has_boxes_in_half_of_a_window(model: TrainedModel, recording: Path) -> None:
    with opened(model, recording) as (video, plan):
        rows = rows_of(model, video, plan, list(TRACKS.values()))
        assert len(plan) == 12
        for number, track in enumerate(TRACKS.values()):
            filled = np.zeros(75, bool)
            for first, stop in Animal.of(track, 25.0).stretches(75).tolist():
                filled[first:stop] = True
            want = [filled[a:b].mean() >= 0.5 for a, b in zip(plan.start_frame, plan.stop_frame, strict=True)]
            assert rows.window[rows.subject == number].tolist() == np.flatnonzero(want).tolist()
        assert (np.diff(rows.window) >= 0).all()
        for images in (rows.images, rows.frames, rows.partners):
            assert (np.diff(images) >= 0).all()
        assert [rows.images[row:, 0].min() for row in range(len(rows))] == rows.first_image.tolist()


@pytest.mark.parametrize("batch", [1, 3])
def test_rows_are_scored_as_each_alone(model: TrainedModel, recording: Path, batch: int) -> None:
    found = scores(model, recording, batch=batch)
    with opened(model, recording) as (video, plan):
        rows = rows_of(model, video, plan, list(TRACKS.values()))
        times, crop = video.timestamps(), model.input.crop
        assert crop is not None
        expected = []
        for window, subject in zip(rows.window, rows.subject, strict=True):
            animal = Animal.of(list(TRACKS.values())[subject], video.fps)
            chosen = plan.images(window)
            frames, partners = plan.frames[chosen], plan.partners[chosen]
            crops = animal.crops(crop, frames, partners, plan.start_frame[window], plan.stop_frame[window])
            pictures = read_crops(video, np.stack([frames, partners], axis=1), [crops], model.input)[0][None]
            speeds = torch.from_numpy(animal.unit_speed(crops, times[partners] - times[frames]))[None]
            with torch.inference_mode():
                images, motion = model.preprocess(pictures, unit_speed=speeds)
                logits = model.network(images, model.input.segments()[None], motion)
            expected.append(model.calibrate(model.log_odds(logits))[0].numpy())
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-6)
    assert np.ptp(found, axis=0).max() > 0.02  # not one answer to everything


def test_a_window_is_scored_as_the_clip_is_predicted(model: TrainedModel, recording: Path) -> None:
    found = scores(model, recording, ada=TRACKS["ada"])
    predicted = model.predict(recording, 0.0, WINDOW, track=TRACKS["ada"])
    np.testing.assert_allclose(found[0], list(predicted.values()), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="was trained on animals cut out"):
        model.predict(recording, 0.0, WINDOW)


@pytest.mark.parametrize("batch", [1, 4])
def test_scores_from_any_row_on_are_those_of_the_whole_run(model: TrainedModel, recording: Path, batch: int) -> None:
    two = {name: TRACKS[name] for name in ("ada", "bob")}
    whole = scores(model, recording, batch=batch, **two)
    for first in range(batch, len(whole), 5 * batch):
        np.testing.assert_array_equal(scores(model, recording, first, batch, **two), whole[first:])


def test_of_an_appearance_that_no_row_looks_at_nothing_is_known(model: TrainedModel, recording: Path) -> None:
    cid = track_of("cid", np.r_[0:20, 33:37, 50:75])
    info = probe([recording], progress=False)[recording]
    assert isinstance(info, VideoInfo)
    tracks = Tracks.of("drawn", [("a.mkv", cid)])
    (found,) = embed_windows(model, "a.mkv", recording, info, WINDOW, HOP, tracks=tracks)
    assert found.scores.present_frames == ((0, 20), (50, 75))
    assert found.scores.present == ((0.0, 0.8), (2.0, 3.0))


def test_other_animals_in_the_picture_change_nothing(model: TrainedModel, recording: Path) -> None:
    alone = scores(model, recording, ada=TRACKS["ada"])
    together = scores(model, recording)
    with opened(model, recording) as (video, plan):
        rows = rows_of(model, video, plan, list(TRACKS.values()))
    np.testing.assert_allclose(together[rows.subject == 0], alone, rtol=1e-5, atol=1e-7)


def test_each_frame_is_decoded_and_converted_once_for_all_animals(
    model: TrainedModel, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    converted: list[int] = []
    come_out, pixels = _reader._Pass._come_out, _reader.FrameReader._pixels

    def counted(self: Any, wanted: Any, last: int) -> Any:
        frame = come_out(self, wanted, last)
        decoded.append(int(self._frame_of[frame.pts]))
        return frame

    monkeypatch.setattr(_reader._Pass, "_come_out", counted)
    monkeypatch.setattr(_reader.FrameReader, "_pixels", lambda self, f: converted.append(1) or pixels(self, f))
    pairs: list[int] = []
    hook = model.preprocess.flow.register_forward_pre_hook(lambda _, given: pairs.append(len(given[0])))
    scores(model, recording)
    hook.remove()
    with opened(model, recording) as (video, plan):
        rows = rows_of(model, video, plan, list(TRACKS.values()))
    assert len(COLOURS) == 3
    assert decoded == sorted(set(decoded))
    assert len(converted) == len(np.union1d(rows.frames, rows.partners))
    assert sum(pairs) == 2 * -(-len(rows.frames) // plan.positions) * plan.positions
    shared = len(rows.frames) < len(rows) * plan.positions
    assert shared == (model.input.crop is not None and model.input.crop.fixed == "position")


def test_a_model_of_animals_needs_their_rows(model: TrainedModel, recording: Path) -> None:
    with opened(model, recording) as (video, plan), pytest.raises(ValueError, match="it needs their tracks"):
        next(stream_windows(model, video, plan))


def test_memory_holds_the_windows_at_a_moment_and_not_a_video(
    model: TrainedModel, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []
    cat = torch.cat

    def measured(tensors: Any, *rest: Any, **more: Any) -> torch.Tensor:
        joined = cat(tensors, *rest, **more)
        if joined.ndim == 3 and joined.shape[1] == model.network.num_tokens:  # embeddings (n, streams, width)
            lengths.append(len(joined))
        return joined

    monkeypatch.setattr("amclip.ethogram.stream.torch.cat", measured)
    scores(model, recording, ada=TRACKS["ada"])
    overlap = WINDOW / HOP + 1
    assert lengths
    assert max(lengths) <= overlap * 6 + 6  # six positions of each window at a moment, and a block that comes
