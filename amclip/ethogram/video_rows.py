"""What is scored of one video, and of whom: its windows, or those of the animals that are tracked in it."""

from dataclasses import dataclass

import numpy as np

from amclip.data.crops import Animal
from amclip.data.label_error import LabelError
from amclip.data.tracks import Tracks, tracks_of
from amclip.data.video import Video
from amclip.data.video_file import VideoError
from amclip.ethogram.plan import WindowPlan
from amclip.ethogram.row_plan import RowPlan, rows_of_animals, rows_of_windows
from amclip.ethogram.scores import Presence
from amclip.inputs import CropInput

__all__ = ["VideoRows", "rows_of_video"]


@dataclass(frozen=True)
class VideoRows:
    """The rows of one video, and whose they are.

    Attributes:
        rows: The rows.
        subjects: Names of the animals, by their number in the rows; one without a name is the whole scene.
        present: When each animal is in the picture, as far as its rows look at it; ``None`` for the whole scene.
    """

    rows: RowPlan
    subjects: tuple[str, ...]
    present: tuple[tuple[Presence, ...], ...] | None


def rows_of_video(
    video: Video, name: str, plan: WindowPlan, crop: CropInput | None, tracks: Tracks | None
) -> VideoRows:
    """Rows of a video: of each of its animals where these are cut out, else of the whole scene.

    Args:
        video: Open as the model sees it.
        name: Its name in the tracks.
        plan: The windows.
        crop: How animals are cut out; ``None``: they are not.
        tracks: Where the animals are.

    Raises:
        VideoError: If animals are cut out and the video has no track, or one that does not say how large its animal is.
    """
    if tracks is None or crop is None:
        return VideoRows(rows_of_windows(plan, video.timestamps()), ("",), None)
    try:
        animals = [Animal.of(track, video.fps) for track in tracks_of(tracks, name)]
    except LabelError as error:
        raise VideoError(video.path, error.reason) from error
    except ValueError as error:
        raise VideoError(video.path, str(error)) from error
    times = video.timestamps()
    rows = rows_of_animals(plan, times, animals, crop)
    ends = np.append(times, video.duration).tolist()
    present = tuple(
        tuple(
            Presence(ends[first], ends[stop], first, stop)
            for first, stop in rows.seen(number, animal.stretches(video.num_frames))
        )
        for number, animal in enumerate(animals)
    )
    return VideoRows(rows, tuple(animal.track.subject for animal in animals), present)
