"""Every format read right, and malformed variants of it either read right or refused by file, line and column."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import layouts
import pytest

from amclip.data.clock import Clock
from amclip.data.formats import Reading, read_class_groups, read_classes, read_labels, read_splits
from amclip.data.intervals import Windows
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

Change = Callable[[str], str]


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def swap(old: str, new: str, count: int = -1) -> Change:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, count)

    return change


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def bom(text: str) -> str:
    return "\ufeff" + text


def without_rows(text: str) -> str:
    return text.splitlines()[0] + "\n"


def twice(text: str) -> str:
    return text + text.splitlines()[-1] + "\n"


def read_or_refuse(path: Path, expected: str | None, read: Callable[[], LabelTable], right: LabelTable) -> None:
    if expected is None:
        table = read()
        assert [(c.video, c.start, c.stop, c.labels, c.split) for c in table.clips] == [
            (c.video, c.start, c.stop, c.labels, c.split) for c in right.clips
        ]
        return
    with pytest.raises(LabelError, match=expected) as refused:
        read()
    assert str(path) in str(refused.value)


# --------------------------------------------------------------------- Animal Kingdom


def test_animal_kingdom_takes_names_by_number_and_segments_by_name(tmp_path: Path) -> None:
    book = layouts.animal_kingdom_book(tmp_path / "AR_metadata.xlsx", layouts.CLIPS)
    table = read_labels(book)
    assert table.classes == layouts.ACTIONS
    assert [(c.video, c.split, c.labels) for c in table.clips[:2]] == [
        ("AAAAAAAA", "train", ("Digging", "Humming")),
        ("AAAAAAAB", "train", ("Gliding",)),
    ]
    assert read_classes(book) == list(layouts.ACTIONS)
    segments = layouts.segments_book(tmp_path / "df_action.xlsx")
    assert read_class_groups(segments, table.classes) == ["tail", "middle", "head", "tail"]
    with pytest.raises(LabelError, match="numbers six actions otherwise"):
        read_classes(segments)
    with pytest.raises(LabelError, match=r"df_action.xlsx, column 'action': names no segment for the class 'Flying'"):
        read_class_groups(segments, ["Flying"])


@pytest.mark.parametrize(
    ("clips", "sheets", "expected"),
    [
        ([("A", "train", "9")], {}, r"line 2, column 'labels': class 9 is out of range: there are 4 names"),
        ([("A", "train", "0;1")], {}, r"line 2, column 'labels': '0;1' is not the number"),
        ([("A", "trian", "0")], {}, r"line 2, column 'type': 'trian' is not a split"),
        ([("A", "train", "0"), ("A", "test", "0")], {}, r"line 3: A appears twice .first in line 2., in the splits"),
        ([("", "train", "0")], {}, r"line 2: the path of the video is empty"),
        ([], {}, r"the table has no rows"),
        ([("A", "train", "0")], {"AR": "Clips"}, r"no sheet holds labels.*Clips, CARe"),
        ([("A", "train", "0")], {"Action": "Names"}, r"has no sheet 'Action'"),
        ([("A", "train", "1,0,0")], {}, None),
        ([("A", "train", ""), ("B", "test", "2")], {}, None),
    ],
)
def test_animal_kingdom_malformed(
    tmp_path: Path, clips: list[tuple[str, str, str]], sheets: dict[str, str], expected: str | None
) -> None:
    from openpyxl import load_workbook

    path = layouts.animal_kingdom_book(tmp_path / "AR_metadata.xlsx", clips)
    book = load_workbook(path)
    for old, new in sheets.items():
        book[old].title = new
    book.save(path)
    if expected:
        with pytest.raises(LabelError, match=r"AR_metadata.xlsx[^\n]*" + expected):
            read_labels(path)
        return
    wanted = [tuple(sorted({layouts.ACTIONS[int(n)] for n in labels.split(",") if n})) for _, _, labels in clips]
    assert [clip.labels for clip in read_labels(path).clips] == wanted


# --------------------------------------------------------------------- frame lists

FRAMES = {"AAAA": ["0", "0,2"], "BBBB": ["", ""]}
NAMES = ["walk", "graze", "run"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (crlf, None),
        (bom, None),
        (lambda text: "\n" + text, None),
        (swap('"', ""), None),
        (swap(' ""', ""), r"line 4: has 4 cells where the header has 5"),
        (swap(" ", ";"), None),
        (swap(" ", "\t"), None),
        (swap("0,2", "0,3"), r"line 3, column 'labels': class 3 is out of range: there are 3 names, for 0 to 2"),
        (swap("0,2", "0,run"), r"line 3, column 'labels': 'run' is not the number"),
        (swap("labels", "tags"), r"line 1, column 'labels': the list has no such column"),
        (swap("AAAA/2.jpg", "AAAA/my 2.jpg"), r"line 3: has 6 cells where the header has 5; a path with blanks"),
        (swap("AAAA/2.jpg", "2.jpg"), r"line 3, column 'path': '2.jpg' lies in no folder"),
        (swap("BBBB/", "AAAA/"), r"line 4, column 'original_vido_id': the folder AAAA belongs to 'AAAA' and to 'BBBB'"),
        (twice, r"line 6, column 'frame_id': frame 2 of BBBB stands twice .first in line 5"),
        (
            swap("BBBB 1 1 ", f"BBBB 1 {10**19} "),
            rf"line 4, column 'frame_id': '{10**19}' is not the number",
        ),
        (swap('"0,2"', '"0,2'), r"line 3: cannot be split into columns"),
        (without_rows, r"the table has no rows"),
    ],
)
def test_frame_lists(tmp_path: Path, change: Change, expected: str | None) -> None:
    good = layouts.frame_list(tmp_path / "good.csv", FRAMES)
    right = read_labels(good, NAMES)
    assert [(c.video, c.labels) for c in right.clips] == [("AAAA", ("walk", "run")), ("BBBB", ())]
    path = write(tmp_path / "train.csv", change(good.read_text()))
    read_or_refuse(path, expected, lambda: read_labels(path, NAMES), right)


def test_labels_per_frame_become_windows(tmp_path: Path) -> None:
    path = layouts.frame_list(tmp_path / "train.csv", {"Z": ["0"] * 25 + ["1"] * 25})
    clips = read_labels(path, NAMES, Windows(1.0, 0.5, 0.5)).clips
    assert [(c.start, c.stop, c.labels) for c in clips] == [
        (0.0, 1.0, ("walk",)),
        (0.5, 1.5, ("walk", "graze")),
        (1.0, 2.0, ("graze",)),
    ]
    assert read_labels(path).classes == ("0", "1")
    write(path, path.read_text().replace("Z 0 7 Z/7.jpg", "Z 0 99 Z/99.jpg"))
    with pytest.raises(LabelError, match="are missing; windows need them all"):
        read_labels(path, NAMES, Windows(1.0, 1.0))


def test_a_list_that_leaves_out_the_first_images_is_told_of(tmp_path: Path) -> None:
    path = layouts.frame_list(tmp_path / "train.csv", {"Z": ["0"] * 50})
    header, *frames = path.read_text().splitlines(keepends=True)
    write(path, header + "".join(frames[30:]))
    with pytest.warns(UserWarning, match=r"begins 1 folder, .* Z at 3[01] .* come (29|30) frames"):
        read_labels(path, NAMES, Windows(0.4, 0.4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_labels(path, NAMES)  # clips of whole folders need no times


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "holds no names"), ("[]", "list of names"), ('[{"walk": 1}]', "list of names")],
)
def test_files_without_names_of_classes_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(LabelError, match=rf"names: .*{expected}|names.*{expected}"):
        read_classes(write(tmp_path / "names", text))


def test_splits_of_feral_may_be_null(tmp_path: Path) -> None:
    table = read_labels(write(tmp_path / "labels.json", feral_with(splits=None)), clock=Clock(fps=10))
    assert {clip.split for clip in table.clips} == {None}


def test_a_file_per_split(tmp_path: Path) -> None:
    root = layouts.kabr(tmp_path)
    names = read_classes(root / "annotation" / "classes.json")
    assert names == ["Walk", "Graze", "Run"]
    files = {"train": root / "annotation" / "train.csv", "test": root / "annotation" / "val.csv"}
    table = read_splits(files, Reading(names))
    assert [len(table.split(name)) for name in ("train", "val", "test")] == [4, 0, 2]
    assert table.classes == ("Walk", "Graze", "Run")
    other = write(tmp_path / "other.csv", "filepath,label,split\na.mp4,Walk,train\n")
    with pytest.raises(LabelError, match="names the split train; the file is given as test"):
        read_splits({"test": other})


# --------------------------------------------------------------------- path and label

MAMMALNET = "trimmed_videos/a_1.mp4 0 17\ntrimmed_videos/b.mp4 11 172\n"


def test_the_second_number_of_mammalnet_is_no_behaviour(tmp_path: Path) -> None:
    path = write(tmp_path / "train.csv", MAMMALNET)
    with pytest.warns(UserWarning, match="genus or species"):
        table = read_labels(path)
    assert [clip.labels for clip in table.clips] == [("0",), ("11",)]
    with pytest.warns(UserWarning, match="genus"):
        named = read_labels(path, [f"behaviour {n}" for n in range(12)])
    assert [clip.labels for clip in named.clips] == [("behaviour 0",), ("behaviour 11",)]


@pytest.mark.filterwarnings("ignore:.*genus or species")
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (crlf, None),
        (bom, None),
        (swap(" ", "\t"), None),
        (swap(".mp4", ".AVI"), "other name"),
        (lambda text: "\n# a comment\n" + text, None),
        (lambda text: '"' + text.replace(".mp4 ", '.mp4" '), None),
        (swap(" 11 ", " 12 "), r"line 2, column 'label': class 12 is out of range"),
        (swap("b.mp4", "b"), r"line 2: 'trimmed_videos/b' does not end like a video"),
        (twice, r"line 3: trimmed_videos/b.mp4 appears twice"),
        (swap(" ", ","), r"line 1: cannot tell the format"),
        (lambda text: "", r"the file is empty"),
    ],
)
def test_lists_malformed(tmp_path: Path, change: Change, expected: str | None) -> None:
    names = [f"behaviour {n}" for n in range(12)]
    right = read_labels(write(tmp_path / "good.csv", MAMMALNET), names)
    text = change(MAMMALNET)
    text = text.replace("\ntrimmed_videos/b", '\n"trimmed_videos/b') if text.startswith('"') else text
    path = write(tmp_path / "train.csv", text)
    if expected == "other name":
        assert [clip.labels for clip in read_labels(path, names).clips] == [clip.labels for clip in right.clips]
        return
    read_or_refuse(path, expected, lambda: read_labels(path, names), right)


# --------------------------------------------------------------------- BORIS

BORIS = [
    (0.0, 0.2, ()),
    (0.2, 0.4, ("walking",)),
    (0.4, 0.44, ("calling", "walking")),
    (0.44, 1.0, ("walking",)),
    (1.0, 2.0, ("resting",)),
    (2.0, 2.4, ()),
]


@pytest.mark.parametrize("form", ["aggregated", "tabular", "old", "semicolons", "xlsx"])
def test_boris_of_every_kind_says_the_same(tmp_path: Path, form: str) -> None:
    texts = {
        "aggregated": layouts.BORIS_AGGREGATED,
        "tabular": layouts.BORIS_TABULAR,
        "old": layouts.BORIS_OLD,
        "semicolons": layouts.BORIS_AGGREGATED.replace(",", ";").replace("sleepy; or", "sleepy, or"),
    }
    if form == "xlsx":
        path = layouts.save_book(tmp_path / "events.xlsx", layouts.as_rows(layouts.BORIS_AGGREGATED))
    else:
        path = write(tmp_path / "events.csv", texts[form])
    clips = read_labels(path).clips
    assert {clip.video for clip in clips} == {"a.mp4"}
    assert [(c.start, pytest.approx(c.stop), c.labels) for c in clips] == BORIS


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (crlf, None),
        (bom, None),
        (lambda text: "exported by someone\n\n" + text, None),
        (swap("2.4,25.0", "NA,25.0"), "shorter"),
        (swap("Behavior,", "What,"), r"line 1: cannot tell the format"),
        (swap("0.2,1.0,0.8", "1.2,1.0,0.8"), r"line 2, column 'Stop .s.': stops at 1 s, before its start at 1.2 s"),
        (swap("0.2,1.0,0.8", "0.2,NA,0.8"), r"line 2, column 'Stop .s.': has no time .NA."),
        (swap("0.2,1.0,0.8", '"0,2",1.0,0.8'), r"line 2, column 'Start .s.': '0,2' is not a number of seconds"),
        (swap("1.0,2.0,1.0", "1.0,9.0,1.0"), r"line 3: 'resting' stops at 9 s, after the end of a.mp4 at 2.4 s"),
        (swap("2.4,25.0", "2.4,NA"), r"line 4: 'calling' at 0.4 s has no duration, and the frame rate is not known"),
        (
            swap("player #1:a.mp4,0.0", "player #1:a.mp4,5.0"),
            r"line 2, column 'Start .s.': -4.8 .0.2 less the time offset of 5 s. is not a time",
        ),
        (
            swap("0.2,1.0,0.8", "1732000000.2,1732000001,0.8"),
            r"line 2, column 'Start .s.': .*creation date of the media",
        ),
        (
            swap("player #1:a.mp4", "player #1:a.mp4|player #2:b.mp4"),
            r"line 2, column 'Source': .*several videos at once",
        ),
        (swap("a.mp4", "NA"), r"line 2, column 'Media file name': names no media file"),
        (swap("player #1:a.mp4", "player #1:"), r"line 2, column 'Media file name': names no media file"),
        (swap("player #1:a.mp4", "player #1: ; "), r"line 2, column 'Media file name': names no media file"),
        (swap('"sleepy, or so"', '"sleepy'), r"cannot be split into columns"),
        (without_rows, r"there is no event below the header"),
    ],
)
def test_boris_malformed(tmp_path: Path, change: Change, expected: str | None) -> None:
    text = layouts.BORIS_AGGREGATED
    right = read_labels(write(tmp_path / "good.csv", text))
    changed = change(text)
    changed = changed.replace("player #1:NA", "NA")
    path = write(tmp_path / "events.csv", changed)
    if expected == "shorter":  # without a duration nothing is known of what follows the last bout
        assert read_labels(path).clips[-1].stop == 2.0
        return
    read_or_refuse(path, expected, lambda: read_labels(path), right)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (swap(",STOP,2.0", ",PAUSE,2.0"), r"line 8, column 'Behavior type': 'PAUSE' is none of START"),
        (
            swap("resting,,START", "running,,START"),
            r"line 8, column 'Time': 'resting' stops at 2 s and had not",
        ),
        (
            lambda text: "\n".join(text.splitlines()[:-1]),
            r"line 7, column 'Time': 'resting' starts .*never stops",
        ),
        (swap("calling,,POINT", "walking,,START"), r"line 5, column 'Time': 'walking' starts again .*line 4"),
    ],
)
def test_tabular_events_that_do_not_pair(tmp_path: Path, change: Change, expected: str) -> None:
    path = write(tmp_path / "events.csv", change(layouts.BORIS_TABULAR))
    with pytest.raises(LabelError, match=r"events.csv[^\n]*" + expected):
        read_labels(path)


@pytest.mark.parametrize("offset", [5.0, -0.5, 5400.0])
def test_a_time_offset_is_taken_off(tmp_path: Path, offset: float) -> None:
    """BORIS adds the offset to the media's time when an event is coded, and exports the sum beside the offset."""
    right = [
        (c.start, pytest.approx(c.stop), c.labels)
        for c in read_labels(write(tmp_path / "a.csv", layouts.BORIS_AGGREGATED)).clips
    ]

    def moved(text: str, columns: tuple[int, ...], at: int) -> str:
        lines = []
        for line in layouts.as_rows(text):
            if line and line[0] == "day 1" and len(line) > 10:
                line[at] = str(offset)
                for column in columns:
                    line[column] = f"{float(line[column]) + offset:.3f}"
            lines.append(",".join(f'"{cell}"' for cell in line))
        return "\n".join(lines)

    for text in (moved(layouts.BORIS_AGGREGATED, (16, 17), 5), moved(layouts.BORIS_TABULAR, (13,), 6)):
        clips = read_labels(write(tmp_path / "b.csv", text)).clips
        assert [(pytest.approx(c.start), pytest.approx(c.stop), c.labels) for c in clips] == right


def test_older_versions_write_the_time_offset_above_the_header(tmp_path: Path) -> None:
    text = (
        "Observation id\tday 1\n\nMedia file(s)\nPlayer #1\ta.mp4\n\nTime offset (s)\t60.0\n\n"
        "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tModifiers\tComment\tStatus\n"
        "60.2\ta.mp4\t2.4\t25.0\t\twalking\t\t\tSTART\n61.0\ta.mp4\t2.4\t25.0\t\twalking\t\t\tSTOP\n"
    )
    clips = read_labels(write(tmp_path / "day 1.tsv", text)).clips
    assert [(clip.start, clip.stop, clip.labels) for clip in clips] == [
        (0.0, 0.2, ()),
        (0.2, 1.0, ("walking",)),
        (1.0, 2.4, ()),
    ]


def test_an_observation_of_several_files_is_cut_at_their_ends(tmp_path: Path) -> None:
    text = layouts.BORIS_OLD.replace("a.mp4\t2.4\t25.0", "a.mp4;b.mp4\t0.5;1.9\t25.0;25.0")
    clips = read_labels(write(tmp_path / "events.csv", text)).clips
    assert [(c.video, pytest.approx(c.start), pytest.approx(c.stop), c.labels) for c in clips] == [
        ("a.mp4", 0, 0.2, ()),
        ("a.mp4", 0.2, 0.4, ("walking",)),
        ("a.mp4", 0.4, 0.44, ("calling", "walking")),
        ("a.mp4", 0.44, 0.5, ("walking",)),
        ("b.mp4", 0, 0.5, ("walking",)),
        ("b.mp4", 0.5, 1.5, ("resting",)),
        ("b.mp4", 1.5, 1.9, ()),
    ]
    unknown = write(tmp_path / "unknown.csv", text.replace("0.5;1.9", "0.5;NA"))
    with pytest.raises(LabelError, match=r"unknown.csv, line 2, column 'Total length': the observation joins 2 files"):
        read_labels(unknown)


# --------------------------------------------------------------------- DeepEthogram and FERAL


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (crlf, None),
        (bom, None),
        (swap(",", ";"), None),
        (swap(",", "\t"), None),
        (lambda text: text.replace("0", "0.0").replace("\n0.0,", "\n0,").replace("-1,-1,-1", "-1.0,-1,-1"), None),
        (swap("1,0,1,0", "1,0,2,0"), r"line 3, column 'walking': '2' is none of 0, 1 and -1"),
        (swap("1,0,1,0", "1,1,1,0"), r"line 3, column 'background': is background and 'walking' at once"),
        (swap("1,0,1,0", "1,0,0,0"), r"line 3, column 'background': is neither background nor a behaviour"),
        (swap("2,0,1,1", "3,0,1,1"), r"line 4, column 'frame': is frame '3' where frame 2 should be"),
        (swap("2,0,1,1", "2,0,1"), r"line 4: has 3 cells where the header has 4"),
        (swap("calling", "walking"), r"line 1: needs columns for behaviours"),
        (swap("background", "nothing"), r"line 1: cannot tell the format"),
        (without_rows, r"line 1: there is no frame below the header"),
        (twice, r"line 7, column 'frame': is frame '4' where frame 5 should be"),
    ],
)
def test_deepethogram(tmp_path: Path, change: Change, expected: str | None) -> None:
    (tmp_path / "good").mkdir()
    right = read_labels(write(tmp_path / "good" / "a_labels.csv", layouts.DEEPETHOGRAM), clock=Clock(fps=10))
    assert right.classes == ("walking", "calling")
    assert [(c.video, c.start, c.stop, c.labels) for c in right.clips] == [
        ("a", 0.0, 0.1, ()),
        ("a", 0.1, 0.2, ("walking",)),
        ("a", 0.2, 0.3, ("walking", "calling")),
        ("a", 0.4, 0.5, ()),  # nobody observed frame 3
    ]
    path = write(tmp_path / "a_labels.csv", change(layouts.DEEPETHOGRAM))
    read_or_refuse(path, expected, lambda: read_labels(path, clock=Clock(fps=10)), right)


def test_frames_need_a_rate_and_folders_are_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a_labels.csv", layouts.DEEPETHOGRAM)
    with pytest.raises(LabelError, match=r"frames are counted, and a is not there to tell"):
        read_labels(path)
    (tmp_path / "day 2").mkdir()
    write(tmp_path / "day 2" / "b_labels.csv", layouts.DEEPETHOGRAM)
    assert read_labels(tmp_path, clock=Clock(fps=10)).videos() == ("a", "day 2/b")
    write(tmp_path / "day 2" / "b_labels.csv", layouts.DEEPETHOGRAM.replace("calling", "singing"))
    with pytest.raises(LabelError, match=r"b_labels.csv, line 1: has the behaviours"):
        read_labels(tmp_path, clock=Clock(fps=10))
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabelError, match="is a folder without label files"):
        read_labels(tmp_path / "empty", clock=Clock(fps=10))


def feral_with(**changes: object) -> str:
    return json.dumps({**json.loads(layouts.feral_text()), **changes}, indent=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (crlf(layouts.feral_text()), None),
        (bom(layouts.feral_text()), None),
        (json.dumps(json.loads(layouts.feral_text())), None),
        (layouts.feral_text()[:-2], r"line \d+: is not JSON"),
        (
            feral_with(labels={"a.mp4": [0, 3], "b.mp4": [1]}),
            r"line 9, column 'labels': a.mp4, frame 1: 3 is",
        ),
        (feral_with(labels={"a.mp4": [], "b.mp4": [1]}), r"column 'labels': a.mp4: expected a list"),
        (feral_with(labels={}, splits={}), r"column 'labels': holds no labels"),
        (feral_with(class_names={"0": "other", "2": "walking"}), r"column 'class_names': expected names by number"),
        (feral_with(class_names={"0": "other", "1": "x", "2": "x"}), r"class 'x' is named twice"),
        (feral_with(is_multilabel="no"), r"column 'is_multilabel': is_multilabel is 'no'"),
        (feral_with(is_multilabel=True), r"column 'labels': a.mp4, frame 0: 0 is not a list of 3 values"),
        (feral_with(splits={"train": ["a.mp4"], "test": ["a.mp4"]}), r"column 'splits': a.mp4 is in train and in test"),
        (feral_with(splits={"train": ["c.mp4"]}), r"column 'splits': c.mp4 is in train and has no labels"),
        (feral_with(splits=["a.mp4"]), r"column 'splits': expected \{split: \[videos\]\}, got \['a.mp4'\]"),
        (feral_with(splits={"train": "a.mp4"}), r"column 'splits': train: expected a list of videos, got 'a.mp4'"),
        (feral_with(splits={"train": None}), r"column 'splits': train: expected a list of videos, got None"),
        (feral_with(splits={"train": [["a.mp4"]]}), r"column 'splits': train: expected a list of videos"),
        (feral_with(labels=None), r"column 'labels': holds no labels"),
        (feral_with(labels=0).replace('"labels": 0', '"labels": ' + "[" * 100_000), r"is JSON of more levels than"),
    ],
)
def test_feral(tmp_path: Path, text: str, expected: str | None) -> None:
    right = read_labels(write(tmp_path / "good.json", layouts.feral_text()), clock=Clock(fps=10))
    assert right.classes == ("walking", "resting")
    assert [(c.video, c.start, c.stop, c.labels, c.split) for c in right.clips[:2]] == [
        ("a.mp4", 0.0, 0.1, (), "train"),
        ("a.mp4", 0.1, 0.3, ("walking",), "train"),
    ]
    path = write(tmp_path / "labels.json", text)
    read_or_refuse(path, expected, lambda: read_labels(path, clock=Clock(fps=10)), right)


# --------------------------------------------------------------------- the real files


@pytest.mark.skipif(not (layouts.SHARED / "animal_kingdom").is_dir(), reason="the real metadata lie elsewhere")
def test_the_real_metadata_of_animal_kingdom() -> None:
    folder = layouts.SHARED / "animal_kingdom"
    table = read_labels(folder / "AR_metadata.xlsx")
    assert (len(table), len(table.split("train")), len(table.split("test"))) == (30100, 24004, 6096)
    assert len(table.classes) == 140
    assert round(sum(len(clip.labels or ()) for clip in table.clips) / len(table), 3) == 2.156
    assert int((table.split("test").targets().sum(axis=0) == 0).sum()) == 13
    segments = read_class_groups(folder / "df_action.xlsx", table.classes)
    assert [segments.count(name) for name in ("head", "middle", "tail")] == [17, 29, 94]
    six = [table.classes[number].lower() for number in (49, 50, 81, 82, 83, 84)]
    assert six == [
        *("flapping tail", "flapping its ears", "performing sexual display"),
        *("performing allo-grooming", "performing allo-preening", "performing copulatory mounting"),
    ]
    # In df_action.xlsx the two tails stand under the other's number: by number, 49 would be tail and 50 middle.
    assert [segments[number] for number in (49, 50)] == ["middle", "tail"]
    by_id = {clip.video: clip for clip in table.clips}
    for video, label in (("BCIMLRLL", 58), ("AIEPABQT", 67), ("AAOYRUDX", 133), ("AHKLQIKV", 87)):
        assert table.classes[label] in (by_id[video].labels or ())


@pytest.mark.skipif(not (layouts.SHARED / "flies").is_dir(), reason="the fly video's files lie elsewhere")
def test_the_fly_videos_boris_and_deepethogram_files_say_the_same() -> None:
    folder = layouts.SHARED / "flies"
    boris = read_labels(folder / "courtship_aggregated_events.csv")
    frames = read_labels(folder / "courtship_labels.csv", boris.classes, clock=Clock(fps=25))
    assert len(boris) == 217
    assert [(c.start, c.stop, c.labels) for c in boris.clips] == [(c.start, c.stop, c.labels) for c in frames.clips]
    windows = read_labels(folder / "courtship_aggregated_events.csv", windows=Windows(2.0, 1.0, 0.25))
    found = {(clip.start, clip.stop): clip.labels for clip in windows.clips}
    given = read_labels(folder / "clips.csv", boris.classes)
    assert [found[clip.start, clip.stop] for clip in given.clips] == [clip.labels for clip in given.clips]


@pytest.mark.parametrize(
    "header", ["filepath,start,stop,behaviour", "video,behavior,start,stop", "path,Behaviour,start (s),stop (s)"]
)
def test_a_table_of_clips_with_a_column_behaviour_is_not_taken_for_boris(tmp_path: Path, header: str) -> None:
    cells = {"behavi": "walking;resting", "start": "0", "stop": "2"}
    row = [
        next((value for key, value in cells.items() if name.lower().startswith(key)), "a.mp4")
        for name in header.split(",")
    ]
    (clip,) = read_labels(write(tmp_path / "labels.csv", f"{header}\n{','.join(row)}\n")).clips
    assert (clip.video, clip.start, clip.stop, set(clip.labels or ())) == ("a.mp4", 0, 2, {"walking", "resting"})


def test_bouts_that_were_found_are_no_table_to_train_on(tmp_path: Path) -> None:
    columns = "video,behaviour,start,stop,duration,start_frame,stop_frame,mean_probability,peak_probability"
    path = write(tmp_path / "bouts.csv", f"{columns}\na.mp4,walking,0,2,2,0,50,0.7,0.9\n")
    with pytest.raises(LabelError, match=r"table of bouts.*amclip report"):
        read_labels(path)
