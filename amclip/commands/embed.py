"""`amclip embed`: what a training with stored embeddings would embed on the way, ahead of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from rich.console import Console
from torch.utils.data import DataLoader

from amclip import interrupt
from amclip.checkpoint import read_checkpoint
from amclip.commands.lightning import AmclipCLI
from amclip.data.datamodule import VideoDataModule
from amclip.data.stored.dataset import StoredClips, collate_stored
from amclip.data.stored.embedder import Embedder, refuse_unusable
from amclip.data.stored.store import KEY_SIZE
from amclip.data.views import Views
from amclip.long_work import LongWork
from amclip.models.published import fetch_published
from amclip.rank_zero import rank_zero_warn
from amclip.task import BehaviourTask
from amclip.text import counted, printable

__all__ = ["EmbedCLI", "embed_ahead"]

Item = tuple[int, int, int]
"""Row, version and draw of a clip, as samplers give them."""


class EmbedCLI(AmclipCLI):
    """Makes what `amclip fit` would train with, and embeds its clips in place of training."""

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer that says on which device and in which precision; it logs nothing."""
        return super().instantiate_trainer(**{**kwargs, "logger": False})

    def _run_subcommand(self, subcommand: str) -> None:
        data, task, path = self.datamodule, self.model, self.config[subcommand]["ckpt_path"]
        assert isinstance(data, VideoDataModule)
        assert isinstance(task, BehaviourTask)
        if data.embeddings is None:
            raise ValueError("--data.embeddings.folder: say where embeddings shall be kept")
        refuse_unusable(task.network, data.augmentation, training=path is None)
        if path is not None:
            task.load_state_dict(read_checkpoint(path)["state_dict"])
        elif task.network.config.starts_from_published:
            task.network.load(fetch_published(task.network.config))
        plugin = self.trainer.precision_plugin
        plugin.convert_module(task.to(self.trainer.strategy.root_device).eval())
        embed_ahead(data, data.open_store(task.network, plugin))


@dataclass(frozen=True)
class _Part:
    """A split, and what is to be done of it."""

    name: str
    clips: StoredClips
    views: Views
    batches: list[list[Item]]
    keys: list[NDArray[np.uint8]]


def embed_ahead(data: VideoDataModule, embedder: Embedder) -> None:
    """Embed all positions of training, validation and test that are not stored; prints what it does.

    Args:
        data: Says which clips, and how they are read.
        embedder: Of :meth:`amclip.data.datamodule.VideoDataModule.open_store`.

    Raises:
        ValueError: If a split has no clips that can be read.
        OSError: If embeddings cannot be written.
    """
    assert data.embeddings is not None
    store, console = embedder.store, Console(stderr=True, highlight=False)
    interrupt.say_what_is_kept(lambda: "What was embedded is kept; the same command goes on from there.")
    data.prepare_data()
    parts = [part for stage in ("fit", "test") for part in _parts(data, stage)]
    store.refresh()
    shape = " and ".join(f"{name} {' × '.join(map(str, shape))}" for name, shape in store.tensors.items())
    print(f"Stored embeddings: {printable(str(store.folder))} ({shape} of each position, {data.embeddings.dtype})")
    todo: list[tuple[_Part, list[list[Item]]]] = []
    missing = 0
    for part in parts:
        new = [_distinct(keys[~store.has(keys)]) for keys in part.keys]
        every, lacking = len(_distinct(np.concatenate(part.keys))), len(_distinct(np.concatenate(new)))
        todo.append((part, [batch for batch, keys in zip(part.batches, new, strict=True) if len(keys)]))
        missing += lacking
        size = f"{counted(len(part.clips), 'clip')}, {counted(every, 'position')}"
        print(f"  {part.name:5}  {size}: {every - lacking} stored, {lacking} to do")
    if missing:
        print(f"  to do  {missing} positions, {_size(missing * store.row_bytes)}")
        work = LongWork("Embedding", missing, "positions", console=console)
        _embed(data, embedder, todo, work)
        console.print(work.words(), markup=False)
    files = [path.stat().st_size for path in store.folder.glob("*") if path.is_file()]
    print(f"All that can be read is stored; the folder takes {_size(sum(files))}")


def _parts(data: VideoDataModule, stage: str) -> Iterator[_Part]:
    """The splits of a stage, in batches of clips that lie side by side."""
    assert data.embeddings is not None
    if stage == "test" and not len(data.read_table().split("test")):
        return
    data.setup(stage)
    for name, clips in data.datasets.items():
        assert isinstance(clips, StoredClips)
        data.look_up_in_store(clips, name)  # type: ignore[arg-type]
        rows = sorted(range(len(clips)), key=lambda row: (clips.table.clips[row].video, int(clips.windows[row])))
        versions = data.embeddings.versions if name == "train" else 1
        size = data.batch_size
        batches = [
            [(row, version, 0) for row in rows[at : at + size]]
            for version in range(versions)
            for at in range(0, len(rows), size)
        ]
        keys = [np.concatenate([clips.keys(row, version) for row, version, _ in batch]) for batch in batches]
        yield _Part(name, clips, data.views if name == "test" else Views(), batches, keys)


def _embed(
    data: VideoDataModule, embedder: Embedder, todo: Sequence[tuple[_Part, list[list[Item]]]], pace: LongWork
) -> None:
    device = next(embedder.network.parameters()).device
    refused: set[str] = set()
    with pace:
        for part, batches in todo:
            # In an order of its own, so that of several processes each does what the others have not begun.
            mixed = [batches[place] for place in np.random.default_rng().permutation(len(batches))]
            loader: DataLoader[Any] = DataLoader(
                part.clips,
                batch_sampler=mixed,
                num_workers=data.num_workers,
                collate_fn=collate_stored,
                timeout=10 * data.probe_timeout if data.num_workers else 0,
            )
            for batch in loader:
                refused |= {reason for name in ("reason", "error") for reason in batch[name]} - {""}
                count = len(_distinct(batch["keys"][batch["missing"].numpy()].reshape(-1, KEY_SIZE)))
                moved = {name: _moved(value, device) for name, value in batch.items()}
                with torch.inference_mode():
                    embedder.complete(moved, part.views)
                pace.add(count)
    embedder.store.close()
    for reason in sorted(refused):
        rank_zero_warn(f"left out: {reason}")


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, dict):
        return {name: _moved(one, device) for name, one in value.items()}
    return value.to(device) if isinstance(value, torch.Tensor) else value


def _distinct(keys: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.unique(keys, axis=0) if len(keys) else np.empty((0, KEY_SIZE), np.uint8)


def _size(count: float) -> str:
    unit = "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if count >= 1000:
            count, unit = count / 1000, larger
    return f"{count:.3g} {unit}"
