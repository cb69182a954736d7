"""Score video after video, with progress on disk, whatever happens to single videos or to the run.

Videos are the unit that processes share: each is scored by one of them, alone, so scores do not depend on how many
there are. Lightning starts the processes and gives each its device.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule
from torch.utils.data import DataLoader

from amclip.atomic import write_bytes
from amclip.data.gpu_reader import GpuDecodingError
from amclip.data.probe import probe
from amclip.data.tracks import Tracks
from amclip.data.tracks.summary import describe_odd
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.ethogram.extent import Extent
from amclip.ethogram.inputs import Source
from amclip.ethogram.journal import (
    Journal,
    JournalHeader,
    file_state,
    is_finished,
    journal_path,
    noted_presence,
    read_scores,
)
from amclip.ethogram.progress import Progress
from amclip.ethogram.scores import WindowScores
from amclip.ethogram.stream import Decoder, open_windows, stream_windows
from amclip.ethogram.video_rows import rows_of_video
from amclip.inference import TrainedModel

__all__ = ["AnnotateConfig", "Annotator", "VideoShares", "collect_scores", "errors_of"]

_SYNC_EVERY = 10.0  # seconds: what is lost at most, and the next batch


@dataclass(frozen=True)
class AnnotateConfig:
    """How videos are annotated.

    Attributes:
        window: Length of a window in seconds.
        hop: Seconds from one window to the next.
        batch: Windows scored at a time.
        fingerprint: Everything that decides the scores, plain values; scores made otherwise are not mixed.
        probe_timeout: Seconds without progress after which a video counts as unreadable.
        tracks: Where the animals are, for a model that looks at animals cut out; the fingerprint tells of them too.
        decoder: What decodes the videos, as the fingerprint tells. A video that a GPU's decoder does not give for
            certain is scored from its beginning with the CPU's, and a warning says so.
    """

    window: float
    hop: float
    batch: int
    fingerprint: dict[str, Any]
    probe_timeout: float = 20.0
    tracks: Tracks | None = None
    decoder: Decoder = "cpu"


class VideoShares(LightningDataModule):
    """Shares videos out among the processes: by size, the largest first, each in turn.

    Args:
        sources: The videos; of several processes the first one's list takes the place of the others'.
    """

    # With more processes than videos some have nothing to do.
    allow_zero_length_dataloader_with_multiple_devices = True

    def __init__(self, sources: list[Source]) -> None:
        super().__init__()
        self.sources = sources
        self._order: list[int] | None = None

    def share(self) -> list[int]:
        """Numbers of this process's videos.

        The first process plans for all: a file that grows has another size, and a folder that is filled another list
        of videos, for each process that looks.
        """
        rank, processes = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        if self._order is None:
            self._order = list(range(len(self.sources)))
            if processes > 1:
                assert self.trainer is not None
                self._order.sort(key=lambda number: -_size(self.sources[number].path))
                # In place: the annotator goes by the same list.
                self._order, self.sources[:] = self.trainer.strategy.broadcast((self._order, self.sources))
        return self._order[rank::processes]

    def predict_dataloader(self) -> DataLoader[int]:
        """This process's videos, by number, one by one."""
        return DataLoader(self.share(), batch_size=None)  # type: ignore[arg-type]


class Annotator(LightningModule):
    """Scores videos and keeps journals; a video that cannot be read is noted and skipped.

    Args:
        model: The trained network.
        sources: The videos, the same list as in :class:`VideoShares`.
        folder: Where the journals are, an existing folder that all processes see.
        config: How.
        progress: Show a bar, and a line per video where standard error is no terminal.
    """

    def __init__(
        self, model: TrainedModel, sources: list[Source], folder: Path, config: AnnotateConfig, progress: bool = True
    ) -> None:
        super().__init__()
        self.network = model.network  # so that Lightning moves it to its device
        self.model, self.sources, self.folder, self.config = model, sources, folder, config
        self.found: dict[Path, VideoInfo | VideoError] = {}
        self.progress = progress
        self._bar: Progress | None = None

    def on_predict_start(self) -> None:
        """Look at this process's videos: which are done, which can be read, how long it all will take."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        todo = [self.sources[number] for number in data.share() if not self._done(self.sources[number])]
        show = self.progress and self.trainer.is_global_zero
        self.found = probe((source.path for source in todo), timeout=self.config.probe_timeout, progress=show)
        if words := self.model.describe_slow(self.found):
            warnings.warn(words, stacklevel=1)
        if words := self._odd_tracks(todo):
            warnings.warn(words, stacklevel=1)
        seconds = [info.duration for info in self.found.values() if isinstance(info, VideoInfo)]
        self._bar = Progress(len(seconds), sum(seconds), show)

    def predict_step(self, number: int) -> int:
        """Score one video, or what is left of it; returns its number."""
        source = self.sources[int(number)]
        if self._done(source):
            return number
        note = self._journal(source).with_suffix(".error")
        try:
            info = self.found[source.path]
            if isinstance(info, VideoError):
                raise info
            self._annotate(source, info)
            if info.note:
                raise VideoError(source.path, info.note)
            note.unlink(missing_ok=True)
        except VideoError as error:
            write_bytes(note, error.reason.encode("utf-8", "replace"))
        return number

    def on_predict_end(self) -> None:
        """Leave the last line of progress."""
        self.close()

    def close(self) -> None:
        """Take the bar away, also where the run ended early."""
        if self._bar is not None:
            self._bar.close()

    def _annotate(self, source: Source, info: VideoInfo) -> None:
        assert self._bar is not None
        with self._bar.video(source.name, info.duration) as at:
            try:
                self._score(source, info, self.config.decoder, at)
            except GpuDecodingError as error:
                warnings.warn(f"{source.name}: decoded on the CPU, since {error.reason}", stacklevel=1)
                self._score(source, info, "cpu", at)

    def _score(self, source: Source, info: VideoInfo, decoder: Decoder, at: Callable[..., None]) -> None:
        config = self.config
        with open_windows(self.model, source.path, info, config.window, config.hop, decoder) as (video, plan):
            found = rows_of_video(video, source.name, plan, self.model.input.crop, config.tracks)
            rows, present = found.rows, found.present
            header = JournalHeader(
                path=str(source.path),
                state=file_state(source.path),
                fingerprint=config.fingerprint,
                classes=tuple(self.model.classes),
                rows=len(rows),
                extent=Extent.of(video),
                subjects=found.subjects,
                present=None if present is None else tuple(map(noted_presence, present)),
                decoder=decoder,
            )
            with Journal(self._journal(source), header) as journal:
                batch = max(1, min(config.batch, len(rows)))
                known = journal.rows % batch  # of the first batch, where another size was used before
                synced = time.monotonic()
                at(float(rows.stop[journal.rows - 1]) if journal.rows else 0.0, new=False)
                stream = stream_windows(self.model, video, rows, journal.rows - known, batch)
                with closing(stream):  # its thread must not read a video that is closed
                    for scored in stream:
                        journal.add(rows, scored.probabilities[known:])
                        known = 0
                        if time.monotonic() - synced > _SYNC_EVERY:
                            journal.sync()
                            synced = time.monotonic()
                        at(float(rows.stop[journal.rows - 1]))

    def _odd_tracks(self, todo: list[Source]) -> str:
        """What is odd about the tracks of videos that are to be scored, in words."""
        infos = {source.name: info for source in todo if isinstance(info := self.found.get(source.path), VideoInfo)}
        return "" if self.config.tracks is None else describe_odd(self.config.tracks, infos)

    def _journal(self, source: Source) -> Path:
        return journal_path(self.folder, source.path)

    def _done(self, source: Source) -> bool:
        journal = self._journal(source)
        if journal.with_suffix(".error").exists():
            return False  # the reason may be gone: a disk that was not there, a copy that is complete now
        return is_finished(journal, source.path, self.config.fingerprint)


def collect_scores(sources: list[Source], folder: Path, fingerprint: dict[str, Any]) -> Iterator[WindowScores]:
    """The scores of all videos that have any, one animal at a time, in the order given."""
    for source in sources:
        yield from read_scores(journal_path(folder, source.path), source.name, source.path, fingerprint)


def errors_of(sources: list[Source], folder: Path, fingerprint: dict[str, Any]) -> dict[str, str]:
    """Why videos have no scores, or none to their end, by name."""
    errors = {}
    for source in sources:
        journal = journal_path(folder, source.path)
        note = journal.with_suffix(".error")
        if note.exists():
            errors[source.name] = note.read_text(encoding="utf-8")
        elif not is_finished(journal, source.path, fingerprint):
            errors[source.name] = "has changed since it was scored; is it still being written? Run the command again"
    return errors


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
