"""What the training saw is written with an annotation, and said wherever that is compared with labels."""

import csv
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from drawn_scores import CLASSES, scores_of

from amclip.cli import main
from amclip.data.used import UsedVideo, UsedVideos
from amclip.ethogram import confusion_figure, outputs
from amclip.ethogram.annotation_file import Scoring, read_run
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.pairing import Pair
from amclip.ethogram.used import VideoUse, describe_uses, run_of, uses_of_pairs, uses_of_run

AT_HAND = dict.fromkeys(CLASSES, BoutSettings(0.5))
SCORES = {f"{name}.mp4": scores_of(f"{name}.mp4", 120, seed=seed) for seed, name in enumerate("abcd")}
SECONDS = SCORES["a.mp4"].extent.duration


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take longer than all else, and have tests of their own."""
    monkeypatch.setattr(outputs._Figure, "draw", lambda *_: None)
    monkeypatch.setattr(confusion_figure, "draw_confusion", lambda *_: None)


def annotated(
    folder: Path, spans: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]] | None, names: str = "abcd"
) -> Path:
    """An annotation of four videos by a network that saw some parts of some."""
    paths = {}
    for size, name in enumerate(SCORES, 10):
        paths[name] = str(folder / "videos" / name)
        Path(paths[name]).parent.mkdir(parents=True, exist_ok=True)
        Path(paths[name]).write_bytes(b"x" * size)

    def of(split: str) -> tuple[UsedVideo, ...]:
        return tuple(
            UsedVideo(name, Path(paths[name]).stat().st_size, SECONDS, tuple(parts[split]))
            for name, parts in (spans or {}).items()
            if split in parts
        )

    used = None if spans is None else UsedVideos({"train": of("train"), "val": of("val")})
    scores = [SCORES[f"{name}.mp4"] for name in names]
    write_outputs(folder / "run", scores, AT_HAND, Scoring("best.ckpt", 0.4, 0.2), paths, used=used)
    return folder / "run"


def labels(folder: Path) -> Path:
    right = dict.fromkeys(CLASSES, BoutSettings(0.3, None, 0.2))
    with (folder / "events.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "behaviour", "start", "stop"])
        for one in map(timeline, SCORES.values()):
            writer.writerows([b.video, b.behaviour, b.start, b.stop] for b in find_bouts(one, right))
    return folder / "events.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


WHOLE = [(0.0, SECONDS)]
SOME = {"a.mp4": {"train": WHOLE}, "b.mp4": {"train": [(0.0, 2.0)], "val": [(3.0, 4.0)]}, "c.mp4": {"val": WHOLE}}


def test_annotation_json_says_what_was_seen_of_each_video(tmp_path: Path) -> None:
    run = annotated(tmp_path, SOME)
    content = json.loads((run / "annotation.json").read_text())
    told = {one["video"]: one["used_in"] for one in content["videos"]}
    assert told["b.mp4"] == {"train": [[0.0, 2.0]], "val": [[3.0, 4.0]]}
    assert told["d.mp4"] == {}
    assert read_run(run).videos[1].used_in == {"train": ((0.0, 2.0),), "val": ((3.0, 4.0),)}
    for damaged in ({"test": []}, {"train": [[2.0, 1.0]]}, {"train": [["x", 1.0]]}, [1]):
        content["videos"][0]["used_in"] = damaged
        (run / "annotation.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r"annotation\.json: is damaged"):
            read_run(run)


def test_of_a_network_that_does_not_tell_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = annotated(tmp_path, None)
    assert "used_in" not in (run / "annotation.json").read_text()
    assert uses_of_run(read_run(run)) is None
    main(["evaluate", str(run), str(labels(tmp_path)), "--output", str(tmp_path / "out")])
    assert "warning" not in capsys.readouterr().out
    assert "videos_trained_on" not in rows(tmp_path / "out" / "agreement.csv")[0]
    assert not list((tmp_path / "out").glob("*_videos.csv"))


def test_the_words_are_of_how_much_was_seen(tmp_path: Path) -> None:
    uses = uses_of_run(read_run(annotated(tmp_path, SOME)))
    assert uses is not None
    trained, validated = describe_uses(uses)
    assert f"was trained on 2 of 4 videos: a.mp4, b.mp4 ({round(100 * 2 / SECONDS)} % of it). It knows" in trained
    assert validated.startswith("1 of 4 videos chose its best epoch and its thresholds (the split val): c.mp4. ")
    assert describe_uses([VideoUse("d.mp4", 4.0)]) == []
    (elsewhere,) = describe_uses([VideoUse("d.mp4", 4.0, elsewhere=True)])
    assert elsewhere.startswith("of 1 of 1 video the network was trained on other parts: d.mp4. ")


def test_only_what_is_compared_counts_and_animals_do_not_count_twice(tmp_path: Path) -> None:
    run = read_run(annotated(tmp_path, SOME))

    def pair(video: str, start: float, stop: float, subject: str = "") -> Pair:
        return Pair(f"labels/{video}", (), (), ((start, stop),), 25.0, subject, (video, subject))

    pairs = [pair("b.mp4", 1.0, 3.5, "hen"), pair("b.mp4", 1.5, 3.5, "cock"), pair("d.mp4", 0.0, 1.0)]
    uses = uses_of_pairs(pairs, run)
    assert uses == [VideoUse("labels/b.mp4", 2.5, 1.0, 0.5), VideoUse("labels/d.mp4", 1.0)]
    between = VideoUse("labels/b.mp4", 1.0, elsewhere=True, validated_elsewhere=True)
    assert uses_of_pairs([pair("b.mp4", 2.0, 3.0)], run) == [between]
    assert uses_of_pairs(pairs, None) is None


def test_evaluate_says_it_first_and_scores_the_others_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, right, out = annotated(tmp_path, SOME), labels(tmp_path), tmp_path / "out"
    main(["evaluate", str(run), str(right), "--output", str(out)])
    said = capsys.readouterr().out
    assert said.startswith("warning: the network was trained on 2 of 4 videos: a.mp4, b.mp4 (")
    assert "(mean of 1 new video)" in said
    columns = ("videos", "videos_trained_on", "videos_validated_on")
    numbers = [tuple(row[name] for name in columns) for row in rows(out / "agreement.csv")]
    assert set(numbers) == {("4", "2", "1")}
    told = {row["video"]: row for row in rows(out / "used_videos.csv")}
    assert list(told) == list(SCORES)
    assert (told["b.mp4"]["seconds_trained_on"], told["b.mp4"]["seconds_validated_on"]) == ("2.000", "1.000")
    new = rows(out / "agreement_new_videos.csv")
    # As of an annotation of the new video alone; and the table of all is what it was without the list.
    main(["evaluate", str(annotated(tmp_path / "d", SOME, "d")), str(right), "--output", str(tmp_path / "alone")])
    assert new == rows(tmp_path / "alone" / "agreement.csv")
    assert not (tmp_path / "alone" / "agreement_new_videos.csv").exists()  # there is nothing else
    assert "warning" not in capsys.readouterr().out
    # The other way round, and by the files for other programs, it is the same network.
    others = (run / "bouts.csv", run / "boris" / "amclip.boris", run / "deepethogram" / "a_predictions.csv")
    for given in ([right, run], *([path, right] for path in others)):
        main(["evaluate", *map(str, given), "--output", str(tmp_path / "again"), "--label_fps", "20"])
        assert "warning: the network was trained on " in capsys.readouterr().out
    # What an earlier comparison left does not stand beside figures of another.
    main(["evaluate", str(right), str(right), "--output", str(out)])
    assert sorted(path.name for path in out.iterdir()) == ["agreement.csv", "confusion.csv", "matches.csv"]


def test_a_part_that_was_not_trained_on_is_told_from_one_that_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = annotated(tmp_path, {name: {"train": [(0.0, 3.0)]} for name in SCORES})
    main(["evaluate", str(run), str(labels(tmp_path)), "--output", str(tmp_path / "out"), "--start", "3"])
    said = capsys.readouterr().out
    assert "warning: of 4 of 4 videos the network was trained on other parts: a.mp4, b.mp4, c.mp4 and 1 more." in said
    assert rows(tmp_path / "out" / "agreement.csv")[0]["videos_trained_on"] == "0"


def test_a_video_is_new_only_if_no_part_of_it_was_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = annotated(tmp_path, {"a.mp4": {"train": WHOLE}, "b.mp4": {"val": [(0.0, 2.0)]}})
    main(["evaluate", str(run), str(labels(tmp_path)), "--output", str(tmp_path / "out"), "--start", "2"])
    said = " ".join(capsys.readouterr().out.split())
    assert "(mean of 2 new videos)" in said  # c and d
    assert (
        "warning: other parts of 1 of 4 videos chose its best epoch and its thresholds (the split val): b.mp4. " in said
    )
    assert rows(tmp_path / "out" / "agreement_new_videos.csv")[0]["videos"] == "2"
    told = {row["video"]: row for row in rows(tmp_path / "out" / "used_videos.csv")}
    assert [told[name]["validated_on_other_parts"] for name in SCORES] == ["0", "1", "0", "0"]


def test_of_videos_that_are_divided_by_time_the_command_for_the_rest_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {"train": [(0.0, 0.6 * SECONDS)], "val": [(0.6 * SECONDS, 0.8 * SECONDS)]}
    run, right = annotated(tmp_path, dict.fromkeys(SCORES, parts)), labels(tmp_path)
    main(["evaluate", str(run), str(right), f"--output={tmp_path / 'all'}", "--fps=20"])
    said = capsys.readouterr().out
    (command,) = [line.strip() for line in said.splitlines() if line.startswith("  amclip evaluate")]
    words = shlex.split(command)[1:]
    (start,) = [float(word.partition("=")[2]) for word in words if word.startswith("--start=")]
    assert start == pytest.approx(0.8 * SECONDS, abs=1e-3)
    assert f"--output={tmp_path / 'all_unused'}" in words
    assert "--fps=20.0" in words
    main(words)
    said = capsys.readouterr().out
    assert "was trained on 4 of" not in said
    assert "trained on other parts" in said
    assert "nothing of these videos was used" not in said
    nearly = {"train": [(0.0, 0.97 * SECONDS)]}
    whole = annotated(tmp_path / "whole", dict.fromkeys(SCORES, nearly))
    main(["evaluate", str(whole), str(right), f"--output={tmp_path / 'whole'}"])
    assert "amclip evaluate" not in capsys.readouterr().out  # windows seldom end with a video


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_overlap_that_is_rounding_does_not_hide_the_part_beside_it(tmp_path: Path, split: str) -> None:
    run = read_run(annotated(tmp_path, {"a.mp4": {split: [(0.0, 2.0005)]}}))
    pair = Pair("a.mp4", (), (), ((2.0, 4.0),), 25.0, "", ("a.mp4", ""))
    (use,) = uses_of_pairs([pair], run) or ()
    assert (use.trained, use.validated, use.new) == (False, False, False)
    assert (use.elsewhere, use.validated_elsewhere) == (split == "train", split == "val")


def test_tune_warns_of_training_videos_and_not_of_validation_videos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, output = annotated(tmp_path, SOME), tmp_path / "bouts.yaml"
    words = ["tune", str(run), str(labels(tmp_path)), f"--output={output}", "--least_bouts=1000"]
    main(words)
    said = capsys.readouterr().out
    assert said.startswith("warning: the network was trained on 2 of 4 videos: a.mp4, b.mp4 (")
    assert "Tune on videos of the validation part" in said
    assert "# WARNING: the network was trained on 2 of 4 videos" in output.read_text()
    assert set(yaml.safe_load(output.read_text())["classes"]) == set(CLASSES)
    annotated(tmp_path, {"a.mp4": {"val": WHOLE}})
    main(words)
    assert "arning" not in capsys.readouterr().out.replace(str(tmp_path), "")
    assert "WARNING" not in output.read_text()


def test_the_report_has_it_beside_the_video(tmp_path: Path) -> None:
    run = annotated(tmp_path, SOME)
    main(["report", str(run)])
    (line,) = (line for line in (run / "report.html").read_text().splitlines() if 'id="run"' in line)
    told = [one["used"] for one in json.loads(line.split(">", 1)[1].removesuffix("</script>"))["videos"]]
    assert told[0].startswith("The network was trained on this video: ")
    assert told[1].startswith(f"The network was trained on {round(100 * 2 / SECONDS)} % of this video: ")
    assert told[2].startswith("The network's best epoch was chosen by this video: ")
    assert told[3] == ""


def test_only_what_the_network_wrote_is_its_annotation(tmp_path: Path) -> None:
    run = annotated(tmp_path, SOME)
    corrected = run / "corrected.csv"
    corrected.write_text((run / "bouts.csv").read_text())
    assert run_of(corrected) is None
    assert run_of(tmp_path / "missing.csv") is None
    for path in (run, run / "bouts.csv", run / "boris" / "amclip.boris", run / "deepethogram"):
        assert run_of(path) is not None
