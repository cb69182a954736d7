"""``amclip tracks``: what files of tracks hold, and the same as one table."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amclip.atomic import refuse_overwriting
from amclip.text import counted, printable

if TYPE_CHECKING:
    from rich.table import Table

    from amclip.data.tracks import Tracks
    from amclip.data.video import VideoInfo

__all__ = ["tracks"]

_BESIDE = ("outside", "behind the end")


def tracks(
    files: str | list[str],
    output: str | None = None,
    root: str | None = None,
    names: dict[str, str] | None = None,
    min_likelihood: float | None = None,
    offset: tuple[float, float] = (0.0, 0.0),
    mot_first_pixel: Literal[0, 1] = 1,
    coco_first_frame: Literal[0, 1] | None = None,
    cvat_name: str | None = None,
) -> None:
    """Show what files of tracks hold, animal by animal, and write them as amclip's table of tracks.

    What the files leave open is settled here: give the table that is written to all other commands.

    Args:
        files: SLEAP's .slp or analysis HDF5, DeepLabCut's HDF5 or CSV, JSON in the form of COCO, MOT text, CVAT's XML
            1.1 for video, or a table of tracks: a file, a folder of them, or several '[a.slp, b.h5]'.
        output: The table to write, such as tracks.csv. Default: none, only what the files hold is shown.
        root: Folder of the videos. With it the table names them as they lie there, and boxes outside of the image and
            behind the end of the video are counted.
        names: Other names for animals, by those in the files: '{track_0: male, track_1: female}'. Tracks of a video
            that get one name become one, as where an animal left and came back under another.
        min_likelihood: Body points less likely than this are left out. Default: 0.6 for DeepLabCut, which writes a
            place for every point however unlikely; none for SLEAP, which leaves out what it did not find.
        offset: Left and top, in pixels of the video, of the part that was tracked, where positions are measured in that
            part alone, as DeepLabCut does where it crops: '[x1, y1]'.
        mot_first_pixel: Number of the leftmost and uppermost pixel in MOT text.
        coco_first_frame: Number of a video's first frame in JSON in the form of COCO. Default: 0 where there is a frame
            of that number; otherwise it must be said.
        cvat_name: Attribute that holds the animal's name in CVAT's XML. Default: the number of the track.

    Raises:
        LabelError: If a file cannot be used.
        ValueError: If an argument does not fit, or the table is one of the files.
    """
    from rich.console import Console

    from amclip.data.tracks import TrackReading, read_tracks, track_files, write_tracks

    reading = TrackReading(min_likelihood, mot_first_pixel, coco_first_frame, cvat_name, offset, names or {})
    if output is not None:
        refuse_overwriting("--output", output, track_files(files))
    found = read_tracks(files, reading)
    infos: dict[str, VideoInfo] = {}
    if root is not None:
        found, infos = _beside_videos(found, Path(root))
    console = Console()
    if not console.is_terminal:
        console.width = 160  # of a file that is written, no line is folded for a window of 80 letters
    console.print(_table(found, infos))
    for note in found.notes:
        print(printable(f"note: {note}"))
    if output is not None:
        boxes = sum(len(track.frames) for known in found.videos.values() for track in known)
        size = f"{counted(boxes, 'box', 'boxes')} of {counted(len(found.videos), 'video')}"
        print(f"Wrote {size} to {write_tracks(found, output)}")


def _table(found: "Tracks", infos: "Mapping[str, VideoInfo]") -> "Table":
    """A line per animal; with what is beside its video where that is known."""
    from rich.table import Table
    from rich.text import Text

    from amclip.data.tracks.summary import outside, summary

    table = Table(box=None)
    for column in ("video", "animal"):
        table.add_column(column, overflow="fold")
    for column in ("frames", "first", "last", "gaps", "longest gap", "box", "body", *_BESIDE * bool(infos)):
        table.add_column(column, justify="right")
    for video, known in found.videos.items():
        for track in known:
            one = summary(track)
            cells: list[object] = [one.frames, one.first, one.last, one.gaps, one.longest_gap]
            cells += [f"{one.side:.1f}", "-" if one.body_length is None else f"{one.body_length:.1f}"]
            if video in infos:
                info = infos[video]
                late = int((track.frames >= info.num_frames).sum())
                cells += [f"{outside(track, info.width, info.height):.1%}", late]
            table.add_row(*(Text(printable(str(cell))) for cell in (video, track.subject, *cells)))
    return table


def _beside_videos(found: "Tracks", root: Path) -> "tuple[Tracks, dict[str, VideoInfo]]":
    """The tracks by the names that the videos have below a folder, and what probing found of each.

    Raises:
        ValueError: If a video is not there or cannot be read.
    """
    from amclip.data.find import list_videos
    from amclip.data.label_error import LabelError
    from amclip.data.probe import probe
    from amclip.data.tracks import Tracks, match_names
    from amclip.data.video import VideoInfo

    there = {video.relative_to(root).as_posix(): video for video in list_videos(root)}
    names = {name: video for video, name in match_names(found, there).items()}
    missing = [video for video in found.videos if video not in names]
    if missing:
        raise LabelError(f"no video below {root} is {missing[0]!r}; --root is the folder of the videos", found.source)
    probed = probe([there[video] for video in names.values()])
    infos = {}
    for video in names.values():
        info = probed[there[video]]
        if not isinstance(info, VideoInfo):
            raise ValueError(str(info))
        infos[video] = info
    return Tracks(found.source, {names[name]: known for name, known in found.videos.items()}, found.notes), infos
