"""Where labels come from, and when their videos were recorded: what only some of the formats that are written hold."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from amclip.data.clock import Clock

__all__ = ["Labelling", "Origin", "Writing"]

Labelling = Literal["manual", "automated", "curated"]
"""Who labelled: a person, a network, or a network whose bouts a person went over."""


@dataclass(frozen=True)
class Origin:
    """Where labels come from; nwb holds all of it, sleap who labelled.

    Args:
        labelling: Who labelled: manual, a person; automated, a network; curated, a network whose bouts a person went
            over. Default: automated for a folder of `amclip annotate`, manual for all else.
        annotator: nwb: the person or the lab that labelled or went over it.
        session_start: nwb: when the recording began, with its time zone: 2024-05-31T09:30:00+02:00. Of several videos a
            table with the columns filepath and session_start, and identifier and session_description if they are to be
            other than the default.
        identifier: nwb: what the recording is known by. Default: an id made from the video's name and session_start.
        session_description: nwb: what was recorded. Default: that there is behaviour in the video of this name.

    Raises:
        ValueError: If nobody labels so.
    """

    labelling: Labelling | None = None
    annotator: str | None = None
    session_start: str | None = None
    identifier: str | None = None
    session_description: str | None = None

    def __post_init__(self) -> None:
        if self.labelling not in (None, *get_args(Labelling)):
            raise ValueError(f"--labelling: expected one of {', '.join(get_args(Labelling))}, got {self.labelling!r}")

    @property
    def by(self) -> Labelling:
        """Who labelled; a person where nothing is said."""
        return self.labelling or "manual"


@dataclass(frozen=True)
class Writing:
    """What writers of formats know beside the table.

    Attributes:
        clock: When the frames of the videos are shown, for formats that count them.
        origin: Where the labels come from, for formats that hold it.
    """

    clock: Clock = field(default_factory=Clock)
    origin: Origin = field(default_factory=Origin)
