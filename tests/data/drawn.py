"""Videos whose frames carry their number, so that a test can tell which frame it was given."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

CLIPS = Path(__file__).parent / "clips"
_ROWS, _COLUMNS = 3, 4  # 12 bits


def numbered_frame(number: int, height: int = 96, width: int = 128) -> np.ndarray:
    bits = np.array([number >> bit & 1 for bit in range(_ROWS * _COLUMNS)]).reshape(_ROWS, _COLUMNS)
    grey = (30 + 190 * bits).astype(np.uint8)
    grey = grey.repeat(height // _ROWS, 0).repeat(width // _COLUMNS, 1)
    return np.repeat(grey[:, :, None], 3, 2)


def frame_numbers(frames: torch.Tensor) -> list[int]:
    """Numbers drawn into frames ``[n, 3, H, W]``."""
    height, width = frames.shape[-2:]
    rows = [int((row + 0.5) * height / _ROWS) for row in range(_ROWS)]
    columns = [int((column + 0.5) * width / _COLUMNS) for column in range(_COLUMNS)]
    bits = frames.float().mean(1)[:, rows][:, :, columns].reshape(len(frames), -1) > 125
    return [sum(1 << bit for bit, on in enumerate(row) if on) for row in bits.tolist()]


def draw_video(
    path: Path,
    num_frames: int = 60,
    codec: str = "libx264",
    keyframe_every: int = 12,
    milliseconds: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    pixel_format: str = "yuv420p",
) -> Path:
    """Write numbered frames at 25 per second, or at the given times."""
    import av

    with av.open(str(path), "w", options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, pixel_format
        stream.codec_context.gop_size = keyframe_every
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def draw_with_sound(path: Path, num_frames: int = 50, seconds: float = 2.6) -> Path:
    """Numbered frames at 25 per second, and a sound that lasts as long as is said."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        sound: Any = container.add_stream("aac", rate=16000)
        for number in range(num_frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")))
        container.mux(stream.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, int(seconds * 16000)), np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    return path


def draw_sound(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def add_phantom_packets(source: Path, target: Path, count: int = 30) -> Path:
    """Copy a video and add packets that hold no picture: the container then claims more frames than decode."""
    import av

    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        last = step = 0
        for packet in reader.demux(stream):
            if packet.dts is not None:
                step, last = packet.duration or step, max(last, packet.pts or 0)
                packet.stream = copy
                writer.mux(packet)
        for number in range(1, count + 1):
            packet = av.Packet(bytes([0, 0, 0, 2, 0x0C, 0x80]))  # an H.264 filler unit
            packet.pts = packet.dts = last + number * step
            packet.duration, packet.time_base, packet.stream = step, stream.time_base, copy
            writer.mux(packet)
    return target
