"""``amclip flow``: the optical flow of a video, as a video to look at or as numbers."""

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import numpy as np

from amclip.atomic import refuse_overwriting, replacing
from amclip.data.locate import spelled
from amclip.data.video import Video
from amclip.data.writer import VideoWriter
from amclip.flow.choices import FlowImage, Preset
from amclip.frame_times import DEFAULT_FLOW_GAP, flow_gap_seconds

if TYPE_CHECKING:
    from torch import Tensor

    from amclip.flow.method import FlowMethod

__all__ = ["flow"]

#: Pixels of one chunk of frames: bounds the memory (some 60 bytes a pixel) whatever the video's size and length.
CHUNK = 2**22


def flow(
    video: str,
    output: str = "flow.mp4",
    preset: Preset = "default",
    backend: Literal["auto", "numba", "opencv", "reference"] = "auto",
    start: float | None = None,
    stop: float | None = None,
    size: int | None = None,
    gap: float | str = DEFAULT_FLOW_GAP,
    kind: FlowImage = "wheel",
    bound: float = 20.0,
    raft: Literal["small", "large"] | None = None,
    raft_weights: str = "published",
) -> None:
    """Compute the optical flow of a video, from each frame to the one ``gap`` seconds on; TV-L1, or RAFT where asked.

    Args:
        video: The video.
        output: File to write. ``.mp4``: each frame beside its flow image. ``.npz``: ``flow`` (float16, pairs × 2 ×
            height × width: right and down, in pixels of the resized frame), ``times`` and ``partner_times`` (seconds
            since the video's first frame).
        preset: ``default``; ``fast``, about 2.4 times faster and slightly less exact; ``opencv``, OpenCV's settings,
            which miss fast motion.
        backend: What computes: ``auto`` is ``numba``; ``opencv`` and ``reference`` are slow and there to compare with.
        start: Begin at this time, in seconds since the first frame.
        stop: End before this time.
        size: Shorter side to shrink (or enlarge) the frames to, in pixels; as they are if not given.
        gap: Seconds between the two of a pair, as for training: a number or a fraction such as 1/25, one frame at 25
            frames per second. The next frame at least, however slow the video.
        kind: Flow image of an ``.mp4``: ``wheel`` (hue is direction, saturation is length, still is white) or ``uvm``
            (right, down and length in one colour channel each).
        bound: Length of flow, in pixels, that gives the strongest colour.
        raft: Use torchvision's RAFT of this size in place of TV-L1; ``preset`` and ``backend`` are TV-L1's.
        raft_weights: ``published``, which are fetched where they are not on disk yet, or a file of weights.

    Raises:
        ValueError: If an argument does not fit, or the interval holds no pair of frames.
        FileNotFoundError: If the video is not there.
        amclip.data.video_file.VideoError: If the video cannot be read.
    """
    path = Path(output)
    if path.suffix.lower() not in (".mp4", ".npz"):
        raise ValueError(f"--output must end in .mp4 (to look at) or .npz (numbers), not {output!r}")
    video = str(spelled(video))
    refuse_overwriting("--output", path, [video, *([] if raft_weights == "published" else [raft_weights])])
    seconds = flow_gap_seconds(gap, "--gap")
    if size is not None and size < 2:
        raise ValueError(f"--size must be at least 2 pixels, not {size}")
    if raft is None and raft_weights != "published":
        raise ValueError(f"--raft_weights {raft_weights}: are RAFT's; say which with --raft small or --raft large")
    if raft is not None and (preset != "default" or backend != "auto"):
        raise ValueError("--preset and --backend are TV-L1's; leave them out with --raft")
    import torch  # here, since help and wrong options need none of it

    from amclip.data.pairs import partners_within, read_pairs
    from amclip.flow.image import encode_flow
    from amclip.flow.raft import RAFT
    from amclip.flow.tvl1 import TVL1
    from amclip.long_work import LongWork

    method: FlowMethod = TVL1.preset(preset, backend) if raft is None else RAFT(raft, raft_weights, pairs_at_once=4)
    method.prepare()
    encode_flow(torch.zeros(1, 2, 1, 1), kind, bound)  # a wrong bound is better known now than after a chunk
    with Video(video) as native:
        shape = _frame_size((native.height, native.width), size)
    with Video(video, size=shape) as reader, ExitStack() as stack:
        span = reader.frame_range(start, stop)
        times = reader.timestamps()[span.start : span.stop]
        partners = partners_within(times, seconds)
        count = len(partners)
        if not count:
            raise ValueError(
                f"{video} has {len(span)} frames from {start or 0:g} s to "
                f"{reader.duration if stop is None else stop:g} s; none has another {seconds:.4g} s later "
                f"(the video lasts {reader.duration:.2f} s): take a longer interval, or a shorter --gap"
            )
        work = stack.enter_context(LongWork("Flow", count, "pairs of frames"))
        pairs = read_pairs(reader, span.start, partners, max(1, CHUNK // (shape[0] * shape[1])))
        if path.suffix.lower() == ".mp4":
            with VideoWriter(path, reader.fps, (shape[0], 2 * shape[1])) as writer:
                for chunk in pairs:
                    for picture in _side_by_side(chunk[:, 0], encode_flow(method(chunk), kind, bound)):
                        writer.write(picture.numpy())
                    work.add(len(chunk))
        else:
            with _npz(path, times[:count], times[partners], (count, 2, *shape)) as file:
                for chunk in pairs:
                    file.write(method(chunk).to(torch.float16).numpy().astype("<f2").tobytes())
                    work.add(len(chunk))
    print(f"{path}: flow of {count} pairs of frames, {shape[1]} × {shape[0]} pixels")


def _frame_size(native: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    if short_side is None:
        return native
    scale = short_side / min(native)
    return round(native[0] * scale), round(native[1] * scale)


def _side_by_side(frames: "Tensor", images: "Tensor") -> "Tensor":
    """Frames uint8 and flow images in [0, 1], both ``(n, 3, H, W)``, to uint8 ``(n, H, 2 W, 3)``."""
    import torch

    return torch.cat([frames, (images * 255).round().to(torch.uint8)], dim=3).movedim(1, -1).contiguous()


@contextmanager
def _npz(path: Path, times: np.ndarray, partner_times: np.ndarray, shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """An ``.npz`` whose ``flow`` (float16) is written piece by piece; it takes its name only when complete."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for key, values in (("times", times), ("partner_times", partner_times)):
            with archive.open(f"{key}.npy", "w") as file:
                np.lib.format.write_array(file, values)
        with archive.open("flow.npy", "w", force_zip64=True) as file:
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            yield file
