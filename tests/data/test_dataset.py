import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from build import make_input
from drawn import CLIPS, draw_video, frame_numbers
from torch.utils.data import DataLoader

from amclip.data.dataset import ClipDataset, collate
from amclip.data.formats import read_labels
from amclip.data.locate import video_path
from amclip.data.probe import probe
from amclip.data.table import Clip, build_table
from amclip.data.video import Video
from amclip.data.video_file import VideoError
from amclip.inputs import NetworkInput
from amclip.sampling import sample_positions

SETTINGS: dict[str, Any] = {
    "frame_size": (90, 120),
    "scheme": "semi-dense",
    "num_segments": 2,
    "positions_per_segment": 4,
}


def dataset(root: Path, clips: list[Clip], **settings: Any) -> ClipDataset:
    found = settings.pop("found", {})
    settings = {**SETTINGS, **settings}
    seen = make_input(settings)
    return ClipDataset(build_table(clips, "test", ["x", "y"]), root, found, seen, **settings)


def test_frames_and_partners_are_those_of_the_grid(videos: Path) -> None:
    clips = [Clip("a.mp4", labels=("y",)), Clip("long.mp4", 4.0, 8.0, ("x", "y"))]
    data = dataset(videos, clips, flow_gap=3 / 25)
    for row, (start, length, labels) in enumerate([(0, 60, [0, 1]), (100, 100, [1, 1])]):
        sample = data[row]
        frames, partners = sample_positions(np.arange(length) / 25, 0.0, length / 25, 4, 3 / 25)
        assert sample["frames"].shape == (4, 2, 3, 90, 120)
        assert sample["frames"].dtype == torch.uint8
        assert frame_numbers(sample["frames"][:, 0]) == (frames + start).tolist()
        assert frame_numbers(sample["frames"][:, 1]) == (partners + start).tolist()
        assert sample["labels"].tolist() == labels
        assert sample["labels"].dtype == torch.float32
        assert sample["segments"].shape == (2, 4)
        assert sample["segments"].max() < 4
        assert (int(sample["clip"]), int(sample["skipped"]), sample["error"]) == (row, 0, "")


def test_a_clip_that_starts_between_frames_starts_then(videos: Path) -> None:
    clips = [Clip("long.mp4", 4.02, 8.02, ("x",))]  # frames 101 to 200, from half a frame before
    frames = dataset(videos, clips)[0]["frames"]
    # Moments 4.02 + (k + 0.5) * (4 - 1 / 25) / 4: 4.515, 5.505, 6.495, 7.485.
    assert frame_numbers(frames[:, 0]) == [112, 137, 162, 187]


def test_without_flow_the_frames_are_read_alone(videos: Path) -> None:
    clips = [Clip("a.mp4", labels=())]
    one, two = dataset(videos, clips, modality="frames")[0], dataset(videos, clips)[0]
    assert one["frames"].shape == (4, 1, 3, 90, 120)
    assert frame_numbers(one["frames"][:, 0]) == frame_numbers(two["frames"][:, 0])


def test_each_frame_is_decoded_once(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    read = Video.read_in_order

    def counted(self: Video, indices: list[int]) -> Any:
        asked.append(list(indices))
        return read(self, indices)

    monkeypatch.setattr(Video, "read_in_order", counted)
    data = dataset(videos, [Clip("a.mp4", 0.0, 0.2, ())])  # 5 frames, 4 positions: partners are the next positions
    assert frame_numbers(data[0]["frames"].flatten(0, 1)) == [0, 1, 1, 2, 2, 3, 3, 4]
    assert asked == [[0, 1, 2, 3, 4]]


def test_a_clip_of_one_frame_is_its_own_partner(videos: Path) -> None:
    sample = dataset(videos, [Clip("one.mp4", labels=())])[0]
    assert torch.equal(sample["frames"][:, 0], sample["frames"][:, 1])
    assert frame_numbers(sample["frames"].flatten(0, 1)) == [0] * 8


def test_jitter_depends_on_seed_epoch_row_and_draw_alone(videos: Path) -> None:
    clips = [Clip("long.mp4", labels=("x",)), Clip("long.mp4", 0.0, 12.0, ("x",))]

    def numbers(row: int, epoch: int, seed: int = 0, training: bool = True, draw: int = 0) -> list[int]:
        data = dataset(videos, clips, training=training, seed=seed, modality="frames")
        return frame_numbers(data[row, epoch, draw]["frames"][:, 0])

    torch.manual_seed(1)
    first = numbers(0, 0)
    torch.manual_seed(2)
    assert numbers(0, 0) == first
    others = [numbers(0, 1), numbers(1, 0), numbers(0, 0, seed=1), *(numbers(0, 0, draw=draw) for draw in (1, 2, 24))]
    assert len({tuple(drawn) for drawn in [first, *others]}) == 7
    assert numbers(0, 0, training=False) == numbers(0, 7, training=False) == [37, 112, 186, 261]


def test_workers_change_nothing(videos: Path) -> None:
    data = dataset(videos, [Clip("a.mp4", n / 10, 2.0, ("x",)) for n in range(6)], training=True)
    items = [(row, 3) for row in range(6)]
    data[0]  # a reader is open when the workers are forked
    alone = list(DataLoader(data, batch_size=2, sampler=items, collate_fn=collate))
    shared = list(DataLoader(data, batch_size=2, sampler=items, collate_fn=collate, num_workers=2))
    for one, other in zip(alone, shared, strict=True):
        assert torch.equal(one["frames"], other["frames"])
        assert one["clip"].tolist() == other["clip"].tolist()
        assert one["frames"].shape == (2, 4, 2, 3, 90, 120)
        assert one["error"] == ["", ""]


def test_open_readers_are_not_sent_to_other_processes(videos: Path) -> None:
    data = dataset(videos, [Clip("a.mp4", labels=())])
    data[0]
    assert torch.equal(pickle.loads(pickle.dumps(data))[0]["frames"], data[0]["frames"])


def test_more_videos_than_open_readers(videos: Path, tmp_path: Path) -> None:
    for n in range(6):
        (tmp_path / f"{n}.mp4").write_bytes((videos / "a.mp4").read_bytes())
    data = dataset(tmp_path, [Clip(f"{n}.mp4", labels=()) for n in range(6)])
    for _ in range(2):
        for row in range(6):
            data[row]
    assert len(data._readers) == 4


class TestBrokenClips:
    def rows(self, tmp_path: Path, videos: Path) -> list[Clip]:
        (tmp_path / "fine.mp4").write_bytes((videos / "a.mp4").read_bytes())
        (tmp_path / "empty.mp4").touch()
        (tmp_path / "text.mp4").write_text("no video\n" * 100)
        return [
            Clip("fine.mp4", labels=("x",)),
            Clip("empty.mp4", labels=("y",)),
            Clip("text.mp4", labels=("y",)),
            Clip("fine.mp4", 50.0, 60.0, ("y",)),
            Clip("missing.mp4", labels=("y",)),
        ]

    def test_in_training_the_next_clip_that_can_be_read_takes_the_place(self, tmp_path: Path, videos: Path) -> None:
        data = dataset(tmp_path, self.rows(tmp_path, videos), training=True)
        seen = []
        for row, skipped in enumerate([0, 4, 3, 2, 1]):
            sample = data[row, 0]
            assert (int(sample["clip"]), int(sample["skipped"])) == (0, skipped)
            assert sample["labels"].tolist() == [1, 0]  # the labels are those of the frames
            # Each time at moments of its own, which nothing but the row that was asked for decides.
            assert torch.equal(sample["frames"], data[row, 0]["frames"])
            seen.append(frame_numbers(sample["frames"][:, 0]))
        assert len({tuple(numbers) for numbers in seen}) == 5

    def test_otherwise_frames_are_zero_and_the_error_says_why(self, tmp_path: Path, videos: Path) -> None:
        data = dataset(tmp_path, self.rows(tmp_path, videos))
        reasons = ["", "is empty", "looks like text", "no frame from 50.0 to 60.0 s; it lasts 2.40 s", "does not exist"]
        batch = collate([data[row] for row in range(5)])
        assert batch["clip"].tolist() == [0, 1, 2, 3, 4]
        for row, reason in enumerate(reasons):
            assert reason in batch["error"][row]
            assert bool(batch["error"][row]) == bool(reason)
            assert batch["frames"][row].any() == (not reason)

    def test_a_round_without_success_is_an_error(self, tmp_path: Path, videos: Path) -> None:
        data = dataset(tmp_path, self.rows(tmp_path, videos)[1:], training=True)
        with pytest.raises(VideoError, match="none of the 4 clips of test can be read"):
            data[2, 0]

    def test_a_video_that_probing_found_unreadable_is_never_opened(
        self, tmp_path: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clips = self.rows(tmp_path, videos)[1:2]
        found = probe([tmp_path / "empty.mp4"])
        data = dataset(tmp_path, clips, found=found)
        monkeypatch.setattr("amclip.data.dataset.Video", None)
        assert "is empty" in data[0]["error"]

    def test_a_length_known_from_probing_is_not_exceeded(self, videos: Path) -> None:
        path = videos / "phantom.mp4"
        data = dataset(videos, [Clip("phantom.mp4", labels=())], found=probe([path]))
        frames, _ = sample_positions(np.arange(60) / 25, 0.0, 2.4, 4)
        assert frame_numbers(data[0]["frames"][:, 0]) == frames.tolist()


def test_paths_are_relative_to_the_root_or_absolute(videos: Path, tmp_path: Path) -> None:
    assert video_path(tmp_path, Clip("sub/a.mp4")) == tmp_path / "sub" / "a.mp4"
    assert not dataset(tmp_path, [Clip(str(videos / "a.mp4"), labels=())])[0]["error"]
    with pytest.raises(IndexError):
        dataset(tmp_path, [Clip("a.mp4", labels=())])[1]


def test_unlabelled_clips_have_zeros(videos: Path) -> None:
    assert dataset(videos, [Clip("a.mp4")])[0]["labels"].tolist() == [0, 0]


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_real_clips(resize: Any) -> None:
    table = read_labels(CLIPS / "labels.csv")
    lengths = probe(video_path(CLIPS, clip) for clip in table.clips)
    seen = NetworkInput("semi-dense", positions_per_segment=4, frame_size=(56, 56), resize=resize)
    data = ClipDataset(table, CLIPS, lengths, seen)
    batch = collate([data[row] for row in range(len(data))])
    assert batch["error"] == [""] * 9
    assert batch["frames"].shape == (9, 4, 2, 3, 56, 56)
    assert batch["labels"].sum() == 10
    assert (batch["frames"].float().std(dim=(-1, -2)) > 5).all()  # pictures, not blanks


def test_sizes_of_videos_are_made_equal(tmp_path: Path, videos: Path) -> None:
    draw_video(tmp_path / "b.avi", codec="mpeg4")
    (tmp_path / "c.mp4").write_bytes((videos / "a.mp4").read_bytes())
    data = dataset(tmp_path, [Clip("b.avi", labels=()), Clip("c.mp4", labels=())], frame_size=(64, 48), resize="crop")
    assert collate([data[0], data[1]])["frames"].shape == (2, 4, 2, 3, 64, 48)
