"""Published data sets in miniature, in the exact layout of their files; every name and label in them is made up."""

import json
from collections.abc import Sequence
from pathlib import Path

import av
from drawn import draw_video, numbered_frame
from openpyxl import Workbook

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
"""Real files, where this checkout has them beside it; they are not part of the repository."""
ACTIONS = ("Digging", "Gliding", "Humming", "Napping")


def animal_kingdom_book(path: Path, clips: Sequence[tuple[str, str, str]]) -> Path:
    """``AR_metadata.xlsx`` with its four sheets; as in the real one, the last action's number is a broken formula."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "AR"
    sheet.append(["S/N", "video_id", "type", "labels", "list_animal_action"])
    for index, (video, split, labels) in enumerate(clips, start=1):
        named = [("Bird", ACTIONS[int(n)]) for n in labels.split(",") if n.isdecimal() and int(n) < len(ACTIONS)]
        sheet.append([index, video, split, int(labels) if labels.isdecimal() else labels, str(named)])
    book.create_sheet("CARe").append(["S/N", "train_test", "animal_class", "video_id", "action"])
    sheet = book.create_sheet("Action")
    sheet.append(["Label", "Category", "Action", "Description"])
    for number in (2, 0, 1, 3):
        sheet.append(["#N/A" if number == 3 else number, "Some", ACTIONS[number], "Text"])
    book.create_sheet("Animal").append(["Animal", "Parent Class"])
    book.save(path)
    return path


def segments_book(path: Path, segments: Sequence[str] = ("tail", "middle", "head", "tail")) -> Path:
    """``df_action.xlsx``: two actions stand under each other's number, and letter case differs, as in the real one."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "AR_count"
    sheet.append(["S/N", "action_category", "action", "index", "segment", "count"])
    for row, (number, index) in enumerate(((1, 0), (0, 1), (2, 2), (3, 3)), start=1):
        sheet.append([row, "Some", ACTIONS[number].upper(), index, segments[number], 7])
    book.save(path)
    return path


def frame_list(path: Path, clips: dict[str, Sequence[str]], delimiter: str = " ") -> Path:
    """Charades' form, as Animal Kingdom, KABR and BaboonLand have it: labels per frame, quoted."""
    lines = [delimiter.join(("original_vido_id", "video_id", "frame_id", "path", "labels"))]
    for number, (clip, frames) in enumerate(clips.items()):
        for frame, labels in enumerate(frames, start=1):
            lines.append(delimiter.join((clip, str(number), str(frame), f"{clip}/{frame}.jpg", f'"{labels}"')))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def image_folder(folder: Path, num_frames: int, size: tuple[int, int] = (96, 128)) -> Path:
    """Numbered JPEGs, each with its number drawn in; numbers are not padded, so names do not sort in time."""
    folder.mkdir(parents=True)
    for number in range(num_frames):
        with av.open(str(folder / f"{number + 1}.jpg"), "w", format="image2") as container:
            stream = container.add_stream("mjpeg", rate=25)
            stream.height, stream.width, stream.pix_fmt = *size, "yuvj420p"  # type: ignore[union-attr]
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, *size), format="rgb24")
            container.mux(stream.encode(frame))  # type: ignore[union-attr]
            container.mux(stream.encode())  # type: ignore[union-attr]
    return folder


CLIPS = (
    *(("AAAAAAAA", "train", "0,2"), ("AAAAAAAB", "train", "1"), ("AAAAAAAC", "train", "2"), ("AAAAAAAD", "train", "3")),
    *(
        ("AAAAAAAE", "train", "0,1"),
        ("AAAAAAAF", "train", "2,3"),
        ("AAAAAAAG", "test", "0"),
        ("AAAAAAAH", "test", "1,2"),
    ),
)


def animal_kingdom(root: Path) -> Path:
    """The whole of action recognition: metadata, annotation lists, videos and images."""
    animal_kingdom_book(root / "AR_metadata.xlsx", CLIPS)
    (root / "annotation").mkdir()
    segments_book(root / "annotation" / "df_action.xlsx")
    (root / "dataset" / "video").mkdir(parents=True)
    for name, file in (("train", "train.csv"), ("test", "val.csv")):
        mine = {video: [labels] * 12 for video, split, labels in CLIPS if split == name}
        frame_list(root / "annotation" / file, mine)
    for video, _, _ in CLIPS:
        draw_video(root / "dataset" / "video" / f"{video}.mp4", 12)
        image_folder(root / "dataset" / "image" / video, 12)
    return root


def kabr(root: Path) -> Path:
    """KABR: frame lists with a label that changes within a clip, and names in ``classes.json``."""
    (root / "annotation").mkdir(parents=True)
    (root / "annotation" / "classes.json").write_text(json.dumps({"Walk": 0, "Graze": 1, "Run": 2}))
    labels = {f"ZG000{n}.1": [str(n % 3)] * 6 + [str((n + 1) % 3)] * 6 for n in range(6)}
    names = list(labels)
    frame_list(root / "annotation" / "train.csv", {name: labels[name] for name in names[:4]})
    frame_list(root / "annotation" / "val.csv", {name: labels[name] for name in names[4:]})
    for name in names:
        image_folder(root / "dataset" / "image" / name, 12)
    return root


def baboonland(root: Path) -> Path:
    """BaboonLand: lists as KABR's, with twelve behaviours and `Occluded`."""
    (root / "annotation").mkdir(parents=True)
    names = [f"Doing {word}" for word in "ABCDEFGHIJKL"] + ["Occluded"]
    (root / "annotation" / "classes.json").write_text(json.dumps({name: n for n, name in enumerate(names)}))
    clips = [f"NP{n}.{n % 2}" for n in range(8)]
    labels = {clip: [str((3 * n + k // 4) % len(names)) for k in range(24)] for n, clip in enumerate(clips)}
    for file, mine in (("train.csv", clips[:6]), ("val.csv", clips[6:])):
        frame_list(root / "annotation" / file, {clip: labels[clip] for clip in mine})
    for clip in clips:
        image_folder(root / "dataset" / "image" / clip, 24)
    return root


def mammalnet(root: Path) -> Path:
    """MammalNet's composition lists: path, behaviour, genus, without a header."""
    (root / "annotation" / "composition").mkdir(parents=True)
    (root / "trimmed_videos").mkdir()
    for split, numbers in (("train", range(6)), ("test", range(6, 9))):
        lines = [f"trimmed_videos/vid_{n}.mp4 {n % 3} {17 * n}" for n in numbers]
        (root / "annotation" / "composition" / f"{split}.csv").write_text("\n".join(lines) + "\n")
        for n in numbers:
            draw_video(root / "trimmed_videos" / f"vid_{n}.mp4", 12)
    return root


BORIS_AGGREGATED = """\
Observation id,Observation date,Description,Observation type,Source,Time offset (s),Coding duration,Media duration (s),\
FPS (frame/s),weather,Subject,Observation duration by subject by observation,Behavior,Behavioral category,Modifier #1,\
Behavior type,Start (s),Stop (s),Duration (s),Media file name,Image index start,Image index stop,\
Image file path start,Image file path stop,Comment start,Comment stop
day 1,2024-01-01 10:00:00,,Media file(s),player #1:a.mp4,0.0,2.0,2.4,25.0,dry,No focal subject,2.0,walking,,,\
STATE,0.2,1.0,0.8,a.mp4,5,25,NA,NA,,
day 1,2024-01-01 10:00:00,,Media file(s),player #1:a.mp4,0.0,2.0,2.4,25.0,dry,No focal subject,2.0,resting,,slow,\
STATE,1.0,2.0,1.0,a.mp4,25,50,NA,NA,"sleepy, or so",
day 1,2024-01-01 10:00:00,,Media file(s),player #1:a.mp4,0.0,2.0,2.4,25.0,dry,No focal subject,2.0,calling,,,\
POINT,0.4,0.4,NA,a.mp4,10,10,NA,NA,,
"""

BORIS_TABULAR = """\
Observation id,day 1
Media file(s)
Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),\
Media duration (s),FPS (frame/s),Subject,Behavior,Behavioral category,Behavior type,Time,Media file name,Image index,\
Image file path,Comment
day 1,2024-01-01,,2.4,Media file(s),player #1:a.mp4,0.0,2.4,25.0,,walking,,START,0.2,a.mp4,5,NA,
day 1,2024-01-01,,2.4,Media file(s),player #1:a.mp4,0.0,2.4,25.0,,calling,,POINT,0.4,a.mp4,10,NA,
day 1,2024-01-01,,2.4,Media file(s),player #1:a.mp4,0.0,2.4,25.0,,walking,,STOP,1.0,a.mp4,25,NA,
day 1,2024-01-01,,2.4,Media file(s),player #1:a.mp4,0.0,2.4,25.0,,resting,,START,1.0,a.mp4,25,NA,
day 1,2024-01-01,,2.4,Media file(s),player #1:a.mp4,0.0,2.4,25.0,,resting,,STOP,2.0,a.mp4,50,NA,
"""

BORIS_OLD = """\
Observation id\tObservation date\tMedia file\tTotal length\tFPS\tSubject\tBehavior\tModifiers\tBehavior type\tStart (s)\
\tStop (s)\tDuration (s)\tComment start\tComment stop
day 1\t2017-01-01\ta.mp4\t2.4\t25.0\t\twalking\t\tSTATE\t0.2\t1.0\t0.8\t\t
day 1\t2017-01-01\ta.mp4\t2.4\t25.0\t\tresting\t\tSTATE\t1.0\t2.0\t1.0\t\t
day 1\t2017-01-01\ta.mp4\t2.4\t25.0\t\tcalling\t\tPOINT\t0.4\t0.4\tNA\t\t
"""


def boris_project_text() -> str:
    """A project of BORIS with the events of the tables above."""
    kinds = {"walking": "State event", "calling": "Point event", "resting": "State event"}
    events = [(0.2, "walking"), (0.4, "calling"), (1.0, "resting"), (1.0, "walking"), (2.0, "resting")]
    observation = {
        "type": "MEDIA",
        "time offset": 0.0,
        "events": [[time, "", label, "", "sleepy, or so", round(25 * time)] for time, label in events],
        "file": {"1": ["a.mp4"], "2": []},
        "media_info": {"length": {"a.mp4": 2.4}, "fps": {"a.mp4": 25.0}},
    }
    content = {
        "project_format_version": "7.0",
        "behaviors_conf": {str(n): {"code": code, "type": kinds[code]} for n, code in enumerate(kinds)},
        "observations": {"day 1": observation},
    }
    return json.dumps(content, indent=1)


DEEPETHOGRAM = """\
,background,walking,calling
0,1,0,0
1,0,1,0
2,0,1,1
3,-1,-1,-1
4,1,0,0
"""


def feral_text() -> str:
    content = {
        "is_multilabel": False,
        "class_names": {"0": "other", "1": "walking", "2": "resting"},
        "labels": {"a.mp4": [0, 1, 1, 0], "b.mp4": [2, 2, 0, 1]},
        "splits": {"train": ["a.mp4"], "val": [], "test": ["b.mp4"], "inference": []},
    }
    return json.dumps(content, indent=1)


def as_rows(text: str, delimiter: str = ",") -> list[list[str]]:
    import csv
    import io

    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def save_book(path: Path, rows: Sequence[Sequence[object]], title: str = "events") -> Path:
    return save_sheets(path, {title: rows})


def save_sheets(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> Path:
    book = Workbook(write_only=True)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path
