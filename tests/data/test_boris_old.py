"""BORIS before 8.9.11: a row names the file that its event is in, and times count from the start of the first file."""

from pathlib import Path

import pytest
from drawn import draw_video, draw_with_sound

from amclip.data.clock import Clock
from amclip.data.formats import read_labels
from amclip.data.label_error import LabelError

HEAD = "Observation id\tMedia file\tTotal length\tFPS\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\n"
ABOVE = "Observation id\tday 1\n\nMedia file(s)\n\nPlayer #1\ta.mp4\nPlayer #1\tb.mp4\n\n"
TABULAR = "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tComment\tStatus\n"
EVENTS = [
    ("walk", "a.mp4", 0.4, 0.8),
    ("rest", "a.mp4", 1.6, 2.4),
    ("walk", "b.mp4", 3.0, 3.6),
    ("rest", "b.mp4", 5, 5.8),
]
RIGHT = {
    "a.mp4": [("walk", 0.4, 0.8), ("rest", 1.6, 2.0)],
    "b.mp4": [("rest", 0.0, 0.4), ("walk", 1.0, 1.6), ("rest", 3.0, 3.8)],
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, and four."""
    folder = tmp_path_factory.mktemp("old")
    draw_video(folder / "a.mp4", 50)
    draw_video(folder / "b.mp4", 100)
    return folder


def aggregated(path: Path, events: list[tuple[str, str, float, float]] = EVENTS, total: str = "6.000") -> Path:
    rows = [f"day 1\t{file}\t{total}\t25.0\t\t{label}\tSTATE\t{start}\t{stop}\n" for label, file, start, stop in events]
    path.write_text(HEAD + "".join(rows))
    return path


def tabular(path: Path, above: str = ABOVE, events: list[tuple[str, str, float, float]] = EVENTS) -> Path:
    def there(time: float) -> str:
        return "a.mp4" if time < 2 else "b.mp4"

    rows = [
        (time, label, kind) for label, _, *times in events for time, kind in zip(times, ("START", "STOP"), strict=True)
    ]
    lines = [f"{time}\t{there(time)}\t6.000\t25.0\t\t{label}\t\t{kind}\n" for time, label, kind in sorted(rows)]
    path.write_text(above + TABULAR + "".join(lines))
    return path


def shown(path: Path, root: Path) -> dict[str, list[tuple[str, float, float]]]:
    found: dict[str, list[tuple[str, float, float]]] = {}
    for clip in read_labels(path, clock=Clock(root)).clips:
        for label in clip.labels or ():
            assert clip.start is not None
            assert clip.stop is not None
            found.setdefault(clip.video, []).append((label, round(clip.start, 6), round(clip.stop, 6)))
    return found


def test_times_are_made_relative_to_each_file(videos: Path, tmp_path: Path) -> None:
    assert shown(aggregated(tmp_path / "e.tsv"), videos) == RIGHT
    assert shown(aggregated(tmp_path / "e.tsv", EVENTS[::-1]), videos) == RIGHT  # BORIS sorts by behaviour
    assert shown(tabular(tmp_path / "day 1.tsv"), videos) == RIGHT
    # The first file has no event, and stands above the header alone.
    late = tabular(tmp_path / "day 1.tsv", events=EVENTS[2:])
    assert shown(late, videos) == {"b.mp4": RIGHT["b.mp4"][1:]}


@pytest.mark.parametrize("form", ["aggregated", "tabular"])
def test_without_the_lengths_of_the_files_rows_are_refused(tmp_path: Path, form: str) -> None:
    path = (aggregated if form == "aggregated" else tabular)(tmp_path / "e.tsv")
    with pytest.raises(LabelError, match=r"line \d+, column 'Media file.*has 2 files \(a.mp4, b.mp4\).*before 8.9.11"):
        read_labels(path, clock=Clock(tmp_path))
    with pytest.raises(LabelError, match=r"how long a.mp4 is, is not known"):
        read_labels(path)


def test_lengths_and_names_that_do_not_add_up_are_refused(videos: Path, tmp_path: Path) -> None:
    clock = Clock(videos)
    with pytest.raises(LabelError, match=r"they last 2.00 \+ 4.00 = 6.00 s, and 9 s is said: files without an event"):
        read_labels(aggregated(tmp_path / "e.tsv", total="9"), clock=clock)
    swapped = [("walk", "b.mp4", 0.4, 0.8), ("rest", "a.mp4", 4.4, 5.0), ("walk", "a.mp4", 3.0, 3.6)]
    with pytest.raises(LabelError, match=r"line 4, column 'Media file': 3 s is not in a.mp4, from 4 to 6 s"):
        read_labels(aggregated(tmp_path / "e.tsv", swapped), clock=clock)
    with pytest.raises(LabelError, match=r"'Total length': says 6 s, and b.mp4 lasts 4.00 s: if the observation has"):
        read_labels(aggregated(tmp_path / "e.tsv", EVENTS[2:]), clock=clock)
    with pytest.raises(LabelError, match=r"line 6: the observation plays several videos at once"):
        read_labels(tabular(tmp_path / "e.tsv", ABOVE.replace("#1\tb.mp4", "#2\tb.mp4")), clock=clock)


def test_a_sound_that_outlasts_the_picture_counts_for_the_file_that_follows(videos: Path, tmp_path: Path) -> None:
    draw_with_sound(tmp_path / "a.mp4", 50, 2.5)
    (tmp_path / "b.mp4").write_bytes((videos / "b.mp4").read_bytes())
    length = Clock(tmp_path).file_length("a.mp4")
    assert length == pytest.approx(2.5, abs=0.1)
    events = [("walk", "a.mp4", 0.4, 0.8), ("rest", "b.mp4", length + 1, length + 2)]
    path = aggregated(tmp_path / "e.tsv", events, str(length + 4))
    assert shown(path, tmp_path) == {"a.mp4": [("walk", 0.4, 0.8)], "b.mp4": [("rest", 1.0, 2.0)]}
