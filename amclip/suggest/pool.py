"""All windows that could be suggested, and the choice among them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amclip.data.clock import Clock
from amclip.data.formats import NoObservationsError, Observations, Reading, read_part
from amclip.data.gpu_reader import GpuDecodingError
from amclip.data.locate import locate_videos, same_name
from amclip.data.probe import probe
from amclip.data.sources import Labels, default_root, label_files
from amclip.data.tracks import Tracks, tracks_of
from amclip.data.tracks.summary import describe_odd
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.ethogram.inputs import Source
from amclip.ethogram.stream import Decoder
from amclip.inference import TrainedModel
from amclip.long_work import LongWork
from amclip.suggest.choose import choose_windows, uncertainty
from amclip.suggest.windows import EmbeddedWindows, embed_windows

__all__ = ["Chosen", "Labelled", "PoolVideo", "choose_from", "embed_pool", "labelled_intervals"]


class Labelled(NamedTuple):
    """An interval that has labels: start and stop in seconds, and the animal; ``""``: the whole scene."""

    start: float
    stop: float
    subject: str = ""


Intervals = Mapping[Path, Sequence[Labelled]]


@dataclass(frozen=True)
class PoolVideo:
    """One video of the pool and its windows; where animals are told apart, one animal in it.

    Attributes:
        source: The video.
        windows: The windows.
        alone: Whether there is no other animal in the video: labels that name none are of this one.
    """

    source: Source
    windows: EmbeddedWindows
    alone: bool = True

    def is_labelled_by(self, label: Labelled) -> bool:
        """Whether a label is of the animal that this is of. Any animal's is a label of the whole scene."""
        subject = self.windows.scores.subject
        if not label.subject:
            return self.alone
        return not subject or same_name(label.subject) == same_name(subject)


@dataclass(frozen=True)
class Chosen:
    """A window to label.

    Attributes:
        video: Its video, and the animal in it.
        row: Its number among the windows of the animal or video.
        uncertainty: See :func:`amclip.suggest.choose.uncertainty`; 1 is usual.
    """

    video: PoolVideo
    row: int
    uncertainty: float

    @property
    def start(self) -> float:
        """Seconds since the first frame."""
        return float(self.video.windows.scores.start[self.row])

    @property
    def stop(self) -> float:
        """Seconds since the first frame."""
        return float(self.video.windows.scores.stop[self.row])


def embed_pool(
    model: TrainedModel,
    sources: Sequence[Source],
    window: float,
    hop: float,
    batch: int,
    probe_timeout: float,
    tracks: Tracks | None = None,
    decoder: Decoder = "cpu",
) -> tuple[list[PoolVideo], dict[str, str]]:
    """Score and embed the windows of all videos, or, where there are tracks, of the animals in them.

    A video that a GPU's decoder does not give for certain is read from its beginning by the CPU's; a warning says so.

    Returns:
        The videos that could be read, those of one video one after the other, and by name why others could not.
    """
    found = probe((source.path for source in sources), timeout=probe_timeout)
    if words := model.describe_slow(found):
        warnings.warn(words, stacklevel=1)
    infos = {source.name: info for source in sources if isinstance(info := found[source.path], VideoInfo)}
    if tracks is not None and (words := describe_odd(tracks, infos)):
        warnings.warn(words, stacklevel=1)
    pool: list[PoolVideo] = []
    errors: dict[str, str] = {}
    before = 0.0
    with LongWork("Scoring", sum(info.duration for info in infos.values()), "seconds of video") as work:
        for source in sources:
            try:
                info = found[source.path]
                if isinstance(info, VideoError):
                    raise info
                tell = partial(_tell, work, source.name, before, info.duration)
                embed = partial(embed_windows, model, source.name, source.path, info, window, hop, batch, tell, tracks)
                try:
                    found_of = embed(decoder=decoder)
                except GpuDecodingError as error:
                    warnings.warn(f"{source.name}: decoded on the CPU, since {error.reason}", stacklevel=1)
                    found_of = embed()
                alone = tracks is None or len(tracks_of(tracks, source.name)) == 1
                pool += [PoolVideo(source, windows, alone) for windows in found_of]
            except VideoError as error:
                errors[source.name] = error.reason
            before += infos[source.name].duration if source.name in infos else 0.0
    return pool, errors


def labelled_intervals(labels: Labels, root: str | None, fps: float | None = None) -> dict[Path, list[Labelled]]:
    """Which intervals tables have labels for, by video, and of which animal; a clip without times is its whole video.

    Args:
        labels: A table or several; what they say of one interval need not be the same.
        root: The folder that their paths start from. Default: that of the first table.
        fps: Frames per second, for labels per frame of videos that are not there.

    Raises:
        LabelError: If a table cannot be read.
    """
    home = Path(root) if root is not None else default_root(labels)
    intervals: dict[Path, list[Labelled]] = {}
    clock = Clock(home, fps)
    for file in label_files(labels):
        try:
            # Whoever looked, somebody did.
            table = read_part(file, Reading(clock=clock, observations=Observations("*"), subjects="each"))
        except NoObservationsError:
            table = read_part(file, Reading(clock=clock, subjects="each"))
        for clip in locate_videos(table, home).clips:
            times = (0.0, float("inf")) if clip.start is None or clip.stop is None else (clip.start, clip.stop)
            intervals.setdefault((home / clip.video).resolve(), []).append(Labelled(*times, clip.subject))
    return intervals


def choose_from(
    pool: Sequence[PoolVideo], taken: Intervals, count: int, seed: int, apart: bool = True
) -> tuple[list[Chosen], int]:
    """Choose windows from the pool that overlap no interval that is labelled already.

    Args:
        pool: The videos, or the animals in them; a window of one of these is one candidate.
        taken: What is labelled, by video.
        count: How many windows; all, where there are fewer.
        seed: Of the grouping.
        apart: Windows of one video, or of one animal in it, shall not overlap. The last one ends with its video and may
            reach into the one before it; then the more unsure of the two is there to be chosen.

    Returns:
        The chosen, in the order of choosing, and how many there were to choose from.

    Raises:
        ValueError: If there is none to choose from.
    """
    free = [
        (video, row)
        for video in pool
        for row in range(len(video.windows.scores.start))
        if _is_free(video, row, taken.get(video.source.path.resolve(), ()))
    ]
    if not free:
        raise ValueError(
            "there is no window to suggest: no video could be read, all are labelled already, or no animal has boxes "
            "in half of the frames of one"
        )
    probabilities = np.stack([video.windows.scores.probabilities[row] for video, row in free])
    if apart:
        kept = _apart(free, uncertainty(probabilities))
        free, probabilities = [free[index] for index in kept], probabilities[kept]
    embeddings = np.stack([video.windows.embeddings[row] for video, row in free])
    unsure = uncertainty(probabilities).tolist()
    order = choose_windows(embeddings, probabilities, count, seed).tolist()
    return [Chosen(free[index][0], free[index][1], unsure[index]) for index in order], len(free)


def _apart(free: Sequence[tuple[PoolVideo, int]], unsure: NDArray[np.float64]) -> list[int]:
    """Numbers of windows of which none overlaps the one kept before it in its video, of its animal."""
    kept: list[int] = []
    for index, (video, row) in enumerate(free):
        if kept and free[kept[-1]][0] is video:
            scores = video.windows.scores
            if scores.start[row] < scores.stop[free[kept[-1]][1]] - 0.5 / scores.extent.fps:
                if unsure[index] > unsure[kept[-1]]:
                    kept[-1] = index
                continue
        kept.append(index)
    return kept


def _tell(work: LongWork, name: str, before: float, duration: float, fraction: float) -> None:
    work.reach(round(before + fraction * duration, 1), name)


def _is_free(video: PoolVideo, row: int, intervals: Sequence[Labelled]) -> bool:
    scores = video.windows.scores
    start, stop = float(scores.start[row]), float(scores.stop[row])
    margin = 0.5 / scores.extent.fps  # tables are rounded: half a frame is no overlap
    return not any(
        one.start < stop - margin and one.stop > start + margin and video.is_labelled_by(one) for one in intervals
    )
