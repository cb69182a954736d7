"""Clips of single animals: what is cut out of which frame, how often frames are decoded, and in which order."""

import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from build import make_input
from drawn_animals import COLOURS, draw_animals, track_of, tracks_of_video

from amclip.augmentation import Augmentation
from amclip.data.animals import Animals
from amclip.data.datamodule import VideoDataModule
from amclip.data.dataset import ClipDataset, collate
from amclip.data.place import seed_of
from amclip.data.samplers import ClassAwareSampler, EpochSampler, WindowSampler
from amclip.data.source import LabelSource
from amclip.data.table import Clip, LabelTable, build_table
from amclip.data.tracks import Tracks, write_tracks
from amclip.data.video import Video
from amclip.data.video_file import VideoError
from amclip.inputs import CropInput, FlowInput, NetworkInput

WINDOWS = [(0.0, 0.8), (0.4, 1.2), (1.2, 2.0)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("animals")
    draw_animals(folder / "a.mkv")
    return folder


def table(names: Sequence[str] = tuple(COLOURS), windows: Sequence[tuple[float, float]] = WINDOWS) -> LabelTable:
    clips = [
        Clip("a.mkv", *window, (name if name in COLOURS else "ada",), "train", subject=name)
        for name in names
        for window in windows
    ]
    return build_table(clips, "test", list(COLOURS))


def dataset(root: Path, clips: LabelTable, tracks: Tracks | None = None, **settings: Any) -> ClipDataset:
    made = {name: settings.pop(name) for name in ("training", "seed", "temporal_views") if name in settings}
    crop = CropInput(**settings.pop("crop", {}))
    seen = make_input({"frame_size": (32, 32), "num_segments": 1, "positions_per_segment": 4, "crop": crop, **settings})
    return ClipDataset(clips, root, {}, seen, animals=Animals(tracks or tracks_of_video("a.mkv")), **made)


def middle(frames: torch.Tensor) -> list[int]:
    colour: list[int] = frames[..., 15:17, 15:17].float().mean(dim=(-1, -2)).round().int().tolist()
    return colour


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the frames that readers were asked for."""
    numbers: list[int] = []
    read = Video.read_in_order

    def counted(self: Video, indices: Sequence[int]) -> Any:
        numbers.extend(int(index) for index in indices)
        return read(self, indices)

    monkeypatch.setattr(Video, "read_in_order", counted)
    return numbers


@pytest.mark.parametrize("fixed", ["window", "position"])
def test_each_animal_is_in_the_middle_of_its_own_crops(videos: Path, fixed: str) -> None:
    data = dataset(videos, table(windows=[(0.0, 0.4)]), crop={"fixed": fixed})
    for row, (name, colour) in enumerate(COLOURS.items()):
        sample = data[row]
        assert sample["error"] == ""
        assert sample["frames"].shape == (4, 2, 3, 32, 32)
        assert sample["labels"].tolist() == [float(name == other) for other in COLOURS]
        shown = sample["frames"][:, 0] if name == "ada" and fixed == "position" else sample["frames"].flatten(0, 1)
        for middle_colour in middle(shown):
            assert middle_colour == pytest.approx(colour, abs=12)


def test_a_wider_crop_comes_behind_and_shows_more(videos: Path) -> None:
    frames = dataset(videos, table(["bob"]), crop={"context": 2.0})[0]["frames"]
    assert frames.shape == (4, 4, 3, 32, 32)
    green = (frames[:, :, 1].int() - frames[:, :, 0].int()) > 105
    near, wide = green[:, :2].float().mean().item(), green[:, 2:].float().mean().item()
    side, wider = 34, 34 * 5 / 2.4  # 14 pixels with a margin of 0.7 and of 2 body lengths
    assert near == pytest.approx((14 / side) ** 2, rel=0.15)
    assert wide == pytest.approx((14 / wider) ** 2, rel=0.25)
    assert torch.equal(frames[:, 0], dataset(videos, table(["bob"]))[0]["frames"][:, 0])


def test_speeds_are_in_body_lengths_and_seconds(videos: Path) -> None:
    sample = dataset(videos, table(["bob"]), crop={"context": 2.0}, flow_gap=2 / 25)[0]
    assert sample["unit_speed"].shape == (4, 2, 2)
    assert sample["unit_speed"][0, :, 0].tolist() == pytest.approx([34 / 14 * 12.5, 71 / 14 * 12.5])
    loaded = collate([sample, sample])
    assert loaded["unit_speed"].shape == (2, 4, 2, 2)


@pytest.mark.parametrize("training", [False, True])
def test_the_animals_of_a_window_are_decoded_together_and_sampled_alike(
    videos: Path, asked: list[int], training: bool
) -> None:
    data = dataset(videos, table(), training=training)
    rows = [row for first in range(3) for row in range(first, 9, 3)]  # the animals of a window together
    together = data.__getitems__([(row, 1, 0) for row in rows])
    assert [int(sample["clip"]) for sample in together] == rows
    decoded = list(asked)
    by_window = [set(decoded[at : at + 8]) for at in range(0, len(decoded), 8)]
    assert len(decoded) == sum(len(window) for window in by_window)  # none twice for one window
    assert len(by_window) == 3
    asked.clear()
    for sample, row in zip(together, rows, strict=True):
        alone = data[row, 1, 0]
        assert torch.equal(alone["frames"], sample["frames"])
        assert set(asked) in by_window
        asked.clear()


@pytest.mark.parametrize("kind", [EpochSampler, WindowSampler])
@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_the_sampler_keeps_windows_together_and_gives_each_process_its_share(
    videos: Path, kind: Any, replicas: int
) -> None:
    clips = table(windows=[(n / 10, n / 10 + 0.5) for n in range(11)])  # 33 rows
    data = dataset(videos, clips, training=True)

    def epoch(number: int, seed: int = 0) -> list[list[int]]:
        parts = []
        for rank in range(replicas):
            how = {"batch_size": 6} if kind is EpochSampler else {"shuffle": False}
            sampler = kind(data, num_replicas=replicas, rank=rank, seed=seed, **how)
            sampler.set_epoch(number)
            rows = list(sampler)
            assert len(rows) == len(sampler)
            parts.append([row[0] if isinstance(row, tuple) else row for row in rows])
        return parts

    parts = epoch(0)
    assert set(chain.from_iterable(parts)) == set(range(33))
    if kind is WindowSampler:
        assert sum(map(len, parts)) == 33
    else:
        assert len({len(part) for part in parts}) == 1
        assert epoch(0) == parts
        assert epoch(1) != parts
        assert epoch(0, seed=1) != parts
        assert [row % 11 for row in parts[0][::3]] != sorted(row % 11 for row in parts[0][::3])
    for part in parts:
        windows = [row % 11 for row in part]
        cuts = sum(one != other for one, other in pairwise(windows))
        # A window stands in one place, except where it is cut at a batch's end or comes again at the epoch's.
        assert cuts <= len(set(windows)) + (len(part) // 6 if kind is EpochSampler else 0)


def test_tables_without_animals_are_shuffled_as_ever(videos: Path) -> None:
    clips = build_table([Clip(f"{n}.mkv", labels=("x",)) for n in range(10)], "test")
    data = ClipDataset(clips, videos, {}, NetworkInput(), training=True)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(seed_of("order", 3, 0))).tolist()
    assert [row for row, _, _ in EpochSampler(data, 4, seed=3)] == order
    # Of the 4 clips of a step each of two processes takes 2, and of the last 2 one.
    assert [row for row, _, _ in EpochSampler(data, 2, 2, 0, seed=3)] == [*order[:2], *order[4:6], order[8]]
    assert [row for row, _, _ in EpochSampler(data, 2, 2, 1, seed=3)] == [*order[2:4], *order[6:8], order[9]]
    assert list(WindowSampler(data, num_replicas=2, rank=1, shuffle=False)) == [1, 3, 5, 7, 9]


def test_class_aware_sampling_draws_animals_one_by_one(videos: Path) -> None:
    data = dataset(videos, table(), training=True)
    rows = [row for row, _, _ in ClassAwareSampler(data, num_replicas=1, rank=0)]
    assert [sorted(row // 3 for row in rows[at : at + 3]) for at in (0, 3, 6)] == [[0, 1, 2]] * 3


def test_an_animal_without_boxes_is_an_error_of_its_row_alone(videos: Path) -> None:
    tracks = Tracks.of(
        "drawn.csv", [("a.mkv", track_of("ada", np.arange(50))), ("a.mkv", track_of("bob", np.arange(14)))]
    )
    clips = build_table([Clip("a.mkv", *WINDOWS[1], subject=name) for name in ("ada", "bob", "adda", "")], "test", [])
    samples = dataset(videos, clips, tracks).__getitems__([0, 1, 2, 3])
    assert [bool(sample["error"]) for sample in samples] == [False, True, True, True]
    assert "a.mkv: 'bob' has boxes in 20% of the frames from 0.4 to 1.2 s, and 50% are needed" in samples[1]["error"]
    assert "did you mean 'ada'?" in samples[2]["error"]
    assert "names no animal, and there are tracks of 'ada', 'bob'" in samples[3]["error"]
    assert not samples[1]["frames"].any()
    trained = dataset(videos, clips, tracks, training=True).__getitems__([(1, 0, 0), (0, 0, 0)])
    assert [int(sample["clip"]) for sample in trained] == [0, 0]
    assert [int(sample["skipped"]) for sample in trained] == [3, 0]


def test_an_animal_that_is_missing_leaves_nothing_of_the_others_in_memory(videos: Path) -> None:
    """An error that is kept keeps its traceback, and this all that its window's other animals were read into."""
    clips = table(["ada", "bob", "cid"], [(0.0, 0.4)])
    tracks = Tracks.of(
        "drawn", [("a.mkv", track_of("ada", np.arange(50))), ("a.mkv", track_of("cid", np.arange(25, 50)))]
    )
    data = dataset(videos, clips, tracks)
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            samples = data.__getitems__([0, 1, 2])
            assert [bool(sample["error"]) for sample in samples] == [False, True, True]
            pixels = weakref.ref(samples[0]["frames"])
            del samples
            assert pixels() is None
    finally:
        gc.enable()


def test_the_one_animal_of_a_video_needs_no_name(videos: Path) -> None:
    clips = build_table([Clip("a.mkv", *WINDOWS[0])], "test", [])
    sample = dataset(videos, clips, tracks_of_video("a.mkv", animals=("bob",)))[0]
    assert middle(sample["frames"][:, 0])[0] == pytest.approx(COLOURS["bob"], abs=12)
    with pytest.raises(ValueError, match="which animals are cut out"):
        ClipDataset(clips, videos, {}, NetworkInput(crop=CropInput()))


def module(videos: Path, clips: LabelTable, tracks: str | None, folder: Path, **settings: Any) -> VideoDataModule:
    rows = [
        f"{clip.video},{clip.start},{clip.stop},{clip.subject},{';'.join(clip.labels or ())},{split}"
        for clip, split in zip(clips.clips, ["train", "val", "test"] * len(clips), strict=False)
    ]
    path = folder / "labels.csv"
    path.write_text("\n".join(["filepath,start,stop,subject,label,split", *rows]) + "\n")
    cropped = settings.pop("cropped", True)
    flow = FlowInput(unit="body lengths" if cropped else "pixels", preset="fast")
    crop = CropInput(context=2.0) if cropped else None
    sizes: dict[str, Any] = {"num_segments": 1, "positions_per_segment": 4, "frame_size": (36, 36), "image_size": 32}
    seen = NetworkInput(**sizes, crop=crop, flow=flow)
    return VideoDataModule(
        seen,
        LabelSource(str(path), str(videos), tracks=tracks),
        num_workers=0,
        cache_dir=None,
        augmentation=Augmentation(),
        batch_size=4,
        **settings,
    )


class TestDataModule:
    @pytest.fixture
    def boxes(self, tmp_path: Path) -> str:
        write_tracks(tracks_of_video("a.mkv"), tmp_path / "boxes.csv")
        return str(tmp_path / "boxes.csv")

    def test_a_batch_has_four_streams_of_each_animal_and_decodes_frames_once(
        self, videos: Path, tmp_path: Path, boxes: str, asked: list[int]
    ) -> None:
        data = module(videos, table(), boxes, tmp_path)
        data.setup("fit")
        batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
        assert len(asked) == len(set(asked)) <= 8  # four positions and their partners, for all three
        assert batch["images"].shape == (3, 4, 4, 3, 32, 32)
        assert "unit_speed" not in batch
        assert data.label_files == [tmp_path / "labels.csv", tmp_path / "boxes.csv"]

    def test_animals_without_boxes_are_left_out_of_training_and_told(
        self, videos: Path, tmp_path: Path, boxes: str
    ) -> None:
        clips = table(["ada", "bob", "dan"])
        with pytest.warns(UserWarning, match=r"(?s)1 of 3 clips of the split 'train' are of animals.*'dan' has no tr"):
            (data := module(videos, clips, boxes, tmp_path)).setup("fit")
        assert [clip.subject for clip in data.tables["train"].clips] == ["ada", "bob"]
        assert len(data.tables["val"]) == 3
        assert data.left_out_clips == 1
        with pytest.raises(ValueError, match=r"none of the 1 clips in 'train' can be read; .* boxes are those of"):
            module(videos, table(["dan"]), boxes, tmp_path).setup("fit")

    def test_tracks_that_are_not_of_the_video_are_told_when_training_begins(
        self, videos: Path, tmp_path: Path, boxes: str
    ) -> None:
        known = tracks_of_video("a.mkv")
        far = [("a.mkv", replace(one, boxes=one.boxes + 5000)) for one in known.videos["a.mkv"]]
        write_tracks(Tracks.of("", far), tmp_path / "boxes.csv")
        data = module(videos, table(), boxes, tmp_path)
        with pytest.warns(UserWarning, match=r"a.mkv: 100% of the boxes of '\w+' lie outside of the image"):
            data.setup("test")

    def test_without_labels_each_tracked_animal_is_predicted(self, videos: Path, tmp_path: Path, boxes: str) -> None:
        source = LabelSource(root=str(videos), classes=["x"], tracks=boxes)
        seen = NetworkInput(crop=CropInput(), num_segments=1, frame_size=(36, 36))
        data = VideoDataModule(seen, source, num_workers=0, cache_dir=None)
        data.setup("predict")
        assert [(clip.video, clip.subject) for clip in data.tables["predict"].clips] == [
            ("a.mkv", name) for name in COLOURS
        ]

    def test_crops_and_tracks_belong_together(self, videos: Path, tmp_path: Path, boxes: str) -> None:
        with pytest.raises(ValueError, match=r"input.crop cuts animals out.*--data.source.tracks FILE"):
            module(videos, table(), None, tmp_path)
        with pytest.raises(ValueError, match="the network sees whole frames"):
            module(videos, table(), boxes, tmp_path, cropped=False)


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for number, width in enumerate((64, 64, 48, 64)):
        Image.new("RGB", (width, 64)).save(folder / f"{number}.png")
    clips = build_table([Clip("images", subject="ada")], "test", [])
    sample = dataset(tmp_path, clips, tracks_of_video("images", 4, ("ada",)))[0]
    assert "frame 2 is 48 × 64 pixels and the first 64 × 64" in sample["error"]
    with pytest.raises(VideoError, match="none of the 1 clips"):
        dataset(tmp_path, clips, tracks_of_video("images", 4, ("ada",)), training=True)[0]
