"""What amclip's commands see of a numbered video, read off the pixels that they are given or write."""

import contextlib
import io
import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numbered import Reading, read_number
from video_references import TOLERANCE, Truth, by_ffmpeg

from amclip.commands.flow import flow
from amclip.data.dataset import ClipDataset
from amclip.data.probe import probe
from amclip.data.table import Clip, LabelTable
from amclip.data.video import Video, VideoInfo
from amclip.ethogram.plan import plan_windows
from amclip.ethogram.stream import stream_windows
from amclip.inputs import NetworkInput
from amclip.models.classifier import Answer
from amclip.report.media import copy_video

__all__ = ["COMMANDS", "through_commands"]

SIZE = (224, 224)
COMMANDS = ("fit", "predict", "annotate", "flow", "report", "check")


def through_commands(path: Path, info: VideoInfo, truth: Truth) -> dict[str, str]:
    """For each command ``"right"``, or what is wrong."""
    found = {}
    seeing = {
        "fit": lambda: _dataset(path, info, truth, True),
        "predict": lambda: _dataset(path, info, truth, False),
        "annotate": lambda: _annotate(path, info, truth),
        "flow": lambda: _flow(path, truth),
        "report": lambda: _report(path, truth),
        "check": lambda: _check(path, truth),
    }
    for name, see in seeing.items():
        try:
            found[name] = see() or "right"
        except Exception as error:
            found[name] = f"{type(error).__name__}: {str(error).splitlines()[0][-80:]}" if str(error) else repr(error)
    return found


def _numbers(frames: Any, truth: Truth) -> list[int]:
    return _upright((read_number(frame, truth.shown) for frame in frames), truth)


def _upright(readings: Iterable[Reading], truth: Truth) -> list[int]:
    # Lying on its side is as wrong as showing another number.
    return [reading.number if reading.turned == truth.turned else -2 for reading in readings]


def _dataset(path: Path, info: VideoInfo, truth: Truth, training: bool) -> str:
    """Clips of a quarter of the video each: every frame must be of its clip, and its partner the next one."""
    edges = np.linspace(0, truth.times[-1], 5)
    clips = tuple(Clip(path.name, float(a), float(b), ()) for a, b in itertools.pairwise(edges))
    dataset = ClipDataset(
        LabelTable(clips, (), "matrix"),
        path.parent,
        {path: info},
        NetworkInput("semi-dense", num_segments=1, frame_size=SIZE),
        training=training,
    )
    for row, clip in enumerate(clips):
        sample = dataset[row, 0]
        if sample["error"] or int(sample["skipped"]):
            return f"clip {row} is not read: {sample['error'] or sample['reason']}"[:120]
        frames = sample["frames"].movedim(2, -1).numpy()  # [K, V, H, W, 3]
        inside = np.flatnonzero((truth.times >= clip.start - TOLERANCE) & (truth.times < clip.stop - TOLERANCE))
        allowed = [truth.numbers[index] for index in inside]
        for pair in frames:
            number, partner = _numbers(pair, truth)
            if number not in allowed:
                return f"clip {row} holds frames {allowed[0]} to {allowed[-1]}, and frame {number} was given"
            if partner not in allowed:
                return f"clip {row}: the partner of frame {number} is {partner}"
    return ""


def _annotate(path: Path, info: VideoInfo, truth: Truth) -> str:
    """The stream of windows, with a network that writes down the frames it is given."""
    seen: list[int] = []

    def preprocess(pixels: torch.Tensor) -> torch.Tensor:
        frames = pixels[:, :, 0].movedim(2, -1).flatten(0, 1).numpy()
        seen.extend(_numbers(frames, truth))
        return pixels[:, :, :1].float().mean((-1, -2))

    network = SimpleNamespace(
        cross_frame=False,
        prompted=False,
        embed=lambda images: images,
        classify=lambda images, segments: Answer(torch.zeros(len(images), 1), torch.zeros(len(images), 1, 1)),
    )
    model: Any = SimpleNamespace(
        network=network,
        device=torch.device("cpu"),
        input=NetworkInput(num_segments=1),
        preprocess=preprocess,
        log_odds=lambda logits: logits,
        calibrate=torch.sigmoid,
    )
    with contextlib.closing(Video(path, SIZE, info=info)) as video:
        length = min(1.0, video.duration)
        plan = plan_windows(video.timestamps(), video.duration, length, length / 4, 8)
        for _ in stream_windows(model, video, plan):
            pass
    right = [truth.numbers[index] if index < len(truth.numbers) else -3 for index in plan.frames]
    wrong = sum(a != b for a, b in zip(seen, right, strict=False))
    return f"{wrong} of {len(right)} frames are others" if wrong else ""


def _flow(path: Path, truth: Truth) -> str:
    """The picture beside the flow image, and the times beside the numbers."""
    height, width = truth.shown
    short = 64
    scale = short / min(height, width)
    shape = round(height * scale), round(width * scale)
    with tempfile.TemporaryDirectory() as folder:
        picture, numbers = Path(folder) / "flow.mp4", Path(folder) / "flow.npz"
        with contextlib.redirect_stdout(io.StringIO()):
            flow(str(path), str(picture), size=short, preset="fast")
            flow(str(path), str(numbers), size=short, preset="fast")
        import cv2

        capture = cv2.VideoCapture(str(picture))
        seen = []
        while True:
            good, frame = capture.read()
            if not good:
                break
            seen += _numbers([frame[: shape[0], : shape[1]]], truth)
        times = np.load(numbers)["times"]
    right = list(truth.numbers[:-1])
    if len(seen) != len(right):
        return f"{len(seen)} pairs of frames, not {len(right)}"
    wrong = sum(a != b for a, b in zip(seen, right, strict=True))
    late = float(np.abs(times - truth.times[:-1]).max())
    if wrong:
        return f"{wrong} of {len(right)} frames are others"
    return f"times up to {late:.3f} s off" if late > TOLERANCE else ""


def _report(path: Path, truth: Truth) -> str:
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_video(path, Path(folder) / "copy.mp4", lambda done: None)
        readings = by_ffmpeg(copy, truth.shown)
    seen = _upright(readings, truth)
    if len(seen) != len(truth.numbers):
        return f"{len(seen)} frames, not {len(truth.numbers)}"
    wrong = sum(a != b for a, b in zip(seen, truth.numbers, strict=True))
    return f"{wrong} of {len(seen)} frames are others" if wrong else ""


def _check(path: Path, truth: Truth) -> str:
    info = probe([path], cache=None, thorough=True, progress=False)[path]
    if not isinstance(info, VideoInfo):
        return f"refused: {info.reason}"[:120]
    if info.num_frames != len(truth.numbers):
        return f"{info.num_frames} frames, not {len(truth.numbers)}"
    if (info.height, info.width) != truth.shown:
        return f"{info.width} × {info.height}, shown at {truth.shown[1]} × {truth.shown[0]}"
    return info.note
