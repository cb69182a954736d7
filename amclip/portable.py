"""A trained model for programs without amclip: as ONNX, or as a program of torch.export, and in words what it takes.

What leaves is the network with its calibration: images, segments and numbers of motion in, calibrated probabilities
out, for any number of clips at a time. From videos to images is said beside it (:func:`describe`).
"""

import logging
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from amclip.data.extras import required
from amclip.inference import TrainedModel
from amclip.models.lora import merge_lora
from amclip.motion import motion_shape
from amclip.version import __version__

__all__ = ["AGREEMENT", "PortableNetwork", "describe", "example_clips", "write_onnx", "write_pt2"]

AGREEMENT = 1e-4
"""Most by which a probability may differ from amclip's."""
OUTPUT = "probabilities"
_MOST_BYTES = 2**31 - 2**24
"""Of weights in one ONNX file: protobuf's limit of 2 GiB, and something for the graph."""


class PortableNetwork(nn.Module):
    """From what the network sees to calibrated probabilities ``(B, C)``, float32.

    Its arguments are, in this order, those of :func:`example_clips`.

    Args:
        model: The trained model, whose weights it shares unless some are updated by LoRA.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.network = merge_lora(model.network)
        self.shows_images = model.input.num_streams > 0
        self._size = model.input.image_size
        self._calibrated: tuple[Callable[[Tensor], Tensor], ...] = (model.log_odds, model.calibrate)

    def forward(self, *seen: Tensor) -> Tensor:
        """Images, where the network is shown any, segments, and numbers of motion, where it is told any."""
        images, segments, *motion = seen if self.shows_images else (self._no_images(seen[1]), *seen)
        scores: Tensor = self.network(images, segments, *motion)
        for step in self._calibrated:
            scores = step(scores)
        return scores

    def _no_images(self, motion: Tensor) -> Tensor:
        return motion.new_zeros(motion.shape[0], motion.shape[1], 0, 3, self._size, self._size)


def example_clips(model: TrainedModel, clips: int, seed: int = 0) -> dict[str, Tensor]:
    """Drawn input of the shapes that the network takes, by the names that the files give it.

    Args:
        model: The trained model.
        clips: Their number, ``B``.
        seed: What decides the values.

    Returns:
        ``images``, float32 ``(B, K, V, 3, S, S)``, unless it is shown none; ``segments``, int64 ``(B, M, P)``; and
        where it is told of motion ``motion``, float32 ``(B, K, G, F)``.
    """
    seen, generator = model.input, torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}
    if seen.num_streams:
        shape = (clips, seen.num_positions, seen.num_streams, 3, seen.image_size, seen.image_size)
        found["images"] = torch.randn(shape, generator=generator)
    found["segments"] = seen.segments()[None].repeat(clips, 1, 1)
    if (numbers := motion_shape(seen)) is not None:
        found["motion"] = torch.rand((clips, seen.num_positions, *numbers), generator=generator)
    return found


def write_pt2(model: TrainedModel, path: Path) -> float:
    """Write a program of ``torch.export``, which ``torch.export.load`` reads.

    Args:
        model: The trained model, on the CPU.
        path: The file; its name ends in ``.pt2``.

    Returns:
        Most by which its probabilities differ from amclip's, on drawn clips.

    Raises:
        ValueError: If the network cannot be followed, or the difference is above :data:`AGREEMENT`; says why.
    """
    torch.export.save(_program(model), path)
    try:
        loaded = torch.export.load(path).module()
    except RuntimeError as error:  # what can be saved cannot always be read
        raise ValueError(f"torch.export cannot read what it wrote of this network ({_reason(error)})") from error
    return _compare(model, lambda clips: loaded(*clips.values()))


def write_onnx(model: TrainedModel, path: Path) -> float:
    """Write an ONNX file, weights included; otherwise as :func:`write_pt2`.

    Raises:
        ValueError: As there, or if the weights are more than an ONNX file can hold.
        ModuleNotFoundError: If onnx, onnxscript or onnxruntime is not installed.
    """
    required("onnx", str(path), "export")
    required("onnxscript", str(path), "export")
    runtime = required("onnxruntime", str(path), "export")
    size = sum(each.numel() * each.element_size() for each in model.network.state_dict().values())
    if size > _MOST_BYTES:
        raise ValueError(f"{size / 2**30:.1f} GiB of weights are more than one ONNX file holds (2 GiB); write .pt2")
    names = list(example_clips(model, 1))
    program = _program(model)
    with _quiet():
        try:
            written = torch.onnx.export(
                program, dynamo=True, verbose=False, input_names=names, output_names=[OUTPUT], external_data=False
            )
        except Exception as error:  # whatever its translation stumbles over
            raise ValueError(f"torch.onnx cannot translate this network ({_reason(error)}); .pt2 may do") from error
        assert written is not None
        written.save(str(path), external_data=False)
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds, of operators that it does not have
        raise ValueError(f"onnxruntime cannot run this network ({_reason(error)}); .pt2 may do") from error

    def run(clips: Mapping[str, Tensor]) -> Tensor:
        try:
            return torch.from_numpy(session.run([OUTPUT], {name: value.numpy() for name, value in clips.items()})[0])
        except Exception as error:  # of a program that was translated wrongly
            raise ValueError(f"onnxruntime cannot run this network ({_reason(error)}); .pt2 may do") from error

    return _compare(model, run)


def _program(model: TrainedModel) -> Any:
    """The network as torch.export follows it, for any number of clips."""
    clips = tuple(example_clips(model, 2).values())  # not 1, which torch.export takes for a constant
    batch = torch.export.Dim("clips")
    with _quiet(), torch.no_grad():
        try:
            network = PortableNetwork(model).eval()
            return torch.export.export(network, clips, dynamic_shapes=(tuple({0: batch} for _ in clips),))
        except Exception as error:  # whatever it stumbles over in a network of anybody's
            raise ValueError(f"torch.export cannot follow this network ({_reason(error)})") from error


def _compare(model: TrainedModel, run: Callable[[dict[str, Tensor]], Tensor]) -> float:
    """Most by which the answers differ from amclip's, on one clip and on three.

    Raises:
        ValueError: If that is too much.
    """
    network, most = PortableNetwork(model).eval(), 0.0
    with torch.inference_mode():
        for count in (1, 3):
            clips = example_clips(model, count, seed=count)
            difference = (run(clips) - network(*clips.values())).abs().max()
            most = max(most, float(difference.nan_to_num(nan=1.0)))
    if most > AGREEMENT:
        raise ValueError(f"its probabilities would differ from amclip's by {most:.2g}, which is above {AGREEMENT:g}")
    return most


class _quiet(warnings.catch_warnings):  # noqa: N801 (used as a function)
    """Without what the exporters tell of themselves."""

    def __enter__(self) -> Any:
        found = super().__enter__()
        warnings.simplefilter("ignore")
        self._level = logging.getLogger("torch.onnx").level
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        return found

    def __exit__(self, *error: Any) -> None:
        logging.getLogger("torch.onnx").setLevel(self._level)
        super().__exit__(*error)


def _reason(error: BaseException) -> str:
    """What went wrong first, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def describe(model: TrainedModel) -> dict[str, Any]:
    """What the exported network takes and gives, in plain values for JSON.

    Args:
        model: The trained model.
    """
    seen = model.input
    what = ["frame", "flow image"] if seen.modality == "interleaved" else [seen.modality.replace("flow", "flow image")]
    of_crops = [f"{name}{where}" for where in ("", " of the wider crop")[: seen.num_crops] for name in what]
    axes = {
        "images": "B clips, K positions in order of time, V streams, channels (RGB), height, width",
        "segments": "B clips, M segments, P positions: which of the K positions each segment uses",
        "motion": "B clips, K positions, G crops, numbers of amclip.motion.statistics_of_input, in its order",
    }
    inputs = {
        name: {"type": str(value.dtype).removeprefix("torch."), "shape": ["B", *value.shape[1:]], "axes": axes[name]}
        for name, value in example_clips(model, 1).items()
    }
    return {
        "amclip": __version__,
        "classes": list(model.classes),
        "thresholds": list(model.thresholds),
        "clip_seconds": model.clip_seconds,
        "inputs": inputs,
        "outputs": {
            OUTPUT: {
                "type": "float32",
                "shape": ["B", len(model.classes)],
                "calibrated": model.calibrator is not None,
            }
        },
        "streams": of_crops if seen.num_streams else [],
        "segments": seen.segments().tolist(),
        "positions": {
            "number": seen.num_positions,
            "moments": "position k = 0 … K - 1 of a clip from start to stop, in seconds, shows the frame that is on "
            "screen at start + (k + 0.5) * (stop - start - gap_seconds) / K",
            "gap_seconds": seen.flow.gap_seconds,
            "flow": "from the frame of a position to the one whose time is nearest to gap_seconds later, the next "
            "one at least",
        },
        "pixels": {
            "frame_size": list(seen.frame_size),
            "resize": seen.resize,
            "image_size": seen.image_size,
            "steps": "decode to RGB of frame_size (height, width); scale to [0, 1] and, bilinear with antialiasing, to "
            "image_size squared; flow is computed on these; then (value - mean) / std for frames and flow images",
            "mean": list(seen.mean),
            "std": list(seen.std),
        },
        "settings": seen.to_dict(),
    }
