"""What `amclip annotate` found, as a table of labels: for other tools, which are written from such tables."""

import os
from dataclasses import replace
from pathlib import Path

from amclip.data.formats.cutting import cut_noted
from amclip.data.formats.label_format import Noted, Reading
from amclip.data.formats.observations import refuse_observations
from amclip.data.intervals import Timeline, complement
from amclip.data.table import LabelTable
from amclip.ethogram.annotation_file import FILE_NAME, AnnotatedRun, AnnotatedVideo, read_run
from amclip.ethogram.annotations import read_annotation

__all__ = ["annotated_run", "labels_of_run"]

_BOUTS = "bouts.csv"


def annotated_run(path: str | os.PathLike[str]) -> AnnotatedRun | None:
    """The annotation that a path names, its folder or the table of bouts in that; ``None`` where it names none.

    Raises:
        ValueError: If its ``annotation.json`` cannot be used.
    """
    folder = Path(path).parent if Path(path).name == _BOUTS else Path(path)
    return read_run(folder) if (folder / FILE_NAME).is_file() and (folder / _BOUTS).is_file() else None


def labels_of_run(run: AnnotatedRun, reading: Reading) -> LabelTable:
    """The bouts of an annotation as clips. When an animal is not in the picture, it is not labelled.

    Args:
        run: The annotation.
        reading: How bouts become clips.

    Raises:
        LabelError: If a table of it cannot be used, or behaviours are none of the classes.
    """
    source = str(run.folder / _BOUTS)
    refuse_observations(reading.observations, source)
    annotation = read_annotation(run.folder)
    known = {one.video: one for one in run.videos}
    timelines = [_with_absences(one, known[one.video]) if one.video in known else one for one in annotation.timelines]
    return reading.finished(cut_noted(Noted(timelines, list(annotation.classes), "behaviour"), source, reading))


def _with_absences(timeline: Timeline, video: AnnotatedVideo) -> Timeline:
    """A time line that tells when each animal was not there; what the whole scene shows is known all the same."""
    away = [
        (subject, *gap)
        for subject, spans in video.present.items()
        for gap in complement([(span.start, span.stop) for span in spans], timeline.end)
    ]
    return replace(timeline, unwatched=tuple(away))
