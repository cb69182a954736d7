"""Several observations of one video: joined where they do not speak of the same, and else chosen by the user."""

import gzip
import json
from pathlib import Path

import pytest
from test_boris_project import observation, project, write

from amclip.cli import main
from amclip.data.clock import Clock
from amclip.data.formats import Observations, Reading, boris_project, files, read_labels, read_noted
from amclip.data.label_error import LabelError
from amclip.data.sources import read_given
from amclip.suggest.pool import labelled_intervals

A = [
    [1.0, "", "walking", "", ""],
    [3.0, "", "walking", "", ""],
    [6.0, "", "eating", "", ""],
    [8.0, "", "eating", "", ""],
]
B = [
    [2.0, "", "walking", "", ""],
    [5.0, "", "walking", "", ""],
    [6.5, "", "eating", "", ""],
    [7.0, "", "eating", "", ""],
]
TWO = {"hen 1, coder A": observation(A), "hen 1, coder B": observation(B)}


def shown(path: Path, chosen: str | list[str] | None = None) -> list[tuple[float | None, float | None]]:
    table = read_labels(path, observations=None if chosen is None else Observations(chosen))
    return [(clip.start, clip.stop) for clip in table.clips if "walking" in (clip.labels or ())]


def as_table(path: Path, form: str) -> Path:
    """The two observations as BORIS exports them."""
    head = "Observation id,Source,Media duration (s),FPS,Subject,Behavior,Behavior type"
    rows = []
    for name, events in (("hen 1, coder A", A), ("hen 1, coder B", B)):
        common = f'"{name}",player #1:a.mp4,10.0,25.0,,'
        for (start, _, label, *_), (stop, *_) in zip(events[::2], events[1::2], strict=True):
            if form == "aggregated":
                rows.append(f"{common}{label},STATE,{start},{stop}")
            else:
                rows += [f"{common}{label},START,{start}", f"{common}{label},STOP,{stop}"]
    path.write_text("\n".join([head + (",Start (s),Stop (s)" if form == "aggregated" else ",Time"), *rows]) + "\n")
    return path


@pytest.mark.parametrize("form", ["project", "aggregated", "tabular"])
def test_two_coders_of_one_video_are_chosen_between(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "p.boris", project(**TWO)) if form == "project" else as_table(tmp_path / "p.csv", form)
    with pytest.raises(LabelError, match=r"a.mp4 is in the observations 'hen 1, coder A' and 'hen 1, coder B'"):
        read_labels(path)
    assert shown(path, "*coder A") == shown(path, ["hen 1, coder A"]) == [(1.0, 3.0)]
    assert shown(path, "hen 1, coder B") == [(2.0, 5.0)]
    assert shown(path, "*") == [(1.0, 5.0)]
    with pytest.raises(LabelError, match=r"no observation '\*codr B'; there are 'hen 1, coder A', 'hen 1, coder B'"):
        shown(path, ["*coder A", "*codr B"])
    # Whoever looked: the interval is labelled.
    assert labelled_intervals(str(path), None)[(tmp_path / "a.mp4").resolve()][-1][1] == 10.0


def test_observations_that_speak_of_other_times_or_animals_are_joined(tmp_path: Path) -> None:
    other = {"observation time interval": [5, 10]}
    halves = project(one=observation(A[:2], **{"observation time interval": [0, 5]}), two=observation(A[2:], **other))
    assert len(read_labels(write(tmp_path / "halves.boris", halves))) > 2
    named = [[[event[0], who, *event[2:]] for event in events] for who, events in (("mum", A), ("dad", B))]
    animals = write(tmp_path / "animals.boris", project(one=observation(named[0]), two=observation(named[1])))
    assert shown(animals) == [(1.0, 5.0)]
    same = [[event[0], "mum", *event[2:]] for event in B]
    for events in (same, B, []):  # the same animal, nobody in particular, nothing seen
        path = write(tmp_path / "p.boris", project(one=observation(named[0]), two=observation(events)))
        with pytest.raises(LabelError, match="'one' and 'two'; two opinions are not made one"):
            read_labels(path)


def test_of_several_tables_each_pattern_fits_somewhere(tmp_path: Path) -> None:
    first = write(tmp_path / "1.boris", project(**TWO))
    second = write(tmp_path / "2.boris", project(**{"hen 2, coder A": observation(A, {"b.mp4": 10.0})}))
    clips = tmp_path / "clips.csv"
    clips.write_text("filepath,start,stop,label\nc.mp4,0,1,walking\n")
    paths = [str(first), str(second), str(clips)]
    table = read_given(paths, Reading(observations=Observations(["*1, coder A", "hen 2*"])))
    assert table.videos() == ("a.mp4", "b.mp4", "c.mp4")
    with pytest.raises(LabelError, match=r"has no observation 'hen 3\*'; there are"):
        read_given(paths, Reading(observations=Observations(["*coder A", "hen 3*"])))
    with pytest.raises(LabelError, match=r"clips.csv: has no observations to choose from"):
        read_given([str(clips)], Reading(observations=Observations("*")))
    with pytest.raises(ValueError, match="the list is empty"):
        Observations([])


def test_two_coders_of_one_project_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write(tmp_path / "p.boris", project(**TWO)))
    words = ["--predicted_observations=*coder A", "--label_observations=hen 1, coder B", f"--output={tmp_path}"]
    main(["evaluate", path, path, *words])
    rows = (tmp_path / "agreement.csv").read_text().splitlines()
    cells = next(row.split(",") for row in rows if row.startswith("walking"))
    assert cells[1:3] == ["50", "75"]  # frames of 25 per second
    assert float(cells[5]) == pytest.approx(2 * 25 / (50 + 75))  # one second in common
    capsys.readouterr()
    main(["convert", path, str(tmp_path / "t.csv"), '--observations=["hen 1, coder B"]'])
    assert "Wrote 5 clips" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["convert", path, str(tmp_path / "t.csv")])
    assert "amclip convert: --observations" in capsys.readouterr().err


def test_a_compressed_project_is_read_with_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(project(day=observation(A)))
    path = tmp_path / "p.boris.gz"
    path.write_bytes(gzip.compress(text.encode()))
    right = boris_project.read(text, "p", Reading()).timelines[0].bouts
    noted = read_noted(path, Clock())
    assert noted is not None
    assert [(b.label, b.start, b.stop) for b in noted.timelines[0].bouts] == [(b.label, b.start, b.stop) for b in right]
    assert len(read_labels(path)) == 5
    path.write_bytes(gzip.compress(text.encode())[:-20])
    with pytest.raises(LabelError, match=r"p.boris.gz: is gzip, and cannot be unpacked"):
        read_labels(path)
    monkeypatch.setattr(files, "_LARGEST", 1 << 20)
    path.write_bytes(gzip.compress(b"0" * (1 << 21)))
    with pytest.raises(LabelError, match=r"unpacks to more than 1 MiB"):
        read_labels(path)


def test_pictures_are_called_so(tmp_path: Path) -> None:
    head = "Observation id,Observation type,Source,Behavior,Behavior type,Start (s),Stop (s),Media file name"
    path = tmp_path / "pictures.csv"
    path.write_text(f"{head}\no,From pictures,dirA; ,walk,STATE,NA,NA,NA\n")
    with pytest.raises(LabelError, match=r"line 2, column 'Observation type': it is an observation of pictures"):
        read_labels(path)


@pytest.mark.parametrize("second", ["Modifier #2", "Modifier 2"])
def test_starts_and_stops_pair_by_all_modifiers(tmp_path: Path, second: str) -> None:
    names = ("Observation id", "Source", "Media duration (s)", "FPS", "Subject", "Behavior", "Modifier #1", second)
    head = "\t".join((*names, "Behavior type", "Time"))
    events = [("left", "START", 1), ("right", "START", 2), ("left", "STOP", 4), ("right", "STOP", 6)]
    rows = [f"o\tplayer #1:v.mp4\t20\t25\then\tpecks\tground\t{side}\t{kind}\t{time}" for side, kind, time in events]
    path = tmp_path / "events.tsv"
    path.write_text("\n".join([head, *rows]) + "\n")
    assert [(c.start, c.stop) for c in read_labels(path).clips if c.labels] == [(1.0, 6.0)]
