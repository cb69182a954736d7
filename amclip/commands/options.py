"""Options that several commands share, each group as one value."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from amclip.precision import InferencePrecision, choose_precision

if TYPE_CHECKING:
    from amclip.ethogram.bouts import BoutSettings
    from amclip.inference import TrainedModel

__all__ = ["BoutOptions", "NetworkOptions", "ScoringOptions", "ThresholdOptions"]


@dataclass(frozen=True)
class NetworkOptions:
    """Where windows lie, and what computes.

    Args:
        window: Length of a window in seconds. Default: the length of the clips that the checkpoint was trained on.
        hop: Seconds from the start of one window to the next.
        accelerator: auto takes a GPU where there is one.
        precision: In which the image tower computes: 32, or bf16 or 16, faster where the device has them, with slightly
            other scores. auto: bf16 on GPUs that compute it, else 32.

    Raises:
        ValueError: If a value is out of range.
    """

    window: float | None = None
    hop: float | None = None
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    precision: InferencePrecision = "auto"

    def __post_init__(self) -> None:
        for name in ("window", "hop"):
            _refuse_no_seconds(name, getattr(self, name))

    @property
    def gpu(self) -> bool:
        """Whether a GPU is to be used."""
        import torch

        return self.accelerator == "gpu" or (self.accelerator == "auto" and torch.cuda.is_available())

    @property
    def chosen_precision(self) -> tuple[InferencePrecision, str]:
        """32, bf16 or 16, and in words why, see :func:`amclip.precision.choose_precision`."""
        return choose_precision(self.precision, self.gpu)

    def windows(self, model: "TrainedModel", fraction: float) -> tuple[float, float]:
        """Length of the windows and from one to the next, in seconds.

        Args:
            model: Its training clips' length is the default.
            fraction: Of the length, the default of the hop.
        """
        from amclip.ethogram.plan import DEFAULT_WINDOW

        length = self.window or model.clip_seconds or DEFAULT_WINDOW
        return length, self.hop or fraction * length


def _refuse_no_seconds(name: str, seconds: float | None) -> None:
    if seconds is not None and not 0 < seconds < float("inf"):
        raise ValueError(f"--{name}: expected seconds above 0, got {seconds}")


@dataclass(frozen=True)
class ScoringOptions(NetworkOptions):
    """How windows of videos are scored.

    Args:
        window: Length of a window in seconds. Default: the length of the clips that the checkpoint was trained on.
        hop: Seconds from the start of one window to the next.
        accelerator: auto takes a GPU where there is one.
        precision: In which the image tower computes: 32, or bf16 or 16, faster where the device has them, with slightly
            other scores. auto: bf16 on GPUs that compute it, else 32; an annotation goes on as it was begun.
        batch_size: Windows scored at a time. Default: 1 on a CPU, 8 on a GPU.
        probe_timeout: Seconds without progress after which a video counts as unreadable.
        decoder: gpu decodes videos on the GPU, by torchcodec: H.264, H.265, AV1, VP9 and VP8 of 8 bits. The frames are
            the same, their pixels differ a little; a video that it does not read for certain is decoded on the CPU.

    Raises:
        ValueError: If a value is out of range.
    """

    batch_size: int | None = None
    probe_timeout: float = 20.0
    decoder: Literal["cpu", "gpu"] = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse_no_seconds("probe_timeout", self.probe_timeout)
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"--batch_size: expected 1 or more, got {self.batch_size}")

    @property
    def batch(self) -> int:
        """Windows scored at a time."""
        return self.batch_size or (8 if self.gpu else 1)

    def refuse_no_decoder(self) -> None:
        """Refuse a GPU's decoder where there is none.

        Raises:
            ValueError: Says what is missing and what to do.
        """
        if self.decoder == "cpu":
            return
        from amclip.data.gpu_reader import why_no_gpu_decoder

        why = why_no_gpu_decoder() or ("" if self.gpu else "--accelerator cpu leaves the GPU out")
        if why:
            raise ValueError(f"--decoder gpu: {why}. Without the option videos are decoded on the CPU")


@dataclass(frozen=True)
class ThresholdOptions:
    """When bouts begin and end, from what was seen so far.

    Args:
        settings: YAML or CSV file that says threshold and off_threshold of each behaviour, and may say more for
            `amclip annotate`. It overrides the two options below, which hold for all behaviours.
        threshold: Probability with which a bout begins. Default: for each behaviour the one tuned on validation.
        off_threshold: Probability below which it ends. Default: the threshold.
    """

    settings: str | None = None
    threshold: float | None = None
    off_threshold: float | None = None

    def for_model(self, model: "TrainedModel") -> "dict[str, BoutSettings]":
        """Settings of every behaviour, see :func:`amclip.ethogram.settings.bout_settings`.

        Raises:
            ValueError: If a value is out of range, or the file cannot be used.
            FileNotFoundError: If there is no such file.
        """
        from amclip.ethogram.settings import bout_settings

        defaults = {name: value for name, value in asdict(self).items() if value is not None and name != "settings"}
        return bout_settings(model.classes, model.thresholds, self.settings, **defaults)


@dataclass(frozen=True)
class BoutOptions(ThresholdOptions):
    """How the curves of all behaviours are cut into bouts.

    Args:
        settings: YAML or CSV file that says for each behaviour how bouts are cut: threshold, off_threshold, smoothing,
            minimum_bout, minimum_gap. It overrides the five options below, which hold for all behaviours.
        threshold: Probability that a bout must reach. Default: for each behaviour the one tuned on validation.
        off_threshold: Probability down to which it lasts, before and after. Default: the threshold.
        smoothing: Span in seconds of the moving average that smooths the probabilities. Default: 0, none.
        minimum_bout: Bouts shorter than this are dropped, in seconds. Default: 0.
        minimum_gap: Bouts with a shorter gap between them are joined, in seconds. Default: 0.
    """

    smoothing: float | None = None
    minimum_bout: float | None = None
    minimum_gap: float | None = None
