"""Which videos, and which parts of them, a network was trained and validated on, and whether a video is one of them.

A video is one of them where the file's name is the same, without folders, and its size in bytes too: a copy lies
elsewhere, and many folders have a ``clip_1.mp4``. Of folders of images, which have no size, the length is compared.
What `amclip prepare` wrote shows the same as what it was made of: either stands for the other, and for other copies; so
do copies of copies.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from amclip.data.intervals import Interval, union
from amclip.data.locate import same_name
from amclip.data.overlaps import ROUNDED
from amclip.data.table import Clip, LabelTable
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.text import counted, printable

if TYPE_CHECKING:
    from amclip.data.prepared.originals import Originals

__all__ = ["USES", "UsedVideo", "UsedVideos", "names_in_words", "shared_seconds"]

USES = ("train", "val")
"""Splits whose videos a network knows when it is trained."""
_SAME_LENGTH = 0.05  # seconds
_MOST_SPANS = 100  # of a video: a checkpoint must not grow with the number of clips
_EXAMPLES = 3


@dataclass(frozen=True)
class UsedVideo:
    """A video that clips were taken from.

    Attributes:
        name: As the label table names it.
        size: Of the file, bytes; ``None`` for a folder of images.
        duration: Of the video, seconds.
        spans: From when to when the clips are, seconds, in order; none overlap.
        made_into: Name of the prepared video that this is the original of, where it is listed for that; empty: none.
            A checkpoint does not hold it.
    """

    name: str
    size: int | None
    duration: float
    spans: tuple[Interval, ...]
    made_into: str = field(default="", compare=False)

    def is_file(self, size: int | None, duration: float) -> bool:
        """Whether a file of the same name is this video."""
        if size is not None and self.size is not None:
            return size == self.size
        return abs(duration - self.duration) <= _SAME_LENGTH


@dataclass(frozen=True)
class UsedVideos:
    """The videos that clips were taken from.

    Attributes:
        by_split: Those of each split, each once, by name.
    """

    by_split: Mapping[str, tuple[UsedVideo, ...]]

    @classmethod
    def of(
        cls, tables: Mapping[str, LabelTable], root: Path, found: Mapping[Path, VideoInfo | VideoError]
    ) -> "UsedVideos":
        """The videos of label tables.

        Of videos that `amclip prepare` wrote, those that they were made of are named too: they show the same.

        Args:
            tables: The clips of each split.
            root: Folder that their paths are relative to.
            found: What probing found; videos that cannot be read are left out.
        """
        from amclip.data.prepared.originals import Originals  # here, since it brings an encoder

        originals = Originals()
        by_split = {}
        for split, table in tables.items():
            clips: dict[str, list[Clip]] = defaultdict(list)
            for clip in table.clips:
                clips[clip.video].append(clip)
            used = []
            for video, of_video in clips.items():
                info = found.get(root / video)
                if not isinstance(info, VideoInfo):
                    continue
                length = round(info.duration, 3)
                spans = _spans(of_video, length)
                used.append(UsedVideo(video, _size(root / video), length, spans))
                used += [UsedVideo(*one, length, spans, made_into=video) for one in originals.of(root / video)]
            by_split[split] = tuple(sorted(used, key=lambda one: one.name))
        return cls(by_split)

    @classmethod
    def from_text(cls, text: str | None) -> "UsedVideos | None":
        """From :attr:`text`; ``None`` where a checkpoint holds none.

        Raises:
            ValueError: If it is another text.
        """
        if text is None:
            return None
        try:
            content = json.loads(text)
            return cls({split: tuple(_video(*one) for one in content[split]) for split in USES})
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the list of the videos of its training is damaged ({error!r})") from error

    @cached_property
    def text(self) -> str:
        """As a checkpoint holds it: JSON, since a hundred thousand values by themselves take seconds to save and load.

        Of each split a list of videos: name, size, duration, and the spans as one list of seconds.
        """
        return json.dumps(
            {
                split: [
                    (one.name, one.size, one.duration, list(chain.from_iterable(one.spans)))
                    for one in self.by_split.get(split, ())
                ]
                for split in USES
            },
            separators=(",", ":"),
        )

    @classmethod
    def joined(cls, *parts: "UsedVideos | None") -> "UsedVideos | None":
        """What was used in any of several trainings that go on from each other; ``None``: nobody knows of any."""
        known = [part for part in parts if part is not None]
        if not known:
            return None
        by_split = {}
        for split in USES:
            found: dict[tuple[str, int | None], UsedVideo] = {}
            for one in (video for part in known for video in part.by_split.get(split, ())):
                key = one.name, one.size
                before = found[key].spans if key in found else ()
                found[key] = UsedVideo(*key, one.duration, _few((*before, *one.spans)))
            by_split[split] = tuple(sorted(found.values(), key=lambda one: one.name))
        return cls(by_split)

    def find(self, path: Path, duration: float) -> dict[str, tuple[Interval, ...]]:
        """Which parts of a file were used; of a prepared video also those of its original.

        Args:
            path: The file, or folder of images.
            duration: Of the video, seconds.

        Returns:
            From when to when, in seconds, for each split that has any of it.
        """
        return self._parts([(path.name, _size(path)), *self._originals.of(path)], duration)

    def describe_shared(self, others: "UsedVideos", split: str) -> str:
        """In words, which videos of a split share frames with those that were used in another one; empty: none.

        Args:
            others: The videos at hand.
            split: What they are to be scored as.
        """
        told = []
        videos = others.by_split.get(split, ())
        number_of_all = sum(not one.made_into for one in videos)
        for use, verb in zip(USES, ("trained", "validated"), strict=True):
            shared = {  # a prepared video and its original count once
                one.made_into or one.name: None
                for one in videos
                if use != split
                and shared_seconds(one.spans, self._parts([(one.name, one.size)], one.duration).get(use, ())) > ROUNDED
            }
            if shared:
                number = f"{len(shared)} of {counted(number_of_all, 'video')}"
                told.append(
                    f"of {number} in the split {split!r} frames were {verb} on ({names_in_words(list(shared))})"
                )
        if not told:
            return ""
        return f"{'; '.join(told)}, by what the checkpoint says: what is measured on them is too good"

    def _parts(self, files: Iterable[tuple[str, int | None]], duration: float) -> dict[str, tuple[Interval, ...]]:
        """Of a video that is known by several names and sizes."""
        found: dict[str, list[Interval]] = defaultdict(list)
        for name, size in files:
            for split, one in self._by_name.get(_file_name(name), ()):
                if one.is_file(size, duration):
                    found[split] += one.spans
        inside = {split: _inside(spans, duration) for split, spans in found.items()}
        return {split: spans for split, spans in inside.items() if spans}

    @cached_property
    def _originals(self) -> "Originals":
        from amclip.data.prepared.originals import Originals  # here, since it brings an encoder

        return Originals()

    @cached_property
    def _by_name(self) -> dict[str, list[tuple[str, UsedVideo]]]:
        found: dict[str, list[tuple[str, UsedVideo]]] = defaultdict(list)
        for split, videos in self.by_split.items():
            for one in videos:
                found[_file_name(one.name)].append((split, one))
        return dict(found)


def names_in_words(names: Sequence[str]) -> str:
    """The first few of many names, for a terminal."""
    more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    return printable(", ".join(names[:_EXAMPLES])) + more


def shared_seconds(spans: Sequence[Interval], others: Sequence[Interval]) -> float:
    """How long two sets of intervals overlap, seconds; within each, intervals are in order and none overlap."""
    total, at = 0.0, 0
    for start, stop in spans:
        while at < len(others) and others[at][1] <= start:
            at += 1
        for begin, end in others[at:]:
            if begin >= stop:
                break
            total += min(stop, end) - max(start, begin)
    return total


def _video(name: str, size: int | None, duration: float, edges: Sequence[float]) -> UsedVideo:
    starts, stops = map(float, edges[::2]), map(float, edges[1::2])
    spans = tuple(zip(starts, stops, strict=True))
    return UsedVideo(str(name), None if size is None else int(size), float(duration), spans)


def _spans(clips: Iterable[Clip], duration: float) -> tuple[Interval, ...]:
    return _inside(_times(clips, duration), duration)


def _times(clips: Iterable[Clip], duration: float) -> Iterator[Interval]:
    for clip in clips:
        whole = clip.start is None or clip.stop is None
        yield (0.0, duration) if whole else (round(clip.start or 0.0, 3), round(clip.stop or 0.0, 3))


def _inside(spans: Iterable[Interval], duration: float) -> tuple[Interval, ...]:
    cut = ((max(start, 0.0), min(stop, duration)) for start, stop in spans)
    return _few(span for span in cut if span[1] > span[0])


def _few(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    """The union; where that has very many parts, with the shortest gaps between them taken in."""
    parts = union(spans)
    if len(parts) <= _MOST_SPANS:
        return tuple(parts)
    gaps = sorted(range(1, len(parts)), key=lambda at: parts[at][0] - parts[at - 1][1])
    edges = sorted(gaps[len(parts) - _MOST_SPANS :])
    return tuple(
        (parts[first][0], parts[stop - 1][1]) for first, stop in zip([0, *edges], [*edges, len(parts)], strict=True)
    )


def _file_name(name: str) -> str:
    return PurePosixPath(same_name(name)).name


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None
