"""The files of single videos for other tools, and the project of BORIS that has them all."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from itertools import starmap
from pathlib import Path
from typing import TextIO

import numpy as np

from amclip.atomic import writing_text
from amclip.data import boris_columns
from amclip.data.subject_names import stem_with_subject
from amclip.ethogram import boris_files
from amclip.ethogram.annotation_file import AnnotatedVideo
from amclip.ethogram.bouts import BoutSettings, ScoredBout
from amclip.ethogram.output_tables import open_table

__all__ = ["PROJECT", "BorisProject", "files_of", "write_boris_tables", "write_deepethogram"]

PROJECT = "boris/amclip.boris"
_TABULAR, _AGGREGATED = "boris/{}_tabular_events.csv", "boris/{}_aggregated_events.csv"
_PER_FRAME = "deepethogram/{}_predictions.csv"
_FRAMES_AT_ONCE = 1 << 16


def files_of(stem: str, subjects: Sequence[str]) -> set[str]:
    """The files of a video, below the folder of the annotation.

    Args:
        stem: Name of its observation.
        subjects: The animals that were scored; none: the whole scene.
    """
    per_frame = {_PER_FRAME.format(stem_with_subject(stem, subject)) for subject in subjects or ("",)}
    return {_TABULAR.format(stem), _AGGREGATED.format(stem), *per_frame}


class BorisProject:
    """A BORIS project, an observation at a time."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._separator = file, "\n"
        self._subjects: dict[str, None] = {}

    @classmethod
    @contextmanager
    def open(cls, folder: Path, settings: Mapping[str, BoutSettings], named: bool) -> Iterator["BorisProject"]:
        """A project that is whole when it is closed; ``named``: animals are told apart, and listed."""
        said = {
            name: f"amclip: {', '.join(starmap('{}={:g}'.format, _set_values(rules)))}"
            for name, rules in settings.items()
        }
        classes = tuple(settings)
        with writing_text(folder / PROJECT) as file:
            file.write(boris_files.project_head(classes, said, named))
            project = cls(file)
            yield project
            file.write(boris_files.project_tail(classes, tuple(project._subjects) if named else None))

    def add(
        self, stem: str, about: AnnotatedVideo, subjects: Sequence[str], bouts: Sequence[ScoredBout], path: str | None
    ) -> None:
        """Write the observation of a video, with the bouts of all its animals."""
        self._subjects.update(dict.fromkeys(filter(None, subjects)))
        text = json.dumps(boris_files.observation(about, bouts, path), ensure_ascii=False)
        self._file.write(f"{self._separator}{json.dumps(stem, ensure_ascii=False)}: {text}")
        self._separator = ",\n"


def _set_values(settings: BoutSettings) -> list[tuple[str, float]]:
    values = asdict(settings) | {"off_threshold": settings.lower}
    return [(field.name, values[field.name]) for field in fields(settings)]


def write_boris_tables(folder: Path, stem: str, about: AnnotatedVideo, bouts: Sequence[ScoredBout]) -> None:
    """Write the events of all animals of a video as BORIS exports them."""
    with open_table(folder / _TABULAR.format(stem), boris_columns.TABULAR, durable=False) as rows:
        rows.writerows(boris_files.tabular_rows(stem, about, bouts))
    with open_table(folder / _AGGREGATED.format(stem), boris_columns.AGGREGATED, durable=False) as rows:
        rows.writerows(boris_files.aggregated_rows(stem, about, bouts))


def write_deepethogram(
    folder: Path, stem: str, subject: str, num_frames: int, classes: Sequence[str], bouts: Sequence[ScoredBout]
) -> None:
    """Write one animal's row per frame: its number, 1 where no behaviour is shown, and 0 or 1 per behaviour.

    An animal that is not in the picture shows no behaviour.
    """
    # "background" is DeepEthogram's word for no behaviour at all, and it has one such column.
    names = [name for name in classes if name != "background"]
    path = folder / _PER_FRAME.format(stem_with_subject(stem, subject))
    with open_table(path, ("", "background", *names), durable=False) as rows:
        for first in range(0, num_frames, _FRAMES_AT_ONCE):
            shown = np.zeros((min(_FRAMES_AT_ONCE, num_frames - first), len(names)), np.int8)
            for bout in bouts:
                if bout.behaviour in names:
                    begin, end = max(bout.start_frame - first, 0), max(bout.stop_frame - first, 0)
                    shown[begin:end, names.index(bout.behaviour)] = 1
            background = (shown.max(axis=1, initial=0) == 0).astype(np.int8)
            table = np.column_stack([np.arange(first, first + len(shown)), background, shown])
            rows.writerows(table.tolist())
