"""What a format of tracks is: how it is told and read, and what reading gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from amclip.data.tracks.building import LARGEST_PIXEL
from amclip.data.tracks.track import Track

__all__ = ["Found", "Hdf5Reader", "TextReader", "TrackFormat", "TrackReading"]


@dataclass(frozen=True)
class TrackReading:
    """How files of tracks are read, where a file leaves a choice.

    Args:
        min_likelihood: Body points less likely than this are left out, and those whose likelihood is not known.
            Default: 0.6 for DeepLabCut, which writes a place for every point however unlikely, and draws those above
            0.6; none for SLEAP, which leaves out what it did not find.
        mot_first_pixel: Number of the leftmost and uppermost pixel in MOT text: 1 by the format's rules, 0 by habit of
            some programs.
        coco_first_frame: Number of a video's first frame in JSON in the form of COCO. Default: 0 where there is a frame
            of that number; otherwise nothing says it, and the file is refused.
        cvat_name: Attribute that holds the animal's name in CVAT's XML. Default: animals are named by the number of
            their track.
        offset: Left and top, in pixels of the video, of the part that was tracked; for programs that measure positions
            in the part alone, as DeepLabCut does where it crops.
        names: Other names for animals, by those in the files: ``{"track_0": "male"}``. Tracks of a video that get one
            name become one track.

    Raises:
        ValueError: If a value is out of range.
    """

    min_likelihood: float | None = None
    mot_first_pixel: Literal[0, 1] = 1
    coco_first_frame: Literal[0, 1] | None = None
    cvat_name: str | None = None
    offset: tuple[float, float] = (0.0, 0.0)
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.min_likelihood is not None and not 0 <= self.min_likelihood <= 1:
            raise ValueError(f"min_likelihood: expected a number from 0 to 1, got {self.min_likelihood}")
        if self.mot_first_pixel not in (0, 1):
            raise ValueError(f"mot_first_pixel: expected 0 or 1, got {self.mot_first_pixel!r}")
        if not all(abs(pixels) <= LARGEST_PIXEL for pixels in self.offset):
            raise ValueError(f"offset: expected two numbers of pixels, got {self.offset}")
        if self.coco_first_frame not in (None, 0, 1):
            raise ValueError(f"coco_first_frame: expected 0 or 1, got {self.coco_first_frame!r}")

    def threshold(self, usual: float) -> float:
        """The least likelihood of a body point; ``usual`` is that of the format."""
        return usual if self.min_likelihood is None else self.min_likelihood


@dataclass(frozen=True)
class Found:
    """What a file says.

    Attributes:
        tracks: Name of the video and track; the name is ``""`` where the file names no video.
        stem: Name of the video as the file's own name, or that of its folder, has it, where the format adds something
            to it: a path from the file's folder. Else ``None``.
        notes: What of the file is in no track, in words.
    """

    tracks: list[tuple[str, Track]]
    stem: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TextReader:
    """Reads files of text.

    Attributes:
        matches: Whether a text is in this format.
        read: A file's text and its name, for messages, to what it says.
    """

    matches: Callable[[str], bool]
    read: Callable[[str, str, TrackReading], Found]


@dataclass(frozen=True)
class Hdf5Reader:
    """Reads HDF5 files.

    Attributes:
        matches: Whether an open ``h5py.File`` is in this format.
        read: An open ``h5py.File`` and its name, for messages, to what it says.
    """

    matches: Callable[[Any], bool]
    read: Callable[[Any, str, TrackReading], Found]


@dataclass(frozen=True)
class TrackFormat:
    """A format of tracks, in a module of its own.

    Attributes:
        title: What a file in it is, for messages.
        reader: How it is told and read.
    """

    title: str
    reader: TextReader | Hdf5Reader
