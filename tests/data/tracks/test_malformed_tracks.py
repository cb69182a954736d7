"""Every format of tracks in malformed variants: each ends in an error by file and place, or is read as the intact one.

The matrix says for each format and variant what is to happen: ``None``, read as it was; a pattern, refused so; a
sentence in ``NotApplicable``, why the format cannot be malformed in this way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import texts

from amclip.data.label_error import LabelError
from amclip.data.tracks import Tracks, read_tracks

VARIANTS = (
    *("cut off", "wrong delimiter", "missing column", "negative frame", "part of a frame", "giant frame", "no number"),
    *("infinite", "NaN", "giant place", "ends before it begins", "twice", "BOM", "CRLF", "quotes", "open quote"),
    *("empty", "no rows", "no UTF-8"),
)


@dataclass(frozen=True)
class NotApplicable:
    why: str


Change = Callable[[str], str | bytes]
Case = tuple[Change, str | None] | NotApplicable


def swap(old: str, new: str, count: int = -1) -> Change:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, count)

    return change


def cut(text: str) -> str:
    return text[:-12]


SAME: dict[str, Case] = {
    "BOM": (lambda text: "\ufeff" + text, None),
    "CRLF": (lambda text: text.replace("\n", "\r\n"), None),
    "empty": (lambda text: "", r"the file is empty"),
    "no UTF-8": (lambda text: text.encode() + b"\xff", r"line \d+: byte 0xff is not UTF-8"),
}
NO_QUOTES = NotApplicable("quotes are part of the form")
UNKNOWN = r"line 1: cannot tell the form of tracks from the first line"

PLAIN: dict[str, Case] = {
    **SAME,
    "cut off": (lambda text: text[:-4], r"line 4: has 6 cells where the header has 8"),
    "wrong delimiter": (swap(",", "|"), UNKNOWN),
    "missing column": (swap("width", "w"), r"line 1, column 'width': has no column 'width'; tracks need the columns"),
    "negative frame": (
        swap("mp4,1", "mp4,-1"),
        r"line 3, column 'frame': '-1' is not the number of a frame: whole, fr",
    ),
    "part of a frame": (swap("mp4,1", "mp4,1.5"), r"line 3, column 'frame': '1.5' is not the number of a frame"),
    "giant frame": (swap("mp4,1", "mp4,1e300"), r"line 3, column 'frame': '1e300' is not the number of a frame"),
    "no number": (swap("50,60.5", "5O,60.5"), r"line 4, column 'x': '5O' is not a number of pixels"),
    "infinite": (swap("60.5", "inf"), r"line 4, column 'y': 'inf' is not a number of pixels in an image; where the"),
    "NaN": (swap("60.5", "nan"), r"line 4, column 'y': 'nan' is not a number of pixels in an image; where the animal"),
    "giant place": (swap("60.5", "1e9"), r"line 4, column 'y': '1e9' is not a number of pixels in an image"),
    "ends before it begins": (
        swap("7,8", "-7,8"),
        r"line 4, column 'width': '-7' is below 0; x and y are the left top",
    ),
    "twice": (swap("mp4,1", "mp4,0"), r"line 3: 'ann' has two boxes in frame 0 of a.mp4 .the first in line 2."),
    "quotes": (lambda text: "\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in text.splitlines()), None),
    "open quote": (swap("a.mp4,3", '"a.mp4,3'), r"line 4: cannot be split into columns"),
    "no rows": (lambda text: text.splitlines()[0], r"holds no box"),
}
DEEPLABCUT: dict[str, Case] = {
    **SAME,
    "cut off": (cut, r"line 6: has 4 cells where the header has 7"),
    "wrong delimiter": (swap(",", ";"), UNKNOWN),
    "missing column": (swap("coords", "coordinates"), r"line 2: the header has the lines scorer, bodyparts; expected"),
    "negative frame": (
        swap("\n11,", "\n-11,"),
        r"line 5, column 'the first column': '-11' is not the number of a frame",
    ),
    "part of a frame": (swap("\n11,", "\n11.5,"), r"line 5, column 'the first column': '11.5' is not the number"),
    "giant frame": (swap("\n11,", "\n1e300,"), r"line 5, column 'the first column': '1e300' is not the number"),
    "no number": (swap("42,60", "42,6O"), r"line 5, column 'tail, y': '6O' is not a number of pixels"),
    "infinite": (swap("42,60", "42,inf"), r"frame 11: body point 2 of 'animal' lies at \(42, inf\), further out"),
    "NaN": NotApplicable("NaN and nothing are how it says that a point is missing"),
    "giant place": (swap("42,60", "42,6e9"), r"frame 11: body point 2 of 'animal' lies at"),
    "ends before it begins": NotApplicable("holds points"),
    "twice": (swap("\n11,", "\n10,"), r"line 5: frame 10 stands twice; keep one row"),
    "quotes": (lambda text: "\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in text.splitlines()), None),
    "open quote": (swap("42,60", '42,"60'), r"line 5: cannot be split into columns"),
    "no rows": (lambda text: "\n".join(text.splitlines()[:3]), r"has no frame below its header"),
}
MOT: dict[str, Case] = {
    **SAME,
    "cut off": (cut, r"line 4: has 4 columns, and the first row has 9"),
    "wrong delimiter": (swap(",", " "), UNKNOWN),
    "missing column": (swap(",1,1,1.0\n", ",1,1\n"), UNKNOWN),
    "negative frame": (
        swap("\n4,", "\n0,"),
        r"line 4, column 'frame': '0' is not the number of a frame: whole, from 1",
    ),
    "part of a frame": (swap("\n4,", "\n4.5,"), r"line 4, column 'frame': '4.5' is not the number of a frame"),
    "giant frame": (swap("\n4,", "\n1e300,"), r"line 4, column 'frame': '1e300' is not the number of a frame"),
    "no number": (swap("61.5", "six"), r"line 4, column 'top': 'six' is not a number of pixels"),
    "infinite": (swap("61.5", "inf"), r"line 4: the box .* lies further out than"),
    "NaN": (swap("61.5", "nan"), r"line 4: the box .* is no number"),
    "giant place": (swap("61.5", "1e9"), r"line 4: the box .* lies further out than 1,000,000; its unit is pixels"),
    "ends before it begins": (swap("61.5,7", "61.5,-7"), r"line 4, column 'width': -7 is below 0"),
    "twice": (swap("2,1,12", "1,1,12"), r"line 2: '1' has two boxes in frame 0 .the first in line 1."),
    "quotes": NotApplicable("numbers alone"),
    "open quote": (swap("\n4,", '\n"4,'), r"line 4: cannot be split into columns"),
    "no rows": NotApplicable("has no header, so without rows it is empty"),
}
CVAT: dict[str, Case] = {
    **SAME,
    "cut off": (cut, r"line \d+: is not XML: "),
    "wrong delimiter": (swap("<box", "(box"), r"line \d+: is not XML: mismatched tag"),
    "missing column": (swap('ybr="68.50" ', ""), r"line 17, column 'ybr': the box has no 'ybr'"),
    "negative frame": (swap('frame="3"', 'frame="-3"'), r"line 17, column 'frame': '-3' is not the number of a frame"),
    "part of a frame": (
        swap('frame="3"', 'frame="3.5"'),
        r"line 17, column 'frame': '3.5' is not the number of a frame",
    ),
    "giant frame": (swap('frame="3"', 'frame="1e99"'), r"line 17, column 'frame': '1e99' is not the number of a frame"),
    "no number": (swap("68.50", "68,50"), r"line 17, column 'ybr': '68,50' is not a number"),
    "infinite": (swap("68.50", "inf"), r"line 17: the box .* lies further out than"),
    "NaN": (swap("68.50", "nan"), r"line 17: the box .* is no number"),
    "giant place": (swap("68.50", "1e9"), r"line 17: the box .* lies further out than"),
    "ends before it begins": (swap("68.50", "60.00"), r"line 17: the box .* ends before it begins"),
    "twice": (swap('frame="1"', 'frame="0"'), r"line 9, column 'frame': the track has two boxes in frame 0"),
    "quotes": (swap('"', "'"), None),
    "open quote": (swap('outside="1"', 'outside="1'), r"line 12: is not XML"),
    "no rows": (lambda text: "<annotations></annotations>", r"holds no track"),
}
COCO: dict[str, Case] = {
    **SAME,
    "cut off": (cut, r"line \d+: is not JSON"),
    "wrong delimiter": (swap(",", ";"), r"line \d+: is not JSON"),
    "missing column": (swap('"image_id"', '"image"'), r"annotations\[0\].image_id: None is no image of the file"),
    "negative frame": (
        swap('"id": 7,', '"id": 7, "frame_index": -1,'),
        r"images\[0\]: -1 is not the number of a frame",
    ),
    "part of a frame": (swap('"id": 7,', '"id": 7, "frame_index": 0.5,'), r"images\[0\]: 0.5 is not the number of a"),
    "giant frame": (swap('"id": 7,', '"id": 7, "frame_index": 10000000000,'), r"images\[0\]: 10000000000 is not the"),
    "no number": (swap("60.5", '"60.5"'), r"annotations\[2\].bbox: expected numbers of pixels, got"),
    "infinite": (swap("60.5", "Infinity"), r"annotations\[2\].bbox: expected numbers of pixels, got"),
    "NaN": (swap("60.5", "NaN"), r"annotations\[2\].bbox: expected numbers of pixels, got"),
    "giant place": (swap("60.5", "9" * 5000), r"a number of thousands of digits"),
    "ends before it begins": (swap("60.5,\n    7", "60.5,\n    -7"), r"annotations\[2\].bbox: the box .* ends before"),
    "twice": (
        swap('"image_id": 8', '"image_id": 7'),
        r"annotations\[1\]: '1' has two boxes in frame 0 of a .the first in an",
    ),
    "quotes": (swap('"', "'"), UNKNOWN),
    "open quote": (swap('"object_id"', '"object_id', 1), r"line \d+: is not JSON"),
    "no rows": (lambda text: '{"images": [], "annotations": []}', r"none of its 0 annotations says whose it is"),
}
FORMATS = {
    "table": (texts.PLAIN, PLAIN),
    "DeepLabCut": (texts.DLC_ONE, DEEPLABCUT),
    "MOT": (texts.MOT_TRUTH, MOT),
    "CVAT": (texts.CVAT, CVAT),
    "COCO": (texts.coco(), COCO),
}


def said(tracks: Tracks) -> list[Any]:
    return [
        (video, track.subject, track.frames.tolist(), track.boxes.tolist(), track.body_length)
        for video, known in tracks.videos.items()
        for track in known
    ]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_in_every_malformed_variant(tmp_path: Path, name: str, variant: str) -> None:
    text, cases = FORMATS[name]
    case = cases[variant]
    if isinstance(case, NotApplicable):
        return
    change, expected = case
    path = tmp_path / "tracks.file"
    path.write_bytes(text.encode())
    right = said(read_tracks(path))
    changed = change(text)
    assert changed != text
    path.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    if expected is None:
        assert said(read_tracks(path)) == right
        return
    with pytest.raises(LabelError, match=expected) as refused:
        read_tracks(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_packed_by_gzip_says_the_same(tmp_path: Path, name: str) -> None:
    import gzip

    text, _ = FORMATS[name]
    (tmp_path / "one").write_text(text)
    right = said(read_tracks(tmp_path / "one"))
    (tmp_path / "one.gz").write_bytes(gzip.compress(text.encode()))
    assert said(read_tracks(tmp_path / "one.gz")) == right
