"""The next batch beside the step before: what is launched where and waits for what; streams are written down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from build import make_data, make_task
from lightning.pytorch import seed_everything
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from amclip.data import datamodule, side_stream
from amclip.data.datamodule import VideoDataModule
from amclip.data.side_stream import CudaStreams, NoStreams, SideStream
from amclip.trainer import AmclipTrainer


class WrittenDown:
    """Streams of a GPU that is not there."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.marks = 0

    def mark(self) -> int:
        self.marks += 1
        self.said.append(f"mark {self.marks}")
        return self.marks

    def wait(self, mark: int) -> None:
        self.said.append(f"wait {mark}")

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.said.append("aside")
        yield
        self.said.append("back")

    def join(self, tensors: list[Tensor]) -> None:
        self.said.append(f"join {len(tensors)}")


def data(drawn: Path, kind: type[VideoDataModule] = VideoDataModule, **settings: Any) -> VideoDataModule:
    sizes = {"image_size": 32, "frame_size": (36, 36), "num_segments": 2, "positions_per_segment": 1}
    how = {"flow_preset": "fast", "num_workers": 0, "cache_dir": None, "batch_size": 8}
    made = make_data(labels=str(drawn / "labels.csv"), **sizes, **how, **settings)
    made.__class__ = kind
    return made


def test_the_host_is_one_step_ahead_and_the_device_waits_for_each_batch() -> None:
    streams = WrittenDown()
    side = SideStream(torch.device("cpu"), streams)
    for batch in ({"images": torch.ones(1), "error": ["", ""]}, [torch.ones(1), (torch.ones(1),)], None):
        side.begin()
        with side.beside():
            pass
        side.hand_over(batch)
    first = ["mark 1", "aside", "back", "join 1"]
    second = ["mark 2", "wait 1", "aside", "back", "join 2"]
    assert streams.said == [*first, *second, "mark 3", "wait 2", "aside", "back", "join 0"]


def test_training_beside_is_training_one_after_the_other(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Steps(Callback):
        def __init__(self, streams: WrittenDown) -> None:
            self.streams = streams
            self.seen: list[tuple[list[int], Tensor, float]] = []

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, *_: Any) -> None:
            self.streams.said.append("step")
            self.seen.append((batch["clip"].tolist(), batch["images"].clone(), float(outputs["loss"])))

    def run(streams: WrittenDown, beside: bool) -> Steps:
        seed_everything(3)
        real = SideStream
        monkeypatch.setattr(datamodule, "SideStream", lambda device, own=None: real(device, own if own else streams))
        steps, module = Steps(streams), data(drawn, mixup=0.8)
        task = make_task(module.classes, {"input": module.input, "backbone": "amclip-tiny", "temporal_heads": 4})
        quiet: dict[str, Any] = {
            "logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
        }  # fmt: skip
        trainer = AmclipTrainer(
            accelerator="cpu", side_stream=beside, max_steps=3, limit_val_batches=0, callbacks=[steps],
            default_root_dir=tmp_path, **quiet,
        )  # fmt: skip
        trainer.fit(task, module)
        return steps

    streams, unused = WrittenDown(), WrittenDown()
    beside, after = run(streams, True), run(unused, False)
    assert unused.said == ["step"] * 3
    for (clips, images, loss), (same_clips, same_images, same_loss) in zip(beside.seen, after.seen, strict=True):
        assert clips == same_clips
        assert torch.equal(images, same_images)
        assert loss == pytest.approx(same_loss, abs=1e-6)
    made_ready = ["aside", "back", "aside", "back"]
    rounds = " ".join(word for word in streams.said if not word.startswith("join")).split(" step")
    assert rounds == [
        " ".join(["mark 1", *made_ready]),
        " ".join([" mark 2", "wait 1", *made_ready]),
        " ".join([" mark 3", "wait 2", *made_ready]),
        "",
    ]
    assert sum(word.startswith("join") for word in streams.said) == 3


def test_what_knows_no_streams_has_none(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(VideoDataModule):
        def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
            return super().on_after_batch_transfer(batch, dataloader_idx)

    monkeypatch.setattr(side_stream, "CudaStreams", lambda device: "of the GPU")
    gpu = torch.device("cuda")
    assert data(drawn)._side_stream(gpu).streams == "of the GPU"
    assert isinstance(data(drawn)._side_stream(torch.device("cpu")).streams, NoStreams)
    assert isinstance(data(drawn, Own)._side_stream(gpu).streams, NoStreams)
    embedding = data(drawn)
    embedding.embedder = object()  # type: ignore[assignment]
    assert isinstance(embedding._side_stream(gpu).streams, NoStreams)


@pytest.mark.gpu
def test_a_batch_that_was_made_aside_is_whole() -> None:
    device = torch.device("cuda", 0)
    side = SideStream(device)
    assert isinstance(side.streams, CudaStreams)
    for number in range(20):
        torch.randn(2048, 2048, device=device) @ torch.randn(2048, 2048, device=device)
        side.begin()
        with side.beside():
            made = torch.full((1 << 22,), float(number)).pin_memory().to(device, non_blocking=True) * 2
        side.hand_over({"images": made})
        total = made.double().sum()
        del made  # its memory must not be handed out before the sum is there
        with side.beside():
            torch.full((1 << 22,), -1.0, device=device)
        assert total.item() == 2 * number * (1 << 22)
