"""SLEAP's ``.slp``: bouts as events, by sleap-io. Written, not read.

An event of SLEAP goes from its first frame to its last, both included, counted from 0; amclip's bouts end where they
are no longer seen. Whose it is says an identity, which is an animal wherever it is seen (a track is a path in one
video).
"""

from pathlib import Path
from typing import Any

import numpy as np

from amclip.atomic import replacing
from amclip.data.extras import required
from amclip.data.formats.frames import frame_values
from amclip.data.formats.label_format import LabelFormat, Writer
from amclip.data.formats.notes import gaps, moved, splits
from amclip.data.formats.origin import Writing
from amclip.data.intervals import timelines_of
from amclip.data.table import LabelTable
from amclip.version import __version__

__all__ = ["FORMAT", "write"]


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """All videos in one file: a network's bouts are predicted events, a person's those of a user.

    Raises:
        LabelError: If it is not known when frames are shown.
        ModuleNotFoundError: If sleap-io is not installed, or knows no events.
    """
    sleap = required("sleap_io", str(target))
    if not hasattr(sleap, "PredictedEvent"):
        raise ModuleNotFoundError(
            f"{target}: sleap-io {sleap.__version__} knows no events; pip install --upgrade 'amclip[tracks]'"
        )
    timelines = timelines_of(table)
    kinds = {name: sleap.EventType(name=name) for name in table.classes}
    subjects = dict.fromkeys(subject for timeline in timelines for subject in timeline.subjects if subject)
    animals = {name: sleap.Identity(name=name) for name in subjects}
    made = sleap.PredictedEvent if writing.origin.by == "automated" else sleap.UserEvent
    videos, events, off = [], [], 0
    for timeline in timelines:
        path = writing.clock.path(timeline.video)
        video = sleap.Video(filename=timeline.video if path is None else str(path), open_backend=False)
        videos.append(video)
        for subject in timeline.subjects or ("",):
            frames, between = frame_values(timeline.of(subject), table.classes, writing.clock, table.source)
            off += between
            for column, name in enumerate(table.classes):
                for first, stop in _runs(frames[:, column] == 1):
                    more = {"subject": animals.get(subject), "source": f"amclip {__version__}"}
                    events.append(made(type=kinds[name], video=video, start_frame=first, end_frame=stop - 1, **more))
    events.sort(key=lambda event: (videos.index(event.video), event.start_frame, event.end_frame))
    labels = sleap.Labels(
        videos=videos, identities=list(animals.values()), event_types=list(kinds.values()), events=events
    )
    with replacing(target, suffix=".slp") as temporary:
        sleap.save_slp(labels, str(temporary), verbose=False)
    notes = moved(off) + splits(table)
    return notes + gaps(timelines, "SLEAP has no word for intervals nobody observed; they read as showing nothing")


def _runs(shown: Any) -> list[tuple[int, int]]:
    """First frame and the one behind the last of each run of frames that show a behaviour; bool ``[N]``."""
    turns = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(shown, np.int8), [0]]))).tolist()
    return list(zip(turns[::2], turns[1::2], strict=True))


FORMAT = LabelFormat(
    "sleap",
    "SLEAP's .slp with events",
    None,
    Writer(write, holds_bouts=True, holds_subjects=True, holds_origin=("labelling",), suffix=".slp"),
)
