"""A stand-in for torchcodec that decodes by amclip's own reader, and errs as it is told."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from amclip.data._container import open_container
from amclip.data.video import Video

__all__ = ["Fake", "fake_torchcodec"]


@dataclass
class Fake:
    """What is wrong with it, and what it was asked for.

    Attributes:
        picture: The frame that it gives in place of another one, with the right stamp.
        stamp: Seconds that it adds to the stamp of a frame.
        fails_at: A frame at which it gives up.
        about: What it says of the stream, where that is something else than the truth.
        fallback: What it says where it does not decode on the GPU.
        batches: Frames that it was asked for, batch by batch.
        opened: How many decoders were made.
    """

    picture: Callable[[int], int] = lambda frame: frame
    stamp: Callable[[int], float] = lambda frame: 0.0
    fails_at: int = -1
    about: dict[str, Any] = field(default_factory=dict)
    fallback: str = ""
    batches: list[list[int]] = field(default_factory=list)
    opened: int = 0


class _Decoder:
    def __init__(self, fake: Fake, path: str, *, custom_frame_mappings: str, stream_index: int, **how: Any) -> None:
        assert how["dimension_order"] == "NHWC"
        fake.opened += 1
        self._fake, self._video = fake, Video(path)
        with open_container(path) as container:
            stream = container.streams[stream_index]
            self._unit = float(stream.time_base)
            about = {"codec": stream.codec_context.name, "pixel_format": stream.codec_context.pix_fmt}
        about["codec"] = about["codec"].removeprefix("lib").replace("dav1d", "av1")
        shape = {"height": self._video.height, "width": self._video.width}
        self.metadata = SimpleNamespace(**{**about, **shape, **fake.about})
        self.cpu_fallback = fake.fallback
        rows = sorted(row["pts"] for row in json.loads(custom_frame_mappings)["frames"])
        times = self._video.timestamps() + self._video.offset
        stamps = np.rint(times / self._unit).astype(np.int64).tolist()
        self._frames = [stamps.index(row) if row in stamps else -1 for row in rows]

    def get_frames_at(self, indices: list[int]) -> Any:
        frames = [self._frames[index] for index in indices]
        assert -1 not in frames
        self._fake.batches.append(frames)
        if self._fake.fails_at in frames:
            raise RuntimeError("decode_av_frame, /src/Decoder.cpp:1493, Could not push packet to decoder\nand more")
        given = [min(self._fake.picture(frame), self._video.num_frames - 1) for frame in frames]
        seconds = self._video.timestamps()[frames] + self._video.offset + [self._fake.stamp(frame) for frame in frames]
        data = self._video.read(given).permute(0, 2, 3, 1)
        return SimpleNamespace(data=data, pts_seconds=torch.from_numpy(seconds))


@contextmanager
def fake_torchcodec(**faults: Any) -> Iterator[Fake]:
    """While it lasts, this is torchcodec."""
    fake = Fake(**faults)
    package, decoders = ModuleType("torchcodec"), ModuleType("torchcodec.decoders")
    decoders.VideoDecoder = lambda path, **how: _Decoder(fake, path, **how)  # type: ignore[attr-defined]
    package.decoders, package.ffmpeg_major_version = decoders, 7  # type: ignore[attr-defined]
    with patch.dict(sys.modules, {"torchcodec": package, "torchcodec.decoders": decoders}):
        yield fake
