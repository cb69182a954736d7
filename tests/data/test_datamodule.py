import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from build import make_data
from drawn import draw_video
from layouts import ACTIONS, BORIS_AGGREGATED, CLIPS, animal_kingdom

from amclip.data.datamodule import VideoDataModule
from amclip.data.dataset import ClipDataset
from amclip.data.formats import read_labels
from amclip.data.label_error import LabelError
from amclip.data.place import Place, Purpose, seed_of
from amclip.data.samplers import ClassAwareSampler, EpochSampler
from amclip.flow import FlowMethod
from amclip.inputs import NetworkInput

SMALL = {
    "image_size": 32,
    "frame_size": (36, 36),
    "flow_gap": "1/15",
    "flow_preset": "fast",
    "num_segments": 2,
    "positions_per_segment": 2,
    "num_workers": 0,
    "batch_size": 4,
    "cache_dir": None,
}


def build(drawn: Path, **settings: object) -> VideoDataModule:
    return make_data(**{"labels": str(drawn / "labels.csv"), **SMALL, **settings})


def test_a_batch_is_what_the_docstring_says(drawn: Path) -> None:
    data = build(drawn)
    data.setup("fit")
    batch = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert batch["images"].shape == (4, 4, 2, 3, 32, 32)
    assert batch["segments"].tolist()[0] == [[0, 1], [2, 3]]
    assert batch["labels"].shape == (4, len(data.classes))
    assert batch["error"] == [""] * 4


@pytest.mark.parametrize(("modality", "views"), [("frames", 1), ("flow", 1), ("interleaved", 2)])
def test_modalities(drawn: Path, modality: str, views: int) -> None:
    data = build(drawn, modality=modality)
    assert data.input.num_streams == views
    data.setup("test")
    batch = next(iter(data.test_dataloader()))
    assert batch["frames"].shape[2] == (1 if modality == "frames" else 2)  # partners are decoded only where needed
    assert data.on_after_batch_transfer(batch, 0)["images"].shape[2] == views


def test_positions_depend_on_seed_epoch_and_clip_and_on_nothing_else(drawn: Path) -> None:
    def frames(workers: int, epoch: int, seed: int = 0) -> dict[int, torch.Tensor]:
        data = build(drawn, num_workers=workers, seed=seed)
        data.setup("fit")
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        return {
            int(clip): clip_frames
            for batch in loader
            for clip, clip_frames in zip(batch["clip"], batch["frames"], strict=True)
        }

    here, in_workers, later = frames(0, 1), frames(2, 1), frames(0, 2)
    assert here.keys() == in_workers.keys() == later.keys()
    assert all(torch.equal(here[clip], in_workers[clip]) for clip in here)
    assert not all(torch.equal(here[clip], later[clip]) for clip in here)


def test_broken_videos_are_left_out_of_training_and_reported_in_the_test(drawn: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    for name in ("broken.mp4", "broken too.mp4"):
        (tmp_path / name).write_bytes(b"")
    text = (drawn / "labels.csv").read_text().replace("videos/", f"{drawn}/videos/")
    table.write_text(text + "broken.mp4,walking,train\nbroken too.mp4,walking,test\n")
    data = build(drawn, labels=str(table))
    with pytest.warns(UserWarning, match=r"(?s)1 of \d+ clips of the split 'train'.*left out.*broken.mp4"):
        data.setup("fit")
    assert data.left_out_clips == 1
    with pytest.warns(UserWarning, match=r"(?s)1 of \d+ clips of the split 'test'.*not scored.*broken too.mp4"):
        data.setup("test")
    errors = [error for batch in data.test_dataloader() for error in batch["error"]]
    assert [bool(error) for error in errors] == [False] * (len(errors) - 1) + [True]


def test_a_split_without_a_readable_video_is_refused(drawn: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    (tmp_path / "broken.mp4").write_bytes(b"")
    lines = [line for line in (drawn / "labels.csv").read_text().splitlines() if not line.endswith(",val")]
    table.write_text("\n".join(lines).replace("videos/", f"{drawn}/videos/") + "\nbroken.mp4,walking,val\n")
    with (
        pytest.warns(UserWarning, match=r"(?s)1 of 1 clips.*broken.mp4"),
        pytest.raises(ValueError, match=r"none of the 1 clips in .val. can be read"),
    ):
        build(drawn, labels=str(table)).setup("fit")


def test_in_place_of_a_video_that_is_named_otherwise_the_nearest_name_is_told(drawn: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text((drawn / "labels.csv").read_text().replace("clip_00000.mp4", "Clip-00000.mp4"))
    with pytest.warns(UserWarning, match=r"Clip-00000.mp4: does not exist; there is clip_00000.mp4: if that is it"):
        build(drawn, labels=str(table), root=str(drawn)).setup("fit")


def test_a_video_that_the_table_names_itself_is_not_told_for_another(drawn: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text((drawn / "labels.csv").read_text().replace("clip_00000.mp4", "clip_00099.mp4"))
    with pytest.warns(
        UserWarning, match=r"clip_00099.mp4: does not exist(; there is clip_00000.mp4: if that is it[^\n]*)?\n"
    ):
        build(drawn, labels=str(table), root=str(drawn)).setup("fit")


def test_an_empty_split_is_refused_by_name(drawn: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    lines = [line for line in (drawn / "labels.csv").read_text().splitlines() if not line.endswith(",val")]
    table.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"labels.csv: no clip .* in the split 'val'"):
        build(drawn, labels=str(table), root=str(drawn)).setup("fit")


def test_prediction_takes_every_video_of_a_folder_in_order(drawn: Path, tmp_path: Path) -> None:
    data = build(drawn, labels=None, root=str(drawn / "videos"))
    data.setup("predict")
    assert [clip.video for clip in data.tables["predict"].clips][:2] == ["clip_00000.mp4", "clip_00001.mp4"]
    (tmp_path / "no video.txt").write_text("nothing")
    with pytest.raises(ValueError, match="no videos below"):
        build(drawn, labels=None, root=str(tmp_path)).setup("predict")


class StillFlow(FlowMethod):
    """Says that nothing moves, by ``right`` pixels."""

    def __init__(self, right: float = 0.0) -> None:
        super().__init__()
        self.right = right

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        flow = torch.zeros(len(pairs), 2, *pairs.shape[-2:])
        flow[:, 0] = self.right
        return flow


def test_another_flow_method_joins_by_its_name(drawn: Path) -> None:
    path = f"{__name__}.StillFlow"
    data = build(drawn, flow_preset="default", flow={"class_path": path, "init_args": {"right": 5.0}}, flow_image="uvm")
    data.setup("test")
    images = data.preprocess.denormalise(data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)["images"])
    assert images[:, :, 1, 0].min() == pytest.approx(0.75, abs=1e-4)  # 5 of 10 pixels to the right
    for wrong, words in (
        ({"class_path": f"{__name__}.OtherFlow"}, "there is no"),
        ({"class_path": "pathlib.Path"}, "no subclass of amclip.flow.method.FlowMethod"),
        ({"class_path": path, "init_args": {"left": 1}}, "does not take"),
        ({"init_args": {}}, "expected {class_path"),
    ):
        with pytest.raises(ValueError, match=words):
            build(drawn, flow_preset="default", flow=wrong)
    with pytest.raises(ValueError, match="give them or method, not both"):
        build(drawn, flow={"class_path": path}, flow_preset="fast")


def test_a_method_is_prepared_before_processes_share_the_work(drawn: Path, tmp_path: Path) -> None:
    raft = {"class_path": "amclip.flow.RAFT", "init_args": {"size": "small", "weights": str(tmp_path / "none.pth")}}
    with pytest.raises(FileNotFoundError, match=r"no file .*none.pth"):
        build(drawn, flow_preset="default", flow=raft).prepare_data()
    build(drawn, flow_preset="default", flow=raft, modality="frames").prepare_data()  # needs no flow


def test_windows_that_overlap_take_fewer_frames(drawn: Path) -> None:
    data = build(drawn, scheme="dense", num_segments=3, positions_per_segment=4, segment_overlap=0.5)
    data.setup("test")
    sample = data.datasets["test"][0]
    assert data.input.num_positions == len(sample["frames"]) == 8
    assert sample["segments"].tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]


def test_flow_options_change_the_preset_and_are_checked(drawn: Path) -> None:
    data = build(drawn, flow_options={"warps": 3, "theta": 0.2})
    assert data.preprocess.flow.settings.warps == 3
    assert data.preprocess.flow.settings.theta == 0.2
    with pytest.raises(ValueError, match="has no wraps"):
        build(drawn, flow_options={"wraps": 3})


def test_the_flow_gap_is_kept_in_seconds_whatever_it_was_given_as(drawn: Path) -> None:
    assert NetworkInput().flow.gap == 1 / 25
    for given in ("1/15", 1 / 15):
        data = build(drawn, flow_gap=given)
        assert data.hparams["input"]["flow"]["gap"] == data.input.flow.gap_seconds == 1 / 15
    with pytest.raises(ValueError, match=r"flow.gap: expected seconds.*1 frame at 25 frames/s: 1/25"):
        build(drawn, flow_gap=1)


def test_frame_rates_that_differ_and_videos_too_slow_are_told_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, step in (("a", 40), ("b", 40), ("c", 100)):
        draw_video(tmp_path / f"{name}.mp4", 12, milliseconds=range(0, 12 * step, step))
    (tmp_path / "labels.csv").write_text("filepath,label,split\na.mp4,x,train\nb.mp4,x,val\nc.mp4,x,train\n")
    words = (
        r"too slow for the flow gap of 0.04 s: 1 of 3 videos. c.mp4 has 10 frames/s: the next frame comes after 0.1 s"
    )
    with caplog.at_level("INFO", "lightning.pytorch"), pytest.warns(UserWarning, match=words):
        build(tmp_path, flow_gap="1/25").setup("fit")
    assert "frame rates: 10 (1 video), 25 (2 videos); the flow gap of 0.04 s is 1, 1 frames" in caplog.text
    caplog.clear()
    with warnings.catch_warnings(), caplog.at_level("INFO", "lightning.pytorch"):
        warnings.filterwarnings("error", message="too slow")
        build(tmp_path, flow_gap="1/25", modality="frames").setup("fit")
    assert "frame rates" not in caplog.text


@pytest.mark.parametrize("setting", ["batch_size", "flow_gap", "flow_bound", "probe_timeout"])
def test_settings_out_of_range_are_refused(drawn: Path, setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting.replace('flow_', 'flow.')}: expected"):
        build(drawn, **{setting: 0})


def long_tail(tmp_path: Path) -> Path:
    table = tmp_path / "labels.csv"
    rows = [f"a{n}.mp4,often,train" for n in range(90)] + [f"b{n}.mp4,rare,train" for n in range(3)]
    rows += [f"c{n}.mp4,often;rare,train" for n in range(2)] + [f"d{n}.mp4,,train" for n in range(5)]
    table.write_text("\n".join(["filepath,label,split", *rows, "e.mp4,rare,val"]) + "\n")
    return table


def test_class_aware_sampling_evens_out_the_classes_and_shares_an_epoch_among_processes(tmp_path: Path) -> None:
    table = read_labels(long_tail(tmp_path)).split("train")
    dataset = ClipDataset(table, tmp_path, {}, NetworkInput(), training=True)

    def epoch(replicas: int, rank: int, number: int = 0, seed: int = 0) -> list[int]:
        sampler = ClassAwareSampler(dataset, num_replicas=replicas, rank=rank, seed=seed)
        sampler.set_epoch(number)
        rows = list(sampler)
        assert all(epoch == number for _, epoch, _ in rows)
        assert len(rows) == len(sampler)
        return [row for row, _, _ in rows]

    whole = epoch(1, 0)
    assert len(whole) == 100
    targets = table.targets()
    often, rare = (list(table.classes).index(name) for name in ("often", "rare"))
    nothing = sum(not targets[row].any() for row in whole)
    assert 33 <= nothing <= 34  # clips without any class are one of three groups
    assert targets[whole, rare].sum() >= 33
    assert targets[whole, often].sum() >= 33
    assert {row for row in whole if targets[row, rare]} == set(targets[:, rare].nonzero()[0])  # none is left out
    assert sorted([*epoch(2, 0), *epoch(2, 1)]) == sorted(whole)
    assert epoch(1, 0) == whole
    assert epoch(1, 0, number=1) != whole
    assert epoch(1, 0, seed=1) != whole
    three = [epoch(3, rank) for rank in range(3)]  # 100 clips do not divide by 3
    assert [len(part) for part in three] == [34, 34, 34]


@pytest.mark.parametrize("kind", [ClassAwareSampler, EpochSampler])
@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_a_clip_that_comes_again_in_an_epoch_is_a_draw_of_its_own(tmp_path: Path, kind: Any, replicas: int) -> None:
    table = read_labels(long_tail(tmp_path)).split("train")
    dataset = ClipDataset(table, tmp_path, {}, NetworkInput(), training=True)
    samplers = [kind(dataset, num_replicas=replicas, rank=rank, seed=5) for rank in range(replicas)]
    parts = [list(sampler) for sampler in samplers]
    items = [item for part in parts for item in part]
    assert len(set(items)) == len(items)
    drawn = Counter(row for row, _, _ in items)
    # Numbered from 0 on without a gap, over all processes together, in the order of the epoch (one clip a batch).
    order = [part[place] for place in range(len(parts[0])) for part in parts]
    for row, times in drawn.items():
        assert [draw for other, _, draw in order if other == row] == list(range(times))
    if kind is ClassAwareSampler:
        assert max(drawn.values()) >= 3
    else:
        assert set(drawn) == set(range(len(table)))


def test_frames_in_two_splits_and_contradicting_clips_are_warned_of(drawn: Path, tmp_path: Path) -> None:
    rows = (drawn / "labels.csv").read_text().splitlines()
    names = {split: next(row.split(",")[0] for row in rows if row.endswith(split)) for split in ("train", "val")}
    table = tmp_path / "labels.csv"
    lines = [f"{names['train']},0,1,a,train", f"{names['train']},0.2,0.6,b,val", f"{names['val']},0,0.5,b,val"]
    table.write_text("\n".join(["filepath,start,stop,label,split", *lines]))
    leak = f"1 video: the same frames are in two splits, .* {names['train']}: 0 to 1 s is in train, 0.2 to 0.6 s in val"
    denied = "1 video: clips overlap .* each denies what the other shows.* 0 to 1 s shows 'a', and 0.2 to 0.6 s 'b'"
    with pytest.warns(UserWarning, match=leak), pytest.warns(UserWarning, match=denied):
        build(drawn, labels=str(table), root=str(drawn)).setup("fit")


@pytest.mark.parametrize("kind", [ClassAwareSampler, EpochSampler])
def test_no_epoch_of_a_seed_is_an_epoch_of_the_next_seed(tmp_path: Path, kind: Any) -> None:
    table = read_labels(long_tail(tmp_path)).split("train")
    dataset = ClipDataset(table, tmp_path, {}, NetworkInput(), training=True)
    orders = []
    for seed in range(3):
        for epoch in range(3):
            sampler = kind(dataset, seed=seed)
            sampler.set_epoch(epoch)
            orders.append(tuple(sampler.order().tolist()))
    assert len(set(orders)) == len(orders)


def test_what_is_drawn_for_one_purpose_is_not_drawn_for_another() -> None:
    drawn = [seed_of("moments", 0), seed_of("moments", 0, 0), seed_of("moments", 0, 0, 0)]
    drawn += [seed_of(purpose, 1, 2, 3, 0) for purpose in get_args(Purpose)]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= one < 2**63 for one in drawn)


def test_only_the_first_loader_after_a_stop_begins_within_an_epoch(drawn: Path) -> None:
    data = build(drawn, batch_size=4, num_workers=0)
    data.setup("fit")
    data.load_state_dict({"epoch": 1, "batches": 2, "clips_at_once": 4})
    first, second = (list(data.train_dataloader().sampler) for _ in range(2))
    assert len(second) - len(first) == 8
    assert all(epoch == 1 for _, epoch, _ in first)


@pytest.mark.parametrize("kind", [ClassAwareSampler, EpochSampler])
@pytest.mark.parametrize("clips", [100, 96, 94])
def test_a_step_has_the_same_clips_on_any_number_of_processes(tmp_path: Path, kind: Any, clips: int) -> None:
    table = read_labels(long_tail(tmp_path)).split("train")
    dataset = ClipDataset(replace(table, clips=table.clips[:clips]), tmp_path, {}, NetworkInput(), training=True)

    def steps(replicas: int, skipped: int = 0) -> list[list[Any]]:
        """What all processes draw for each step, pairs in the order in which they are mixed."""
        size = 8 // replicas
        parts = []
        for rank in range(replicas):
            sampler = kind(dataset, size, replicas, rank, seed=5)
            sampler.go_on(Place(3, skipped, 8))
            parts.append(list(sampler))
            sampler.set_epoch(3)
            assert len(list(sampler)) == len(sampler)  # only the first epoch after a stop is shorter
        starts = range(0, len(parts[0]), size)
        return [[item for part in parts for item in part[start : start + size]] for start in starts]

    whole = steps(1)
    full = clips // 8 if clips % 4 else len(whole)  # 94 clips are evened out to 96 where four processes share them
    assert steps(2) == whole
    assert steps(4)[:full] == whole[:full]
    assert steps(1, skipped=5) == whole[5:]
    assert steps(4, skipped=5) == steps(4)[5:]
    assert steps(2, skipped=len(whole)) == []


def test_clips_drawn_again_show_other_moments_whatever_the_number_of_workers(drawn: Path) -> None:
    def batches(workers: int) -> list[Any]:
        data = build(drawn, sampler="class-aware", batch_size=1, num_workers=workers, modality="frames", seed=2)
        data.setup("fit")
        loader = data.train_dataloader()
        loader.sampler.set_epoch(1)  # type: ignore[attr-defined]
        return list(loader)

    alone = batches(0)
    shown = [(int(batch["clip"]), batch["frames"].numpy().tobytes()) for batch in alone]
    times = Counter(clip for clip, _ in shown)
    again = [clip for clip, number in times.items() if number > 1]
    assert again
    for clip in again:
        assert len({frames for other, frames in shown if other == clip}) > 1
    for other in (batches(1), batches(3)):
        for one, two in zip(alone, other, strict=True):
            assert torch.equal(one["frames"], two["frames"])
            assert one["draw"].tolist() == two["draw"].tolist()


def test_a_clip_drawn_again_is_augmented_otherwise(drawn: Path) -> None:
    data = build(drawn, seed=4)
    data.trainer = SimpleNamespace(training=True, current_epoch=0)  # type: ignore[assignment]
    seeds = []
    for draw in (0, 1, 24, 0):
        data.on_before_batch_transfer({"clip": torch.tensor([3]), "draw": torch.tensor([draw])}, 0)
        seeds.append(torch.initial_seed())
    assert len(set(seeds)) == 3
    assert seeds[0] == seeds[3]


def test_counts_are_those_of_the_training_clips(drawn: Path) -> None:
    data = build(drawn)
    for stage in ("fit", "test"):
        data.setup(stage)
        assert data.statistics is not None
        assert data.statistics.num_clips == len(data.read_table().split("train"))
        assert list(data.statistics.counts or ()) == data.read_table().split("train").targets().sum(axis=0).tolist()


def test_a_data_set_is_read_from_a_file_per_split_with_names_and_segments(tmp_path: Path) -> None:
    root = animal_kingdom(tmp_path)
    data = make_data(
        labels={name: str(root / "annotation" / file) for name, file in (("train", "train.csv"), ("test", "val.csv"))},
        root=str(root / "dataset" / "image"),
        classes=str(root / "AR_metadata.xlsx"),
        class_groups=str(root / "annotation" / "df_action.xlsx"),
        val_fraction=0.34,
        sampler="class-aware",
        **SMALL,
    )
    assert data.classes == list(ACTIONS)
    assert data.labels.class_groups == ["tail", "middle", "head", "tail"]
    kept = data.hparams["source"]["init_args"]
    assert kept["classes"] == list(ACTIONS)  # a checkpoint must not need the files
    assert kept["class_groups"] == data.labels.class_groups
    data.setup("fit")
    assert sorted(clip.video for name in ("train", "val") for clip in data.tables[name].clips) == [
        video for video, split, _ in CLIPS if split == "train"
    ]
    assert set(next(iter(data.train_dataloader()))["error"]) == {""}
    data.setup("test")
    assert len(data.tables["test"]) == 2
    with pytest.raises(ValueError, match="class_groups: expected head, middle, tail for each"):
        make_data(classes=["a", "b"], class_groups=["head"])


def test_bouts_are_cut_into_windows_on_the_way_in(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(BORIS_AGGREGATED)
    data = build(tmp_path, labels=str(tmp_path / "events.csv"), root=str(videos), window=0.6, window_hop=0.3)
    data.setup("predict")
    clips = data.tables["predict"].clips
    assert [(clip.start, clip.stop) for clip in clips][:2] == [(0.0, 0.6), (0.3, 0.9)]
    assert len(clips) == 7
    with pytest.raises(ValueError, match="window_hop: says how far windows lie apart"):
        build(tmp_path, labels=str(tmp_path / "events.csv"), window_hop=0.3)
    with pytest.raises(ValueError, match="window hop: expected seconds above 0, got 0"):
        build(tmp_path, labels=str(tmp_path / "events.csv"), window=0.6, window_hop=0)


def test_behaviours_too_short_for_windows_are_told_when_training_begins(videos: Path, tmp_path: Path) -> None:
    short = BORIS_AGGREGATED.replace("calling,,,POINT,0.4,0.4,NA", "calling,,,STATE,1.05,1.1,0.05")
    (tmp_path / "events.csv").write_text(short)
    data = build(tmp_path, labels=str(tmp_path / "events.csv"), root=str(videos), window=0.2, split_by="time")
    with pytest.warns(UserWarning, match="'calling': noted, and in no clip, as no bout fills enough of a window"):
        data.setup("fit")
    assert data.classes == ["resting", "walking"]


@pytest.mark.parametrize("stage", ["fit", "validate", "test"])
def test_classes_that_are_not_known_are_refused_where_labels_are_needed(drawn: Path, stage: str) -> None:
    data = build(drawn, classes=["walking", "running"])
    with pytest.raises(LabelError, match=r"labels.csv, line \d+, column 'label': unknown class"):
        data.setup(stage)
    with pytest.raises(LabelError, match="does not exist"):
        build(drawn, labels=str(drawn / "none.csv"))


def test_several_tables_are_joined(drawn: Path, tmp_path: Path) -> None:
    lines = (drawn / "labels.csv").read_text().splitlines()
    paths = [tmp_path / "first.csv", tmp_path / "second.csv"]
    for path, mine in zip(paths, (lines[1:20], lines[20:]), strict=True):
        path.write_text("\n".join([lines[0], *mine]) + "\n")
    data = build(drawn, labels=[str(path) for path in paths], root=str(drawn))
    whole = build(drawn)
    assert data.classes == whole.classes
    mine, theirs = data.read_table().clips, whole.read_table().clips
    assert [(c.key, c.labels, c.split) for c in mine] == [(c.key, c.labels, c.split) for c in theirs]
    data.setup("fit")
    assert next(iter(data.val_dataloader()))["error"][0] == ""
    assert build(drawn, labels=[str(path) for path in paths]).root_folder == tmp_path  # of the first table


def test_one_long_recording_is_divided_by_time(tmp_path: Path) -> None:
    draw_video(tmp_path / "a.mp4", 250)
    rows = ["video,behaviour,start,stop", *(f"a.mp4,{'walking' if n % 2 else ''},{n},{n + 1}" for n in range(10))]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    settings = {"labels": str(tmp_path / "labels.csv"), "modality": "frames"}
    with pytest.raises(ValueError, match=r"1 video cannot be divided so that 'val' .*--data.splits.by time"):
        build(tmp_path, **settings).setup("fit")
    data = build(tmp_path, **settings, split_by="time")
    data.setup("fit")
    assert [len(data.tables[name]) for name in ("train", "val")] == [7, 2]
    assert set(next(iter(data.val_dataloader()))["error"]) == {""}
    data.setup("test")
    assert [clip.start for clip in data.tables["test"].clips] == [9.0]
    (tmp_path / "labels.csv").write_text("\n".join(rows[:3]) + "\n")
    with pytest.raises(ValueError, match=r"2 clips of 1 video cannot be divided by time so that 'test'"):
        build(tmp_path, **settings, split_by="time").setup("test")
    (tmp_path / "labels.csv").write_text("filepath,label\na.mp4,walking\n")
    with pytest.raises(LabelError, match=r"labels.csv, line 2: a.mp4 without start and stop is a whole video"):
        build(tmp_path, **settings, split_by="time").setup("fit")
    with pytest.raises(ValueError, match=r"splits\.by: expected video or time, got 'day'"):
        build(tmp_path, **settings, split_by="day")
