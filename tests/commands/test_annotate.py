"""`amclip annotate` as a user calls it; the network and the video are drawn in tests/ethogram/conftest.py."""

import csv
import json
import math
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from drawn import draw_video
from untrained import make_checkpoint, write_animals

import amclip
from amclip.calibration import Calibrator
from amclip.cli import main
from amclip.commands.annotate import _precision
from amclip.commands.options import ScoringOptions
from amclip.config_path import config_path
from amclip.data.video import READING_RULES, Video
from amclip.data.video_file import VideoError
from amclip.ethogram import annotator, journal, outputs
from amclip.ethogram.output_folder import OutputFolder
from amclip.ethogram.plan import plan_windows
from amclip.ethogram.stream import stream_windows
from amclip.inference import load_model

HOP = 0.4
CALIBRATOR = Calibrator(temperatures=(2, 1, 1), biases=(0, 0, 0.5), thresholds=(0.5,) * 3, raw_thresholds=(0.0,) * 3)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(
        tmp_path_factory.mktemp("model"), knowledge={"clip_seconds": 1.2, "calibrator": CALIBRATOR.to_dict()}
    )


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos of one name, a short one that varies in rate and begins late, and three that cannot be read."""
    folder = tmp_path_factory.mktemp("recordings")
    for name in ("day1", "day2"):
        (folder / name).mkdir()
    write_animals(folder / "day1" / "a.mp4", seed=5, seconds=5.0)
    write_animals(folder / "day2" / "a.mp4", seed=6, seconds=4.0)
    steps = np.random.default_rng(0).integers(20, 90, 59)
    draw_video(folder / "varies.mkv", 60, milliseconds=[700, *(700 + np.cumsum(steps)).tolist()])
    shutil.copy(folder / "day1" / "a.mp4", folder / "whole.mp4")
    (folder / "cut.mp4").write_bytes((folder / "whole.mp4").read_bytes()[:2000])
    (folder / "whole.mp4").unlink()
    (folder / "text.mp4").write_text("not a video")
    (folder / "empty.avi").touch()
    return folder


def annotate(*videos: Path, checkpoint: Path, output: Path, **more: Any) -> int:
    """Exit status of the command."""
    options = {"hop": HOP, "accelerator": "cpu", "precision": "32", **more}
    words = [f"--{name}={value}" if value is not True else f"--{name}" for name, value in options.items()]
    try:
        main(["annotate", *map(str, videos), f"--checkpoint={checkpoint}", f"--output={output}", *words])
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def texts(folder: Path) -> dict[str, bytes]:
    found = [path for path in sorted(folder.rglob("*")) if path.suffix in (".csv", ".json", ".boris")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if ".journal" not in path.parts}


@pytest.fixture(autouse=True)
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longer than these videos, and have tests of their own."""
    monkeypatch.setattr(outputs._Figure, "draw", lambda *_: None)


@pytest.fixture(scope="module")
def annotated(checkpoint: Path, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("annotated")
    assert annotate(recordings, checkpoint=checkpoint, output=output) == 1
    return output


def test_every_video_that_can_be_read_is_scored_and_the_others_are_named(
    checkpoint: Path, recordings: Path, annotated: Path
) -> None:
    notes = json.loads((annotated / "annotation.json").read_text())
    assert (notes["window"], notes["hop"], notes["flow_gap"]) == (1.2, HOP, 1 / 15)
    assert [video["video"] for video in notes["videos"]] == ["day1/a.mp4", "day2/a.mp4", "varies.mkv"]
    assert [video["path"] for video in notes["videos"]] == [str(recordings / v["video"]) for v in notes["videos"]]
    assert [(error["video"], error["reason"].split()[:3]) for error in notes["errors"]] == [
        ("cut.mp4", ["none", "of", "the"]),
        ("empty.avi", ["is", "empty", "(0"]),
        ("text.mp4", ["is", "not", "a"]),
    ]
    assert notes["videos"][2]["offset"] == pytest.approx(0.7, abs=1e-3)
    model = load_model(checkpoint)
    rows = table(annotated / "windows.csv")
    for name in ("day1/a.mp4", "day2/a.mp4", "varies.mkv"):
        with Video(recordings / name, (36, 36)) as video:
            plan = plan_windows(video.timestamps(), video.duration, 1.2, HOP, 6, model.input.flow.gap_seconds)
            expected = np.concatenate([some.probabilities for some in stream_windows(model, video, plan)])
        own = [row for row in rows if row["video"] == name]
        assert [int(row["start_frame"]) for row in own] == plan.start_frame.tolist()
        assert [int(row["stop_frame"]) for row in own] == plan.stop_frame.tolist()
        np.testing.assert_allclose([float(row["start"]) for row in own], plan.start, atol=1e-6)
        np.testing.assert_allclose([float(row["stop"]) for row in own], plan.stop, atol=1e-6)
        found = np.array([[row[label] for label in model.classes] for row in own], np.float32)
        np.testing.assert_array_equal(found, expected)
    assert {row["video"] for row in table(annotated / "bouts.csv")} <= {row["video"] for row in rows}


def test_in_bfloat16_scores_are_nearly_the_same_and_not_mixed_with_others(
    checkpoint: Path, recordings: Path, annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"checkpoint": checkpoint, "output": tmp_path / "out"}
    assert annotate(recordings / "day2", precision="bf16", **words) == 0
    assert "; precision bf16\n" in capsys.readouterr().out
    exact = [row for row in table(annotated / "windows.csv") if row["video"] == "day2/a.mp4"]
    rounded = table(tmp_path / "out" / "windows.csv")
    scores, others = (np.array([[row["grooming"], row["eating"]] for row in rows], float) for rows in (exact, rounded))
    assert 0 < np.abs(scores - others).max() < 0.1
    assert annotate(recordings / "day2", **words) == 2
    assert "holds an annotation made with precision bf16" in capsys.readouterr().err


def test_videos_too_slow_for_the_flow_gap_are_told_once(recordings: Path, tmp_path: Path) -> None:
    for modality, times in (("flow", 1), ("frames", 0)):
        (tmp_path / modality).mkdir()
        fast = make_checkpoint(tmp_path / modality, {"flow_gap": "1/60", "modality": modality})
        videos = [recordings / "day1" / "a.mp4", recordings / "day2" / "a.mp4"]
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert annotate(*videos, checkpoint=fast, output=tmp_path / modality / "out", window=4, hop=4) == 0
        told = [str(one.message) for one in seen if "too slow" in str(one.message)]
        assert len(told) == times
        assert all("2 of 2 videos. a.mp4 has 15 frames/s" in words for words in told)


def test_scores_made_under_other_rules_are_not_continued(
    checkpoint: Path,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = recordings / "day2" / "a.mp4"
    assert annotate(video, checkpoint=checkpoint, output=tmp_path, window=4) == 0
    monkeypatch.setattr("amclip.data.video.READING_RULES", READING_RULES + 1)
    assert annotate(video, checkpoint=checkpoint, output=tmp_path, window=4) == 2
    assert "other rules of which frame is shown when" in capsys.readouterr().err
    assert annotate(video, checkpoint=checkpoint, output=tmp_path, window=4, restart=True) == 0


def test_a_finished_annotation_is_not_scored_again_but_cut_again(
    checkpoint: Path,
    recordings: Path,
    annotated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "again"
    shutil.copytree(annotated, output)

    def never(*_: Any) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(annotator, "stream_windows", never)
    assert annotate(recordings, checkpoint=checkpoint, output=output) == 1
    assert texts(output) == texts(annotated)
    assert annotate(recordings, checkpoint=checkpoint, output=output, threshold=0.9, smoothing=0.5) == 1
    assert table(output / "windows.csv") == table(annotated / "windows.csv")
    assert table(output / "bouts.csv") != table(annotated / "bouts.csv")
    settings = json.loads((output / "annotation.json").read_text())["settings"]
    assert {(mine["threshold"], mine["smoothing"]) for mine in settings.values()} == {(0.9, 0.5)}
    capsys.readouterr()
    assert annotate(recordings, checkpoint=checkpoint, output=output, threshold=1.0) == 1
    printed = capsys.readouterr().out
    for name in settings:  # none is ever certain: who looks at an empty table is told why
        assert f"{name} (at most 0." in printed
    assert printed.count("no bout of these") == printed.count("A threshold from few validation clips is a guess") == 1
    assert printed.count(", threshold 1.00)") == len(settings)


def test_other_settings_are_refused_until_a_restart(
    checkpoint: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = recordings / "day2" / "a.mp4"
    assert annotate(video, checkpoint=checkpoint, output=tmp_path) == 0
    before = texts(tmp_path)
    assert annotate(video, checkpoint=checkpoint, output=tmp_path, window=2.0) == 2
    assert "made with windows of 1.2 s" in capsys.readouterr().err
    assert texts(tmp_path) == before
    assert annotate(video, checkpoint=checkpoint, output=tmp_path, window=2.0, restart=True) == 0
    assert len(table(tmp_path / "windows.csv")) == 6


def test_a_precision_left_open_is_that_of_the_annotation_that_was_begun(annotated: Path) -> None:
    begun = OutputFolder.begun_with(annotated)
    assert begun["precision"] == "32"
    assert OutputFolder.begun_with(annotated / "nothing") == {}
    left_open, named = ScoringOptions(accelerator="cpu"), ScoringOptions(accelerator="cpu", precision="32")
    assert _precision(left_open, begun)[0] == "32"
    on_a_gpu = {**begun, "precision": "bf16"}
    assert _precision(left_open, on_a_gpu) == ("bf16", " (auto: as this annotation was begun)")
    assert _precision(named, on_a_gpu) == ("32", "")


@pytest.mark.parametrize("how", ["Ctrl-C", "full disk"])
def test_a_run_that_was_stopped_goes_on_where_it_stood(
    how: str,
    checkpoint: Path,
    recordings: Path,
    annotated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scored: list[int] = []

    def stops(after: int) -> Callable[..., Any]:
        def stream(*arguments: Any) -> Any:
            for scores in stream_windows(*arguments):
                if len(scored) == after:
                    raise KeyboardInterrupt if how == "Ctrl-C" else OSError(28, "No space left on device")
                scored.append(len(scores.probabilities))
                yield scores

        return stream

    videos = [recordings / "day1" / "a.mp4", recordings / "day2" / "a.mp4"]
    monkeypatch.setattr(annotator, "stream_windows", stops(13))  # in the second video
    status = annotate(*videos, checkpoint=checkpoint, output=tmp_path)
    assert status == (130 if how == "Ctrl-C" else 2)
    assert ("the same command goes on" if how == "Ctrl-C" else "No space left") in capsys.readouterr().err
    assert not (tmp_path / "windows.csv").exists()
    monkeypatch.setattr(annotator, "stream_windows", stops(10_000))
    assert annotate(*videos, checkpoint=checkpoint, output=tmp_path) == 0
    rows = table(tmp_path / "windows.csv")
    assert sum(scored) == len(rows)  # no window twice
    assert rows == [row for row in table(annotated / "windows.csv") if row["video"] != "varies.mkv"]


def test_damage_on_the_way_keeps_what_lies_before_it_and_says_so(
    checkpoint: Path, recordings: Path, annotated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(model: Any, video: Video, *rest: Any) -> Any:
        for number, scores in enumerate(stream_windows(model, video, *rest)):
            if number == 4 and "day1" in video.path:
                raise VideoError(video.path, "is damaged: frame 40 cannot be decoded")
            yield scores

    monkeypatch.setattr(annotator, "stream_windows", damaged)
    videos = [recordings / "day1" / "a.mp4", recordings / "day2" / "a.mp4"]
    assert annotate(*videos, checkpoint=checkpoint, output=tmp_path) == 1
    notes = json.loads((tmp_path / "annotation.json").read_text())
    assert notes["errors"] == [{"video": "day1/a.mp4", "reason": "is damaged: frame 40 cannot be decoded"}]
    whole = [row for row in table(annotated / "windows.csv") if row["video"] == "day1/a.mp4"]
    rows = table(tmp_path / "windows.csv")
    assert rows[:4] == whole[:4]
    assert rows[4]["video"] == "day2/a.mp4"
    assert notes["videos"][0]["num_frames"] == int(whole[3]["stop_frame"])
    monkeypatch.undo()
    assert annotate(*videos, checkpoint=checkpoint, output=tmp_path) == 0  # the file could be read after all
    assert [row for row in table(tmp_path / "windows.csv") if row["video"] == "day1/a.mp4"] == whole


def test_a_video_that_changes_under_our_hands_is_not_passed_off_as_the_old_one(
    checkpoint: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "growing.mp4"
    shutil.copy(recordings / "day2" / "a.mp4", video)
    assert annotate(video, checkpoint=checkpoint, output=tmp_path / "out") == 0
    short = len(table(tmp_path / "out" / "windows.csv"))
    shutil.copy(recordings / "day1" / "a.mp4", video)
    assert annotate(video, checkpoint=checkpoint, output=tmp_path / "out") == 0
    assert len(table(tmp_path / "out" / "windows.csv")) > short
    sources = annotator.Source("growing.mp4", video)
    os.utime(video, (1, 1))
    fingerprint = json.loads((tmp_path / "out" / ".journal" / "run.json").read_text())
    assert (fingerprint["version"], fingerprint["reading_rules"]) == (amclip.__version__, READING_RULES)
    assert annotator.errors_of([sources], tmp_path / "out" / ".journal", fingerprint) == {
        "growing.mp4": "has changed since it was scored; is it still being written? Run the command again"
    }


def test_two_processes_share_the_videos_and_write_what_one_writes(
    checkpoint: Path, recordings: Path, annotated: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(amclip.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    words = [f"--checkpoint={checkpoint}", f"--output={tmp_path}", f"--hop={HOP}", "--accelerator=cpu", "--devices=2"]
    done = subprocess.run(
        [sys.executable, "-m", "amclip", "annotate", str(recordings), *words],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "3 of 6 videos annotated" in done.stdout
    assert texts(tmp_path) == texts(annotated)


def test_shares_are_disjoint_complete_and_even(tmp_path: Path) -> None:
    sources = []
    for number in range(7):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(bytes(100 * number))
        sources.append(annotator.Source(path.name, path))
    sources.append(annotator.Source("gone.mp4", tmp_path / "gone.mp4"))

    class Rank:
        world_size = 3
        strategy = SimpleNamespace(broadcast=lambda plan: plan)

        def __init__(self, rank: int) -> None:
            self.global_rank = rank

    shares = annotator.VideoShares(sources)
    found = []
    for rank in range(3):
        shares.trainer = Rank(rank)  # type: ignore[assignment]
        found.append(shares.share())
    assert found == [[6, 3, 0], [5, 2, 7], [4, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "--window: expected seconds above 0, got 0"),
        ({"hop": -1}, "--hop: expected seconds above 0, got -1"),
        ({"devices": 0}, "--devices: expected 1 or more, got 0"),
        ({"threshold": 2}, "expected a probability in [0, 1], got 2"),
        ({"settings": "gone.yaml"}, "gone.yaml"),
        ({"window": 0.05}, "too short"),
    ],
    ids=str,
)
def test_wrong_settings_are_named(
    options: dict[str, Any],
    message: str,
    checkpoint: Path,
    recordings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    video = recordings / "day2" / "a.mp4"
    status = annotate(video, checkpoint=checkpoint, output=tmp_path / "out", **options)
    assert status == (1 if options == {"window": 0.05} else 2)  # what is too short depends on the video
    assert message in capsys.readouterr().err


def test_where_no_video_can_be_read_nothing_is_left_behind(
    checkpoint: Path, recordings: Path, annotated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junk = tmp_path / "junk.txt"
    junk.write_text("not a video")
    assert annotate(junk, checkpoint=checkpoint, output=tmp_path / "new" / "out") == 1
    assert "None of 1 video could be annotated; nothing was written to" in capsys.readouterr().err
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").touch()
    assert annotate(junk, recordings / "empty.avi", checkpoint=checkpoint, output=tmp_path / "kept") == 1
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["junk.txt", "kept", "notes.txt"]
    before = texts(annotated)
    assert annotate(junk, checkpoint=checkpoint, output=annotated) == 1
    assert texts(annotated) == before


def test_what_is_not_there_is_named(
    checkpoint: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert annotate(tmp_path / "gone.mp4", checkpoint=checkpoint, output=tmp_path / "out") == 2
    assert "there is no such video" in capsys.readouterr().err
    assert annotate(recordings, checkpoint=tmp_path / "gone.ckpt", output=tmp_path / "out") == 2
    assert "there is no such checkpoint" in capsys.readouterr().err
    assert annotate(recordings, checkpoint=checkpoint, output=checkpoint) == 2
    assert "is a file; name a folder" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_batch_size_of_another_run_is_no_obstacle(
    checkpoint: Path, recordings: Path, annotated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = journal.Journal.add

    def stops(self: journal.Journal, *arguments: Any) -> None:
        if self.rows >= 4:
            raise KeyboardInterrupt
        add(self, *arguments)

    video = recordings / "day2" / "a.mp4"
    monkeypatch.setattr(journal.Journal, "add", stops)
    assert annotate(video, checkpoint=checkpoint, output=tmp_path) == 130
    monkeypatch.undo()
    assert annotate(video, checkpoint=checkpoint, output=tmp_path, batch_size=3) == 0
    rows = table(tmp_path / "windows.csv")
    whole = [row for row in table(annotated / "windows.csv") if row["video"] == "day2/a.mp4"]
    assert [row["start"] for row in rows] == [row["start"] for row in whole]
    for row, expected in zip(rows, whole, strict=True):
        for label in ("grooming", "eating", "still"):
            assert float(row[label]) == pytest.approx(float(expected[label]), abs=1e-5)


def test_zero_shot_scores_windows_as_predict_scores_clips(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((Path(amclip.__file__).parent / "models" / "tiny.json").read_text())
    torch.manual_seed(7)
    clip = open_clip.CLIP(**config)
    with torch.no_grad():
        clip.logit_scale.fill_(math.log(40.0))
    weights = tmp_path / "clip.pt"
    torch.save(clip.state_dict(), weights)
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy(recordings / "day2" / "a.mp4", videos)
    zero_shot = [
        "--classes=walking,eating grass",
        "--backbone=amclip-tiny",
        f"--pretrained={weights}",
        "--precision=32",
    ]
    main(["annotate", str(videos), *zero_shot, f"--output={tmp_path / 'out'}", "--window=10", "--accelerator=cpu"])
    main(
        [
            "predict",
            f"--config={config_path('zero_shot')}",
            "--model.network.backbone=amclip-tiny",
            f"--model.network.pretrained={weights}",
            "--data.source.classes=[walking,eating grass]",
            f"--data.source.root={videos}",
            "--data.num_workers=0",
            "--data.cache_dir=null",
            "--trainer.accelerator=cpu",
            f"--predictions.path={tmp_path / 'predictions.csv'}",
        ]
    )
    (row,), (expected,) = table(tmp_path / "out" / "windows.csv"), table(tmp_path / "predictions.csv")
    for label in ("walking", "eating grass"):
        assert float(row[label]) == pytest.approx(float(expected[label]), abs=2e-6)  # which predict rounds to
    notes = json.loads((tmp_path / "out" / "annotation.json").read_text())
    assert notes["checkpoint"] == f"zero-shot: amclip-tiny {weights}"
    boxes = ["video,frame,subject,x,y,width,height", "a.mp4,0,ada,10,10,20,16", "a.mp4,59,ada,30,12,20,16"]
    (tmp_path / "boxes.csv").write_text("\n".join([*boxes, *(f"a.mp4,{n},bob,40,20,9,9" for n in range(60))]))
    words = [f"--tracks={tmp_path / 'boxes.csv'}", f"--output={tmp_path / 'animals'}", "--window=2", "--hop=2"]
    main(["annotate", str(videos), *zero_shot, *words, "--accelerator=cpu"])
    found = table(tmp_path / "animals" / "windows.csv")
    assert [(one["subject"], one["start"][:1]) for one in found] == [("bob", "0"), ("bob", "2")]
    capsys.readouterr()
    torch.save({}, tmp_path / "nothing.pt")
    torch.save([1], tmp_path / "list.pt")
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:1000])
    narrow = {**config, "text_cfg": {**config["text_cfg"], "width": 2 * config["text_cfg"]["width"]}}
    torch.save(open_clip.CLIP(**narrow).state_dict(), tmp_path / "wide.pt")
    fewer = {**config, "vision_cfg": {**config["vision_cfg"], "layers": 1}}
    torch.save(open_clip.CLIP(**fewer).state_dict(), tmp_path / "fewer.pt")
    torch.save(clip.visual.state_dict(), tmp_path / "visual.pt")
    words = ["annotate", str(videos), f"--output={tmp_path / 'out'}", "--window=10", *zero_shot[1:]]
    for name, message in (
        *((f"{name}.pt", "does not hold the weights of amclip-tiny") for name in ("nothing", "list", "fewer", "wide")),
        ("visual.pt", "visual.pt holds the image tower of amclip-tiny alone"),
        ("cut.pt", "is no file of weights (.safetensors, .pt, .bin), or is damaged"),
        ("gone.pt", "is neither a file nor weights known for amclip-tiny"),
    ):
        with pytest.raises(SystemExit):
            main([*words, "--classes=walking", f"--pretrained={tmp_path / name}"])
        said = capsys.readouterr().err
        assert said.startswith("amclip annotate: --pretrained: ")
        assert message in said
        assert "model." not in said
        assert "head.kind" not in said
    for more, message in (
        (["--classes=walking,running"], "another checkpoint or other classes"),
        (["--classes=walking,"], "different names with commas between"),
        (["--classes=a;b,grooming"], "--classes: class name 'a;b': holds ';', by which label tables separate"),
        (["--classes=walking,gro\noming"], "--classes: class name 'gro\\noming': tables do not keep"),
        ([], "give --checkpoint, or --classes"),
        (["--classes=walking", "--backbone=ViT-Q-1"], "--backbone: 'ViT-Q-1' is no model of open_clip"),
    ):
        with pytest.raises(SystemExit):
            main([*words, *more])
        assert message in capsys.readouterr().err


def test_what_was_annotated_comes_back_whole_from_the_files_for_other_tools(
    checkpoint: Path, recordings: Path, tmp_path: Path
) -> None:
    """Also of a video of variable rate, whose frames no one rate places, and without the videos' folder being named."""
    videos = [recordings / "varies.mkv", recordings / "day1", recordings / "day2"]
    assert annotate(*videos, checkpoint=checkpoint, output=tmp_path / "run", threshold=0.3) == 0
    varies = [row for row in table(tmp_path / "run" / "bouts.csv") if row["video"] == "varies.mkv"]
    assert any(int(row["stop_frame"]) - int(row["start_frame"]) < 60 for row in varies)
    for named in ("deepethogram/varies_predictions.csv", "deepethogram", "boris/amclip.boris"):
        main(["evaluate", str(tmp_path / "run"), str(tmp_path / "run" / named), f"--output={tmp_path / 'out'}"])
        *rows, _ = table(tmp_path / "out" / "agreement.csv")
        bouts = len(varies if "varies" in named else table(tmp_path / "run" / "bouts.csv"))
        assert sum(int(row["labelled_bouts"]) for row in rows) == bouts
        for row in rows:
            assert {row["f1"], row["bout_f1_iou_0.5"]} <= {"1.000000", ""}
            assert float(row["onset_error_median"] or 0) == pytest.approx(0, abs=1e-6)
