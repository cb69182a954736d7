"""Read the frames of a video by a GPU's own decoder, through torchcodec: the frames of the index, or none.

The index (:mod:`amclip.data._index`) says what the frames of a file are; torchcodec is given their stamps and is asked
for frames by them. A right stamp alone proves nothing: asked by the stamps that H.264 has in AVI, torchcodec gives
other pictures with just these, and a GPU may decode on from a false key frame without a word. So three things hold:

* what is not known to go well (containers without stamps of presentation, pixels of other kinds than 8 bits in 4:2:0,
  codecs that were not tried, mirrored pictures) is refused when the video is opened;
* each frame that comes out has the stamp that the index has for it;
* the first frames of each pass, and one after 32, 64, 128, … frames, are decoded on the CPU too, and before they are
  scaled must be the same picture, not interlaced, and not the one before or behind it. A later one lies shortly behind
  a key frame, or, where none comes for 256 frames, anywhere that the CPU reaches by decoding 2048 frames at most. So of
  a file with one key frame, three later frames are checked, and none behind the first 2000 or so.

Where one of these fails, :class:`GpuDecodingError` says why, and whoever reads the video does it on the CPU from its
beginning. Decoding goes straight on from frame to frame: it only seeks where a pass begins far into a file.

The device may be the CPU, where torchcodec decodes by FFmpeg: so all but the device itself is tested without a GPU.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amclip.data._container import open_container
from amclip.data._frame_index import FrameIndex
from amclip.data._same_picture import SamePicture
from amclip.data.video_file import VideoError, short_reason

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GpuDecodingError", "GpuReader", "why_no_gpu_decoder", "why_no_torchcodec"]

_CODECS = ("h264", "hevc", "av1", "vp9", "vp8")
_PIXELS = ("yuv420p", "yuvj420p", "nv12")
_FILTER = "bicubic"  # with smoothing: the nearest to FFmpeg's on the CPU (docs/benchmarks/gpu_pixels.md)
_BATCH_BYTES = 1 << 27  # of whole frames that are on the device at once
_LARGEST_BATCH = 32
_WORTH_SEEKING = 300  # frames: decoding over so many takes a GPU about as long as opening the file anew
_LONGEST_PASS = 1 << 16  # frames of which torchcodec is told at once: a few hundred bytes each, for a moment


class GpuDecodingError(VideoError):
    """A video whose frames a GPU's decoder does not give for certain; on the CPU it can be read."""


class GpuReader:
    """Reads frames by torchcodec; a :class:`amclip.data._reader.Reader`.

    Args:
        path: The file.
        index: Its frames.
        size: ``(height, width)``, as shown, that frames are scaled to, on the device; ``None`` leaves them as they are.
        device: PyTorch's name of the device, such as ``"cuda:0"``.

    Raises:
        GpuDecodingError: If this is no video for it, or there is no torchcodec.
    """

    def __init__(
        self, path: str | os.PathLike[str], index: FrameIndex, size: tuple[int, int] | None, device: str
    ) -> None:
        self._path, self._index, self._device = os.fspath(path), index, device
        self.times, self.claimed = index.times, index.claimed
        self._native = index.orientation.shown(index.size)
        self.size = size or self._native
        if why := why_no_torchcodec():
            raise self._refusal(why)
        self._time_base, self._stamps = self._stamps_of_index()
        self._side: Any = None  # a stream of CUDA: what the network computes need not be waited for
        self._check = SamePicture(path, index)
        self._batch = max(1, min(_LARGEST_BATCH, _BATCH_BYTES // (3 * index.size[0] * index.size[1])))
        self._pass: _Pass | None = self._begin(0)

    def close(self) -> None:
        """Give files and memory back; reading opens them anew."""
        self._pass = None
        self._check.close()

    def frames(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Frames at increasing indices, one by one, ``[height, width, 3]``, RGB; some are decoded ahead of their turn.

        Raises:
            GpuDecodingError: If one does not come out for certain.
        """
        wanted, at = [int(index) for index in indices], 0
        while at < len(wanted):
            current = self._pass
            if current is None or not self._reaches(current, wanted[at]):
                self._pass = None  # its decoder is free for the next one
                self._pass = current = self._begin(wanted[at])
            batch = [index for index in wanted[at : at + self._batch] if index < current.stop]
            pixels = self._decode(current, batch)
            current.at = batch[-1]
            yield from pixels
            at += len(batch)

    # ------------------------------------------------------------------ decoding

    def _refusal(self, reason: str) -> GpuDecodingError:
        return GpuDecodingError(self._path, reason)

    def _stamps_of_index(self) -> tuple[float, NDArray[np.int64]]:
        """Seconds of the stream's unit, and the frames' stamps in it, int64 ``[N]``."""
        index = self._index
        turned = index.orientation
        if turned.transpose != (turned.mirror_x != turned.mirror_y):
            raise self._refusal("its pictures are shown mirrored")
        if any(side % 2 for side in index.size):
            raise self._refusal(f"its pictures have an odd side ({index.size[1]} × {index.size[0]} pixels)")
        with open_container(self._path) as container:
            kind = container.format.name
            unit = container.streams[index.stream].time_base
        if kind == "avi":
            raise self._refusal("AVI does not keep when its frames are shown")
        ticks = (index.times + index.offset) / float(unit)
        stamps = np.rint(ticks).astype(np.int64)
        if np.abs(ticks - stamps).max() > 0.1 or (np.diff(stamps) <= 0).any():
            raise self._refusal("its time stamps do not tell its frames apart")
        return float(unit), stamps

    def _reaches(self, current: _Pass, target: int) -> bool:
        """Whether going on with a pass gives a frame, and sooner than beginning anew."""
        if not current.at < target < current.stop:
            return False
        key = self._index.key_before(target)
        return key < 0 or int(self._index.keys.frames[key]) - current.at <= _WORTH_SEEKING

    def _begin(self, target: int) -> _Pass:
        """A pass from the key frame before the target.

        torchcodec seeks to key frames by their stamps of presentation, and some containers by those of decoding. So the
        one place that it may seek to is a frame that is never asked for, with the stamp to seek to.
        """
        keys, stop = self._index.keys, min(len(self._index), target + _LONGEST_PASS)
        key = self._index.key_before(target)
        seek_to = int(keys.stamps[key]) if key >= 0 else int(min([self._stamps[0], *keys.stamps[:1]]))
        if seek_to > self._stamps[target]:
            raise self._refusal("a key frame is decoded after the time at which it is shown")
        stamps = [seek_to, *self._stamps[target:stop].tolist()]
        rows = [{"pts": stamp, "duration": 1, "key_frame": number == 0} for number, stamp in enumerate(stamps)]
        return _Pass(self._open(json.dumps({"frames": rows})), target, stop, target - 1)

    def _open(self, frames: str) -> Any:
        from torchcodec.decoders import VideoDecoder

        try:
            with self._aside():
                decoder = VideoDecoder(
                    os.path.abspath(self._path),
                    stream_index=self._index.stream,
                    dimension_order="NHWC",
                    device=self._device,
                    custom_frame_mappings=frames,
                )
        except Exception as error:  # torchcodec's errors are RuntimeError, ValueError and others
            raise self._refusal(f"torchcodec does not open it ({_said(error)})") from error
        about = decoder.metadata
        if about.codec not in _CODECS:
            raise self._refusal(f"the codec {about.codec} is decoded on the CPU only")
        if about.pixel_format not in _PIXELS:
            raise self._refusal(f"pixels of the format {about.pixel_format} are decoded on the CPU only")
        if (about.height, about.width) != self._native:
            raise self._refusal(f"torchcodec takes its pictures to be of {about.width} × {about.height} pixels")
        if not self._device.startswith("cpu") and decoder.cpu_fallback:
            raise self._refusal(f"the GPU does not decode it ({decoder.cpu_fallback})")
        return decoder

    def _aside(self) -> AbstractContextManager[Any]:
        """What is launched meanwhile is waited for without all else that the GPU does."""
        if self._device.startswith("cpu"):
            return nullcontext()
        import torch

        if self._side is None:
            self._side = torch.cuda.Stream(torch.device(self._device))  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._side)

    def _decode(self, current: _Pass, batch: Sequence[int]) -> NDArray[np.uint8]:
        """The frames of a batch, each with its own stamp, ``[n, height, width, 3]``; some held against the CPU's."""
        import torch

        places = self._check.due(batch, begins=current.at < current.first)
        try:
            with self._aside(), torch.inference_mode():
                found = current.decoder.get_frames_at([index - current.first + 1 for index in batch])
                stamps = np.rint(found.pts_seconds.cpu().numpy() / self._time_base).astype(np.int64)
                whole = found.data[places].cpu().numpy()
                pixels: NDArray[np.uint8] = self._scale(found.data).cpu().numpy()
        except Exception as error:
            reason = f"torchcodec gives up between frames {batch[0]} and {batch[-1]} ({_said(error)})"
            raise self._refusal(reason) from error
        if (wrong := np.flatnonzero(stamps != self._stamps[batch])).size:
            here = wrong[0]
            got, want = (float(stamp * self._time_base) for stamp in (stamps[here], self._stamps[batch[here]]))
            raise self._refusal(f"torchcodec gives the frame of {got:.3f} s for frame {batch[here]}, of {want:.3f} s")
        if places and (why := self._check.why_not([batch[place] for place in places], whole)):
            raise self._refusal(why)
        return pixels

    def _scale(self, frames: Tensor) -> Tensor:
        """Frames uint8 ``[n, H, W, 3]`` in the size that is asked for.

        In float32, which PyTorch's filters with smoothing compute in on a GPU.
        """
        from torch.nn import functional as F

        if tuple(frames.shape[1:3]) == self.size:
            return frames.contiguous()
        scaled = F.interpolate(frames.permute(0, 3, 1, 2).float(), self.size, mode=_FILTER, antialias=True)
        return scaled.round_().clamp_(0, 255).byte().permute(0, 2, 3, 1).contiguous()


def _said(error: Exception) -> str:
    """What an error of torchcodec says, without the line of its source that some begin with."""
    return short_reason(RuntimeError(re.sub(r"^\S+, \S+:\d+, ", "", str(error))))


@dataclass
class _Pass:
    """Decoding from one place on.

    Attributes:
        decoder: torchcodec's.
        first: The first frame that it can be asked for.
        stop: The frame behind the last.
        at: The frame that it gave last; before it gave any, the one before the first.
    """

    decoder: Any
    first: int
    stop: int
    at: int


def why_no_torchcodec() -> str:
    """Why torchcodec cannot be used here, with what to do; empty where it can."""
    try:
        import torchcodec
    except ModuleNotFoundError:
        return "torchcodec is missing: pip install 'amclip[gpu-decode]'"
    except Exception as error:  # RuntimeError, OSError, ImportError: it was built for another PyTorch
        return f"torchcodec cannot be imported ({short_reason(error)}); is it the version that goes with this PyTorch?"
    if getattr(torchcodec, "ffmpeg_major_version", None) is None:
        return (
            "torchcodec finds no FFmpeg: its libraries, version 4 or later, come with `apt install ffmpeg` or "
            "`conda install -c conda-forge ffmpeg` (or torchcodec is not the version that goes with this PyTorch)"
        )
    return ""


def why_no_gpu_decoder() -> str:
    """Why no video can be decoded on a GPU here, with what to do; empty where it looks as if it could."""
    if why := why_no_torchcodec():
        return why
    import torch

    if not torch.cuda.is_available():
        return "PyTorch finds no GPU of CUDA"
    if sys.platform == "linux" and not any(map(_loads, ("libnvcuvid.so", "libnvcuvid.so.1"))):
        return (
            "the NVIDIA driver's decoder (libnvcuvid.so.1) is missing; in a container NVIDIA_DRIVER_CAPABILITIES must "
            "have `video` in it"
        )
    return ""


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
