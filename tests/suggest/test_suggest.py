"""`amclip suggest` from checkpoint and videos to list and page."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import untrained

from amclip.cli import main
from amclip.data.formats import read_labels
from amclip.data.probe import probe
from amclip.data.video import Video
from amclip.ethogram.plan import plan_windows
from amclip.ethogram.stream import stream_windows
from amclip.inference import load_model
from amclip.suggest.windows import embed_windows


def suggest(checkpoint: Path, output: Path, *words: object) -> list[dict[str, str]]:
    main([str(word) for word in ("suggest", *words, "--checkpoint", checkpoint, "--output", output)])
    with (output / "suggestions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_embedding_is_what_the_window_was_classified_from(trained: Path, drawn: Path) -> None:
    model = load_model(trained)
    path = drawn / "videos" / "clip_00000.mp4"
    info = probe([path], progress=False)[path]
    shares: list[float] = []
    (found,) = embed_windows(model, "clip", path, info, 0.5, 0.25, batch=2, progress=shares.append)  # type: ignore[arg-type]
    windows = len(found.scores.start)
    assert windows > 2
    assert found.embeddings.shape == (windows, 2 * model.network.encoder.width)  # frames, and flow images
    assert shares[-1] >= 1
    # Of the one segment that a window of this network has.
    (classifier,) = model.network.classifiers
    with torch.inference_mode():
        logits = classifier.head(torch.from_numpy(found.embeddings))  # type: ignore[operator,union-attr]
        want = model.calibrate(model.log_odds(logits)).numpy()
    np.testing.assert_allclose(found.scores.probabilities, want, atol=1e-5)


def test_windows_of_segments_that_overlap_are_embedded(drawn: Path, tmp_path: Path) -> None:
    settings = {"positions_per_segment": 4, "segment_overlap": 0.5}
    model = load_model(untrained.make_checkpoint(tmp_path, settings))
    path = drawn / "videos" / "clip_00000.mp4"
    info = probe([path], progress=False)[path]
    (found,) = embed_windows(model, "clip", path, info, 0.8, 0.2, batch=1, progress=lambda share: None)  # type: ignore[arg-type]
    with Video(path, (36, 36)) as video:
        seen = model.input
        times = video.timestamps()
        plan = plan_windows(times, video.duration, 0.8, 0.2, seen.num_positions, seen.flow.gap_seconds)
        want = np.concatenate([some.probabilities for some in stream_windows(model, video, plan)])
    np.testing.assert_allclose(found.scores.probabilities, want, atol=1e-5)
    assert found.embeddings.shape == (len(plan), 2 * model.network.encoder.width)


def test_list_and_page_of_some_videos(trained: Path, drawn: Path, tmp_path: Path) -> None:
    rows = suggest(trained, tmp_path / "out", drawn / "videos", "--count", 6, "--window", 0.7)
    assert len(rows) == 6
    assert len({(row["filepath"], row["start"]) for row in rows}) == 6
    for row in rows:
        assert (drawn / "videos" / row["filepath"]).exists()
        assert float(row["stop"]) - float(row["start"]) == pytest.approx(0.7, abs=0.1)
        assert 0 <= float(row["uncertainty"]) <= 40
        assert row["prediction"].count(";") == 2
    page = (tmp_path / "out" / "suggest.html").read_text()
    data = json.loads(page.partition('id="run">')[2].partition("</script>")[0])
    listed = [(row["filepath"], float(row["start"])) for row in rows]
    asked = [(data["videos"][one["video"]]["video"], one["start"]) for one in data["suggestions"]]
    assert asked == [(name, pytest.approx(start, abs=1e-6)) for name, start in listed]
    assert len(data["videos"]) == len({name for name, _ in listed})  # no others


def test_videos_too_slow_for_the_flow_gap_are_told_once(drawn: Path, tmp_path: Path) -> None:
    fast = untrained.make_checkpoint(tmp_path, {"flow_gap": "1/60"})
    videos = [drawn / "videos" / f"clip_0000{number}.mp4" for number in range(2)]
    with pytest.warns(UserWarning, match=r"gap of 0.01667 s: 2 of 2 videos. clip_0000\d.mp4 has 15 frames/s") as seen:
        suggest(fast, tmp_path / "out", *videos, "--count", 1, "--window", 0.7)
    assert sum("too slow" in str(one.message) for one in seen) == 1


def test_what_is_labelled_already_is_not_suggested(trained: Path, drawn: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    names = [f"videos/clip_{index:05d}.mp4" for index in range(40)]
    whole = [f"{name},,,walking" for name in names[2:]]
    labels.write_text("\n".join(["filepath,start,stop,label", f"{names[0]},0.0,0.7,walking", *whole]) + "\n")
    assert len(read_labels(labels)) == 39
    words = ("--labelled", labels, "--root", drawn, "--window", 0.7, "--count", 100)
    rows = suggest(trained, tmp_path / "out", drawn / "videos", *words)
    assert sorted((row["filepath"], float(row["start"])) for row in rows) == [
        ("clip_00000.mp4", pytest.approx(0.7, abs=0.05)),
        ("clip_00001.mp4", 0.0),
        ("clip_00001.mp4", pytest.approx(0.7, abs=0.05)),
    ]
    labels.write_text("\n".join(["filepath,label", *(f"{name},walking" for name in names)]) + "\n")
    with pytest.raises(SystemExit) as error:
        suggest(trained, tmp_path / "none", drawn / "videos", *words)
    assert error.value.code == 2


def test_several_tables_say_what_is_labelled(
    trained: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"videos/clip_{index:05d}.mp4" for index in range(40)]
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("\n".join(["filepath,label,split", *(f"{name},walking,train" for name in names[1:20])]) + "\n")
    # What they say of one clip may differ, and one may show nothing: the clip was looked at.
    second.write_text("\n".join(["filepath,label", *(f"{name}," for name in names[19:])]) + "\n")
    words = ("--labelled", f"[{first},{second}]", "--root", drawn, "--window", 0.7, "--count", 100)
    rows = suggest(trained, tmp_path / "out", drawn / "videos", *words)
    assert {row["filepath"] for row in rows} == {"clip_00000.mp4"}
    assert "40 of 40 labelled clips lie in these videos" in capsys.readouterr().out
    suggest(trained, tmp_path / "out", drawn / names[0], *words)
    said = capsys.readouterr().err
    assert "warning: none of the 40 labelled clips lies in these videos" in said
    assert f"is looked for at {drawn / names[1]}" in said
    assert f"--root (now {drawn})" in said


def test_labels_per_frame_have_the_times_of_the_videos_frames(
    trained: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "clip_00000_labels.csv"  # names its video without the suffix
    rows = [f"{n},0,1\n" if n < 10 else f"{n},-1,-1\n" for n in range(21)]  # nobody observed more
    labels.write_text(",background,walking\n" + "".join(rows))
    video = drawn / "videos" / "clip_00000.mp4"
    words = ("--labelled", labels, "--window", 0.4, "--count", 100)
    with pytest.raises(SystemExit):
        suggest(trained, tmp_path / "out", video, *words)
    assert "amclip suggest, evaluate and convert: --root" in capsys.readouterr().err
    suggested = suggest(trained, tmp_path / "out", video, *words, "--root", drawn / "videos")
    assert min(float(row["start"]) for row in suggested) >= 10 / 21 * 1.4 - 0.05
    labels.write_text(",background,walking\n" + "".join(rows[:10]))
    with pytest.raises(SystemExit):
        suggest(trained, tmp_path / "out", video, *words, "--root", drawn / "videos")
    assert "has 10 frames of clip_00000, and" in capsys.readouterr().err


def test_a_broken_video_does_not_stop_the_others(
    trained: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "good.mp4").write_bytes((drawn / "videos" / "clip_00000.mp4").read_bytes())
    (folder / "bad.mp4").write_bytes(b"no video at all")
    with pytest.raises(SystemExit) as error:
        suggest(trained, tmp_path / "out", folder)
    assert error.value.code == 1
    assert "bad.mp4: is not a video" in capsys.readouterr().out
    assert (tmp_path / "out" / "suggest.html").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--count", 0), "--count"),
        (("--window", -1), "--window"),
        (("--seed", -1), "--seed: expected a number from 0"),
        (("--seed", 2**32), "--seed"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(
    trained: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple, said: str
) -> None:
    with pytest.raises(SystemExit):
        suggest(trained, tmp_path / "out", drawn / "videos", *words)
    assert said in capsys.readouterr().err
