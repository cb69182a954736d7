"""The flow bound of a new config, measured on a few pairs of frames."""

from dataclasses import replace

from amclip.commands.new_choices import Choice, Choices
from amclip.commands.new_survey import Survey
from amclip.data.animals import Animals
from amclip.data.flow_bound import MOST_PAIRS, bound_holds, fitting_bound, measure_flow
from amclip.data.locate import video_path
from amclip.long_work import LongWork
from amclip.text import counted

__all__ = ["with_measured_bound"]


def with_measured_bound(chosen: Choices, found: Survey) -> Choices:
    """What was chosen, with a bound that the flow of training clips fits; as it is where no flow is seen."""
    if chosen.modality.value == "frames":
        return chosen
    tracks, seen = chosen.source.read_tracks(), chosen.input
    training = chosen.table.split("train")
    known = [clip for clip in (training if len(training) else chosen.table).clips if clip.video in found.videos]
    infos = {video_path(found.root, clip): found.videos[clip.video] for clip in known}
    table, animals = replace(chosen.table, clips=tuple(known)), None if tracks is None else Animals(tracks)
    with LongWork("Measuring motion", MOST_PAIRS, "pairs of frames") as work:
        measured = measure_flow(table, found.root, infos, seen, animals, progress=work.reach)
    unit = "body lengths per second" if seen.crop is not None else "pixels from a frame to its partner"
    holds = f". It holds {words}" if (words := bound_holds(seen)) else ""
    if measured is None:
        reason = f"the motion that has the strongest colour, in {unit}; set it to what `amclip fit` says at its start"
        reason += holds
        return replace(chosen, bound=Choice(chosen.bound.value, reason))
    where = f"{measured.pairs} pairs of frames of {counted(measured.videos, 'video')}"
    return replace(
        chosen,
        bound=Choice(
            fitting_bound(measured.extent),
            f"the motion that has the strongest colour, in {unit}: measured on {where}, where nearly all moves "
            f"{measured.extent:.2g} or less{holds}",
        ),
    )
