"""Reading a folder of annotations, and writing the page: what is refused and how that is said."""

import base64
import hashlib
import json
import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from pages import write_run, write_video

from amclip.cli import main
from amclip.commands.report import report
from amclip.ethogram.annotation_file import Scoring, read_run
from amclip.ethogram.bouts import BoutSettings, timeline
from amclip.ethogram.extent import Extent
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.scores import WindowScores
from amclip.report.flow_video import draw_flow
from amclip.report.html import Page, write_page
from amclip.report.media import Media, why_unplayable
from amclip.report.windows import read_windows


def test_what_annotating_writes_is_read_back_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first = np.arange(0, 90, 10)
    scores = [
        WindowScores(
            video=name,
            classes=("start", "b"),  # named like a column of the table
            start_frame=first,
            stop_frame=first + 20,
            start=first / 29.97,
            stop=(first + 20) / 29.97,
            probabilities=rng.random((9, 2)).astype(np.float32),
            extent=Extent(29.97, 110, 110 / 29.97, offset=0.04),
        )
        for name in ("x/a.mp4", "b.mp4")
    ]
    settings = {"start": BoutSettings(0.6, 0.3), "b": BoutSettings(0.4, smoothing=0.2)}
    write_outputs(tmp_path, scores, settings, Scoring("x.ckpt", 0.67, 0.33))
    run = read_run(tmp_path)
    assert run.classes == ("start", "b")
    assert run.settings["start"].lower == 0.3
    for read, written in zip(read_windows(run), scores, strict=True):
        for name in ("start", "stop", "start_frame", "stop_frame", "probabilities"):
            np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
        assert (read.video, read.extent) == (written.video, written.extent)
    report(str(tmp_path))
    assert (tmp_path / "report.html").exists()


def test_the_page_allows_its_own_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    report(str(run))
    text = (run / "report.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    for element in ("script", "style"):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy[1]
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_the_same_scores_make_the_same_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    report(str(run))
    first = (run / "report.html").read_bytes()
    report(str(run))
    assert (run / "report.html").read_bytes() == first
    report(str(write_run(tmp_path / "run", seed=1)))

    def name(page: bytes) -> str:
        return str(json.loads(page.decode().partition('id="run">')[2].partition("</script>")[0])["videos"][0]["scores"])

    assert name((run / "report.html").read_bytes()) != name(first)  # other scores, other corrections


def test_a_folder_that_is_no_annotation_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["report", str(tmp_path / "nowhere")])
    assert error.value.code == 2
    assert "nowhere/annotation.json: is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: (run / "annotation.json").write_text("{"), "annotation.json: is damaged"),
        (lambda run: (run / "annotation.json").write_text("[]"), "annotation.json: is damaged"),
        (lambda run: (run / "windows.parquet").write_bytes(b"PAR1 not really"), "windows.parquet: is damaged"),
        (lambda run: (run / "windows.parquet").unlink(), "windows.parquet: is not there"),
        (lambda run: _rename(run, "clip.mp4", "other.mp4"), "holds no window of other.mp4"),
        (lambda run: _classes(run, ["walking"]), "has 8 columns, and 1 behaviours need 6"),
        (lambda run: _videos(run, []), "no video was annotated"),
        (lambda run: _settings(run, 1.5), "threshold"),
        (lambda run: _swap(run, '"duration": 6.0', '"duration": -1'), "duration -1.0"),
        (lambda run: _swap(run, '"duration": 6.0', '"duration": NaN'), "duration nan"),
        (lambda run: _swap(run, '"fps": 25.0', '"fps": 0'), "fps 0.0"),
        (lambda run: _swap(run, '"num_frames": 150', '"num_frames": 1e999'), "annotation.json: is damaged"),
        (lambda run: _swap(run, '"window": 0.4', '"window": -0.4'), "window -0.4"),
        (lambda run: _swap(run, '"grooming"', '"walking"'), "classes ["),
    ],
    ids=[
        *("cut", "other", "no parquet", "missing", "another video", "columns", "nothing", "settings", "backwards"),
        *("no number", "no rate", "endless", "window", "one name twice"),
    ],
)
def test_damage_is_named(tmp_path: Path, change: object, said: str) -> None:
    run = write_run(tmp_path / "run")
    change(run)  # type: ignore[operator]
    with pytest.raises((ValueError, OSError), match=re.escape(said)):
        report(str(run))
    assert not (run / "report.html").exists()


def _edit(run: Path, **changes: object) -> None:
    told = json.loads((run / "annotation.json").read_text())
    (run / "annotation.json").write_text(json.dumps(told | changes))


def _swap(run: Path, old: str, new: str) -> None:
    text = (run / "annotation.json").read_text()
    assert old in text
    (run / "annotation.json").write_text(text.replace(old, new))


def _rename(run: Path, old: str, new: str) -> None:
    told = (run / "annotation.json").read_text()
    (run / "annotation.json").write_text(told.replace(old, new))


def _classes(run: Path, classes: list[str]) -> None:
    _edit(run, classes=classes)


def _videos(run: Path, videos: list[object]) -> None:
    _edit(run, videos=videos)


def _settings(run: Path, threshold: float) -> None:
    told = json.loads((run / "annotation.json").read_text())["settings"]
    _edit(run, settings={name: one | {"threshold": threshold} for name, one in told.items()})


def test_a_page_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run"))
    target = tmp_path / "page.html"
    target.write_text("before")
    page = Page("h", "n", "c", run.classes, run.settings, 1.0, [*run.videos, *run.videos], [Media(), Media()])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        write_page(target, page, map(timeline, read_windows(run)))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["page.html"]
    assert target.read_text() == "before"
    with pytest.raises(ValueError, match=r"written as \.html"):
        write_page(tmp_path / "page.pdf", page, [])


def test_which_videos_browsers_play(tmp_path: Path) -> None:
    from drawn import CLIPS

    assert why_unplayable(write_video(tmp_path / "clip.mp4", 5)) == ""
    assert why_unplayable(CLIPS / "courtship_4s.mp4") == ""
    assert why_unplayable(CLIPS / "11060025.AVI") == "is coded as mpeg4"
    assert why_unplayable(tmp_path) == "is a folder of images"
    (tmp_path / "text.mp4").write_text("no video")
    assert "cannot be read" in why_unplayable(tmp_path / "text.mp4")


@pytest.mark.parametrize("output", [None, "my page.html"])
def test_the_command_that_copies_videos_writes_the_same_page(tmp_path: Path, output: str | None) -> None:
    run = write_run(tmp_path / "run 1")
    page = run / "report.html" if output is None else tmp_path / output
    report(str(run), None if output is None else str(page))
    told = json.loads(page.read_text().partition('id="run">')[2].partition("</script>")[0])
    words = shlex.split(told["copy_command"])
    assert words == ["amclip", "report", str(run), *([] if output is None else ["--output", str(page)]), "--transcode"]
    before = page.read_bytes()
    main(words[1:])
    assert page.read_bytes() == before


def test_flow_of_other_settings_is_drawn_anew_and_takes_the_place_of_the_first(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a [1].mp4", 5)
    other = write_video(tmp_path / "a [1] more.mp4", 5)
    run = write_run(tmp_path / "run", videos=[("a [1].mp4", str(video), 0.5, 25.0)])
    more = write_run(tmp_path / "more", videos=[("a [1] more.mp4", str(other), 0.5, 25.0)])
    page = run / "report.html"
    report(str(more), str(run / "more.html"), flow_overlay=True, flow_size=16)
    theirs = list((run / "media").iterdir())

    def shown() -> Path | None:
        told = json.loads(page.read_text().partition('id="run">')[2].partition("</script>")[0])
        address = told["videos"][0]["flow"]
        return None if address is None else page.parent / unquote(address)

    report(str(run))
    assert shown() is None
    report(str(run), flow_overlay=True, flow_size=32)
    first = shown()
    assert first is not None
    drawn = first.stat().st_mtime_ns
    report(str(run), flow_overlay=True, flow_size=32)
    assert first.stat().st_mtime_ns == drawn  # of the same settings: kept as it is
    for settings in ({"flow_size": 24}, {"flow_bound": 2.0}, {"flow_preset": "default"}):
        report(str(run), flow_overlay=True, **settings)
        second = shown()
        assert second is not None
        assert second != first
        assert sorted((run / "media").iterdir()) == sorted([*theirs, second.resolve()])
        first = second
    report(str(run))
    assert shown() == first  # without the option, what was drawn before


def test_pictures_older_than_the_video_are_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from drawn import CLIPS

    video = tmp_path / "old.avi"
    video.write_bytes((CLIPS / "11060025.AVI").read_bytes())
    run = write_run(tmp_path / "run", videos=[("old.avi", str(video), 0.5, 25.0)])
    report(str(run), transcode=True, flow_overlay=True, flow_size=16)
    now = video.stat().st_mtime
    report(str(run))
    assert "browsers do not play" not in capsys.readouterr().out
    os.utime(video, (now + 100, now + 100))  # recorded anew
    report(str(run))
    assert "--transcode makes a copy" in capsys.readouterr().out
    told = json.loads((run / "report.html").read_text().partition('id="run">')[2].partition("</script>")[0])
    assert told["videos"][0]["flow"] is None
    assert not any(one["byFrames"] for one in told["videos"][0]["addresses"])


def test_flow_that_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", 5)
    with pytest.raises(ValueError, match="flow size"):
        draw_flow(video, tmp_path / "flow.mp4", 4, 2.0, "fast", 1 / 25, lambda share: None)
    with pytest.raises(ValueError, match="flow bound"):
        draw_flow(video, tmp_path / "flow.mp4", 48, 0.0, "fast", 1 / 25, lambda share: None)
