"""A small study in BORIS: videos, a project with offsets and several files, and what a network found in the videos."""

import json
import sys
from pathlib import Path
from typing import Any

from drawn import draw_video
from drawn_scores import CLASSES, frame_times, scores_of

import amclip
from amclip.data.boris_layout import media_observation, project_frame
from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.outputs import write_outputs

FRAMES = {"a.mp4": 140, "b.mp4": 70, "c.mp4": 90}
LENGTHS = {name: round(float(frame_times(number)[-1]), 3) for name, number in FRAMES.items()}
OFFSET = 100.0
#: Starts the amclip that is tested, wherever it is.
COMMAND = (
    *(sys.executable, "-c"),
    f"import sys; sys.path.insert(0, {str(Path(amclip.__file__).parents[1])!r}); from amclip.cli import main; main()",
)


def project() -> dict[str, Any]:
    """As BORIS saves it: ``day 1`` counts from 100 s on, ``day 2`` has two files and nobody in particular."""
    content = project_frame("a study", "", CLASSES, subjects=("hen", "Küken 2"))
    for behaviour in content["behaviors_conf"].values():
        if behaviour["code"] == "wing":
            behaviour["type"] = "Point event"
    first = [(0.5, "hen", "walking"), (1.25, "Küken 2", "walking"), (2.75, "hen", "walking"), (3.0, "hen", "wing")]
    first += [(4.0, "Küken 2", "walking"), (4.0, "", "still, resting"), (5.5, "", "still, resting")]
    second = [(0.25, "", "walking"), (4.0, "", "walking"), (5.0, "", "wing")]
    events = [[[time, subject, name, "", "", "NA"] for time, subject, name in some] for some in (first, second)]
    for event in events[0]:
        event[0] += OFFSET
    one = media_observation("videos/a.mp4", LENGTHS["a.mp4"], 23.0, events[0], "by a person")
    one["time offset"] = OFFSET
    two = media_observation("videos/b.mp4", LENGTHS["b.mp4"], 23.0, events[1], "by a person")
    two["file"]["1"].append("videos/c.mp4")
    for key, value in (("length", LENGTHS["c.mp4"]), ("fps", 23.0), ("hasVideo", True), ("hasAudio", False)):
        two["media_info"][key]["videos/c.mp4"] = value
    return content | {"observations": {"day 1": one, "day 2": two}}


def write_study(folder: Path) -> Path:
    """Videos, the project and, in ``annotated``, what a network found; returns the project's file."""
    (folder / "videos").mkdir(parents=True)
    for name, number in FRAMES.items():
        draw_video(folder / "videos" / name, number, milliseconds=[round(1000 * t) for t in frame_times(number)[:-1]])
    file = folder / "study.boris"
    file.write_text(json.dumps(project(), ensure_ascii=False), "utf-8")
    scores = [scores_of("a.mp4", FRAMES["a.mp4"], seed=1, subject=name) for name in ("hen", "Küken 2")]
    scores += [scores_of(name, FRAMES[name], seed=3) for name in ("b.mp4", "c.mp4")]
    write_outputs(folder / "annotated", scores, dict.fromkeys(CLASSES, BoutSettings()))
    return file
