"""NWB: bouts as ndx-ethogram has them, a file per video. Written, not read.

Each behaviour of each animal has a table of its own (``EthogramBouts``), named ``walking`` or ``walking of mother``:
its rows do not overlap, so that pynapple, which joins rows that do and drops their labels, keeps them. A column tells
the animal, for which the extension has none. When an animal was watched says a table of its own, to which those of its
bouts are linked (``observation_intervals``); the catalogue (``Ethogram``) lists all behaviours.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from amclip.atomic import replacing
from amclip.data.extras import required
from amclip.data.formats.frames import below_a_folder, one_name_each
from amclip.data.formats.label_format import LabelFormat, Writer
from amclip.data.formats.notes import splits, without_suffix
from amclip.data.formats.origin import Origin, Writing
from amclip.data.formats.sessions import Session, sessions_of
from amclip.data.intervals import Timeline, complement, timelines_of
from amclip.data.table import LabelTable
from amclip.version import __version__

__all__ = ["FORMAT", "write"]

_CATALOGUE = "ethogram"
_UNDEFINED = "not defined in the labels"


def write(table: LabelTable, target: Path, writing: Writing) -> list[str]:
    """A file per video, below the target folder.

    Raises:
        LabelError: If it is not said when the recordings began.
        ModuleNotFoundError: If pynwb or ndx-ethogram is not installed.
    """
    timelines = timelines_of(table)
    one_name_each(table, "NWB file")
    below_a_folder(table, "NWB files")
    sessions = sessions_of(writing.origin, table.videos(), table.source)
    pynwb, ethogram = (required(library, str(target), "nwb") for library in ("pynwb", "ndx_ethogram"))
    for timeline in timelines:
        content = _content(pynwb, ethogram, timeline, table.classes, sessions[timeline.video], writing.origin)
        with (
            replacing(target / _file_of(timeline.video), suffix=".nwb") as temporary,
            pynwb.NWBHDF5IO(str(temporary), "w") as file,
        ):
            file.write(content)
    return splits(table)


def _content(
    pynwb: Any, ethogram: Any, timeline: Timeline, classes: Iterable[str], session: Session, origin: Origin
) -> Any:
    """What the file of a video holds, an ``NWBFile``."""
    content = pynwb.NWBFile(
        session_description=session.description,
        identifier=session.identifier,
        session_start_time=session.start,
        experimenter=None if origin.annotator is None or origin.by == "automated" else [origin.annotator],
    )
    module = content.create_processing_module("behavior", f"Bouts of behaviour in {timeline.video}")
    names = {_CATALOGUE}
    catalogue = ethogram.Ethogram(name=_CATALOGUE, description="All behaviours that were labelled, shown or not")
    for name in classes:
        catalogue.add_row(behavior=name, definition=_UNDEFINED, behavior_type="state")
    module.add(catalogue)
    for subject in timeline.subjects or ("",):
        one = timeline.of(subject)
        spans = complement(one.unlabelled, timeline.end)
        if not spans:
            continue
        of_whom = f" of {subject}" if subject else ""
        watched = pynwb.epoch.TimeIntervals(
            name=_object_name(f"observed{of_whom}", names),
            description=f"When it was labelled what {subject or 'any animal'} does in {timeline.video}",
        )
        for start, stop in spans:
            watched.add_row(start_time=start, stop_time=stop)
        module.add(watched)
        for label in dict.fromkeys(name for name in classes if any(bout.label == name for bout in one.bouts)):
            bouts = ethogram.EthogramBouts(
                name=_object_name(f"{label}{of_whom}", names),
                description=f"{label}{of_whom} in {timeline.video}",
                labeling_method=origin.by,
                observation_intervals=watched,
                ethogram=catalogue,
                **_provenance(timeline, origin),
            )
            bouts.add_column("subject", "The animal; empty: whoever is in the picture")
            for bout in one.bouts:
                if bout.label == label:
                    bouts.add_row(start_time=bout.start, stop_time=bout.stop, label=label, subject=subject)
            module.add(bouts)
    return content


def _provenance(timeline: Timeline, origin: Origin) -> dict[str, str]:
    """Attributes of a table of bouts that tell where they come from."""
    told = {"parameters": json.dumps({"video": timeline.video}, ensure_ascii=False)}
    if origin.by != "manual":
        told["source_software"] = f"amclip {__version__}"
    if origin.annotator is not None:
        told["annotator"] = origin.annotator
    return told


def _object_name(name: str, taken: set[str]) -> str:
    """A name that NWB takes, which may hold neither ``/`` nor ``:``, and that no other object of the file has."""
    plain = name.replace("/", "_").replace(":", "_")
    plain = plain if plain.strip(".") else f"behaviour {plain}"  # HDF5's own words for a group and the one above
    numbered = (plain, *(f"{plain} ({number})" for number in range(2, len(taken) + 3)))
    found = next(one for one in numbered if one not in taken)
    taken.add(found)
    return found


def _file_of(video: str) -> str:
    return f"{without_suffix(video)}.nwb"


FORMAT = LabelFormat(
    "nwb",
    "NWB with bouts as ndx-ethogram has them",
    None,
    Writer(
        write,
        holds_bouts=True,
        holds_subjects=True,
        holds_origin=("labelling", "annotator", "session_start", "identifier", "session_description"),
        files=lambda table: [_file_of(video) for video in table.videos()],
    ),
)
