"""What a few measured steps say of a whole training: an honest range, and what would make it faster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amclip.inputs import NetworkInput
    from amclip.models.config import NetworkConfig

from amclip.text import counted

__all__ = ["Rates", "describe_estimate", "in_words"]

_DOUBT = 1.2  # other programs, longer clips, disks that are slower when they are busy


@dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes:
        batches: Batches of an epoch by split, of each device.
        epochs: Epochs; ``None`` where they have no number.
        workers: Processes that read videos while others compute.
        first: Seconds of computing and of reading a batch, by split; reading in one process.
        later: The same of epochs that find their embeddings stored; ``None`` where none are.
    """

    batches: Mapping[str, int]
    epochs: int | None
    workers: int
    first: Mapping[str, tuple[float, float]]
    later: Mapping[str, tuple[float, float]] | None = None

    def epoch(self, rates: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
        """The least and the most seconds of an epoch.

        At best computing hides reading, which all processes share; at worst one waits for the other.
        """
        low = high = 0.0
        for split, count in self.batches.items():
            computing, reading = rates[split]
            shared = reading / max(1, self.workers)
            low += count * max(computing, shared)
            high += count * (computing + reading)
        return low / _DOUBT, high * _DOUBT

    @property
    def total(self) -> tuple[float, float] | None:
        """The least and the most seconds of the whole training."""
        if self.epochs is None:
            return None
        low, high = self.epoch(self.first)
        if self.later is None:
            return self.epochs * low, self.epochs * high
        least, most = self.epoch(self.later)
        return low + (self.epochs - 1) * least, high + (self.epochs - 1) * most


def in_words(span: tuple[float, float]) -> str:
    """A span of seconds as people say it."""
    low, high = (_clock(seconds) for seconds in span)
    return low if low == high else f"{low} to {high}"


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def describe_estimate(
    rates: Rates,
    input: "NetworkInput",
    network: "NetworkConfig",
    gpu: bool,
    memory: str,
    embedded: bool,
    batch_size: int,
) -> str:
    """Time, memory, and what would take less.

    Args:
        rates: What was measured.
        input: What the network sees.
        network: What it is made of.
        gpu: Whether a GPU was used.
        memory: The most that was in use, in words.
        embedded: Whether embeddings are kept.
        batch_size: Clips of a step.
    """
    tuning = network.tuning
    learns = "all blocks learn" if tuning.trainable_blocks < 0 else f"the last {tuning.trainable_blocks} blocks learn"
    learns = "its image tower stays as it is" if _is_frozen(network) else learns
    steps = f"a few measured steps of {counted(batch_size, 'clip')}"
    lines = [f"Expected on this machine ({'GPU' if gpu else 'CPU'}), from {steps}:"]
    lines.append(
        f"  network  {network.backbone}, {learns}; {input.num_positions} positions of a clip, {input.modality}"
    )
    if rates.later is not None:
        lines.append(f"  time     first epoch {in_words(rates.epoch(rates.first))}, while embeddings are made; then")
        lines.append(f"           {in_words(rates.epoch(rates.later))} an epoch")
    else:
        lines.append(f"  time     {in_words(rates.epoch(rates.first))} an epoch")
    if rates.total is not None and rates.epochs is not None:
        lines.append(f"           {in_words(rates.total)} for {counted(rates.epochs, 'epoch')}")
    more = f"; {rates.workers} reading processes take some more" if rates.workers else ""
    lines.append(f"  memory   {memory}{more}")
    if faster := _faster(rates, input, network, gpu, embedded):
        lines += ["Faster:", *(f"  {words}" for words in faster)]
    return "\n".join(lines)


def _is_frozen(network: "NetworkConfig") -> bool:
    return network.tuning.trainable_blocks == 0 and not network.tuning.lora_rank


def _faster(rates: Rates, input: "NetworkInput", network: "NetworkConfig", gpu: bool, embedded: bool) -> list[str]:
    computing, reading = rates.first["train"]
    words = []
    if not embedded:
        what = (
            "keep the embeddings" if _is_frozen(network) else "leave the image tower as it is and keep its embeddings"
        )
        words.append(f"{what}: after the first epoch all others take seconds: --config configs/encoders/frozen.yaml")
    if reading / max(1, rates.workers) > computing and not embedded:
        words.append("reading the videos takes longest: more --data.num_workers where there are cores for them, or")
        words.append("  copies of the videos that are no larger than the network needs")
    if not gpu:
        words.append("a machine with a GPU, by ten times and more")
    if not gpu and "32" not in network.backbone.partition("ViT-B-")[2][:2] and "ViT" in network.backbone:
        words.append(
            "a smaller network: --model.network.backbone ViT-B-32-quickgelu takes a quarter of ViT-B-16's work"
        )
    if input.positions_per_segment > 1:
        half = input.positions_per_segment // 2
        words.append(f"half of the positions: --input.positions_per_segment {half}")
    if input.modality == "interleaved":
        words.append("frames without flow, where motion does not matter: --input.modality frames")
    return words
