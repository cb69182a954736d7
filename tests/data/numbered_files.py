"""Small numbered videos of many structures, written by PyAV alone: what each shows is known from how it was made."""

import io
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from numbered import draw_number

__all__ = ["CASES", "Numbered", "copy_packets", "encode", "turn", "without_seeking"]

_TICKS = 90_000
_SIZE = (96, 128)
_COUNT = 75


@dataclass(frozen=True)
class Numbered:
    """What a player shows of a file.

    Attributes:
        path: The file.
        numbers: Number that each frame shows, in order of presentation.
        times: Seconds since the first frame.
        shown: ``(height, width)`` after turning by the display matrix.
        turned: Quarter turns counterclockwise by the display matrix.
    """

    path: Path
    numbers: tuple[int, ...]
    times: tuple[float, ...]
    shown: tuple[int, int]
    turned: int = 0


def encode(
    path: Path,
    codec: str,
    numbers: Sequence[int] = range(_COUNT),
    *,
    times: Sequence[float] | None = None,
    rate: float = 25,
    start: float = 0.0,
    size: tuple[int, int] = _SIZE,
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    format: str | None = None,
    muxing: dict[str, str] | None = None,
    sound: float = 0.0,
    target: Any = None,
) -> Numbered:
    """Write a numbered video.

    Args:
        path: The file.
        codec: FFmpeg's name of the encoder.
        numbers: Number of each frame.
        times: Seconds of each frame; evenly spaced by ``rate`` where ``None``.
        rate: Frames per second.
        start: Seconds that the first frame begins at.
        size: ``(height, width)``.
        pixels: Pixel format.
        options: Of the encoder.
        format: FFmpeg's name of the container; by the file's name where ``None``.
        muxing: Options of the container.
        sound: Seconds of silence to write as a second stream (AAC).
        target: What to write to instead of ``path``, a file object.
    """
    import av

    height, width = size
    moments = [index / rate for index in range(len(numbers))] if times is None else list(times)
    exact = Fraction(rate).limit_denominator(1001)
    with av.open(target or str(path), "w", format=format, options=muxing or {}) as container:
        stream: Any = container.add_stream(codec, rate=exact, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        even = times is None and start == 0
        base = 1 / exact if even else Fraction(1, _TICKS if codec != "mpeg4" else 1000)
        stream.codec_context.time_base = base
        silence = _silence(container, sound) if sound else []  # before anything is written: it adds a stream
        for index, (number, moment) in enumerate(zip(numbers, moments, strict=True)):
            frame = av.VideoFrame.from_ndarray(draw_number(number, height, width), format="rgb24")
            frame.pts = index if even else round((start + moment) / base)
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for packet in silence:
            container.mux(packet)
    return Numbered(path, tuple(numbers), tuple(moments), size)


def _silence(container: Any, seconds: float) -> list[Any]:
    import av
    import numpy as np

    stream = container.add_stream("aac", rate=44_100, layout="mono")
    packets = []
    for index in range(round(seconds * 44_100 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44_100, 1024 * index, Fraction(1, 44_100)
        packets += stream.encode(frame)
    return packets + stream.encode()


def copy_packets(
    sources: Sequence[Path],
    path: Path,
    keep: Callable[[int], bool] = lambda index: True,
    shift: float = 0.0,
    stamp: Callable[[int, int], int] = lambda index, stamp: stamp,
    muxing: dict[str, str] | None = None,
    format: str | None = None,
) -> None:
    """Copy the first video track of each source, without coding it again, as tracks of one file.

    Args:
        sources: The files.
        path: The file to write.
        keep: Whether a packet is kept, by its place in the file.
        shift: Seconds to add to all stamps.
        stamp: New presentation stamp of a packet of this place and stamp.
        muxing: Options of the container.
        format: FFmpeg's name of the container.
    """
    import av

    with av.open(str(path), "w", format=format, options=muxing or {}) as output:
        inputs = [av.open(str(source)) for source in sources]
        tracks = [output.add_stream_from_template(opened.streams.video[0]) for opened in inputs]
        for track in tracks:
            track.disposition = av.stream.Disposition.default
        for opened, track in zip(inputs, tracks, strict=True):
            for index, packet in enumerate(opened.demux(opened.streams.video[0])):
                if packet.size and keep(index):
                    ticks = round(shift / packet.time_base)
                    packet.pts = stamp(index, packet.pts) + ticks
                    packet.dts = min(packet.dts + ticks, packet.pts)
                    packet.stream = track
                    output.mux(packet)
            opened.close()


def turn(path: Path, quarters: int) -> None:
    """Write a display matrix into an MP4 or MOV file: shown turned clockwise by so many quarters."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4
    wide = data[place] == 1
    one = 1 << 16
    a, b, c, d = [(one, 0, 0, one), (0, one, -one, 0), (-one, 0, 0, -one), (0, -one, one, 0)][quarters % 4]
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    begin = place + (52 if wide else 40)
    data[begin : begin + 36] = matrix
    path.write_bytes(bytes(data))


class without_seeking:  # noqa: N801
    """A file that can only be written on, as a pipe: the container's index and length are never written."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()

    def write(self, data: bytes) -> int:
        return self._buffer.write(data)

    def save(self, path: Path) -> None:
        path.write_bytes(self._buffer.getvalue())


# ---------------------------------------------------------------- what plain coding does not give


def _piped(path: Path, codec: str, format: str, **more: Any) -> Numbered:
    pipe = without_seeking()
    numbered = encode(path, codec, target=pipe, format=format, **more)
    pipe.save(path)
    return numbered


def _trimmed(path: Path, codec: str, options: dict[str, str], cut: int) -> Numbered:
    """Begins at a key frame before the cut; an edit list says where to begin showing."""
    whole = path.with_name(f"whole-{path.name}")
    made = encode(whole, codec, options=options)
    copy_packets([whole], path, shift=-cut / 25)
    return Numbered(path, made.numbers[cut:], made.times[: _COUNT - cut], made.shown)


def _turned(path: Path, quarters: int, codec: str = "libx264") -> Numbered:
    made = encode(path, codec, options=_X264)
    turn(path, quarters)
    shown = made.shown if quarters % 2 == 0 else made.shown[::-1]
    return Numbered(path, made.numbers, made.times, shown, turned=-quarters % 4)


def _two_tracks(path: Path) -> Numbered:
    """The second track has the higher bit rate; the first is the one that is shown."""
    first, second = path.with_name(f"1-{path.name}"), path.with_name(f"2-{path.name}")
    made = encode(first, "libx264", options={**_X264, "crf": "30"})
    encode(second, "libx264", range(500, 500 + _COUNT), options={**_X264, "crf": "10"})
    copy_packets([first, second], path)
    return Numbered(path, made.numbers, made.times, made.shown)


def _double_stamp(path: Path) -> Numbered:
    """Frame 30 has the stamp of frame 29."""
    whole = path.with_name(f"whole-{path.name}")
    made = encode(whole, "libx264", options=_X264)
    copy_packets([whole], path, stamp=lambda index, stamp: stamp - 40 if index == 30 else stamp)
    times = [29 / 25 if index == 30 else time for index, time in enumerate(made.times)]
    return Numbered(path, made.numbers, tuple(times), made.shown)


def _hole(path: Path) -> Numbered:
    """Frames 24 to 47 were taken out; the stamps of the others are as they were."""
    whole = path.with_name(f"whole-{path.name}")
    made = encode(whole, "libx264", options=_X264)
    copy_packets([whole], path, keep=lambda index: not 24 <= index < 48)
    left = [index for index in range(_COUNT) if not 24 <= index < 48]
    return Numbered(path, tuple(left), tuple(made.times[index] for index in left), made.shown)


def _kept(path: Path) -> Numbered:
    """Only two passes over a video give VP8 its hidden frames, and PyAV makes one: this one is kept."""
    shutil.copy(Path(__file__).parent / "clips" / path.name, path)
    return Numbered(path, tuple(range(_COUNT)), tuple(index / 25 for index in range(_COUNT)), _SIZE)


_X264 = {"g": "12", "bf": "0", "sc_threshold": "0"}
_VARIABLE = [index / 25 for index in range(40)] + [40 / 25 + index / 5 for index in range(35)]
#: Name of the file by what it holds -> how to write it.
CASES: dict[str, Callable[[Path], Numbered]] = {
    "h264.mp4": partial(encode, codec="libx264", options=_X264),
    "h264_bframes.mp4": partial(encode, codec="libx264", options={"g": "25", "bf": "3"}),
    "h264_one_key.mp4": partial(encode, codec="libx264", options={"g": "999", "bf": "2"}),
    "h264_open_gop.mkv": partial(
        encode, codec="libx264", options={"g": "15", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}
    ),
    "h264_intra_refresh.mp4": partial(
        encode, codec="libx264", options={"g": "20", "bf": "0", "x264-params": "intra-refresh=1"}
    ),
    "h264_fragmented.mp4": partial(
        encode, codec="libx264", options=_X264, muxing={"movflags": "frag_keyframe+empty_moov"}
    ),
    "h264.avi": partial(encode, codec="libx264", options=_X264),
    "h264.ts": partial(encode, codec="libx264", options={"g": "12", "bf": "2"}),
    "h264.flv": partial(encode, codec="libx264", options={"g": "12", "bf": "2"}),
    "h265_open_gop.mkv": partial(
        encode, codec="libx265", options={"x265-params": "keyint=15:log-level=none", "preset": "ultrafast"}
    ),
    "h265_open_gop.mp4": partial(
        encode, codec="libx265", options={"x265-params": "keyint=15:log-level=none:b-adapt=0:bframes=4"}
    ),
    "vp8_hidden.webm": _kept,
    "vp9_hidden.webm": partial(
        encode, codec="libvpx-vp9", options={"auto-alt-ref": "1", "lag-in-frames": "12", "g": "25", "cpu-used": "8"}
    ),
    # From preset 11 on single numbers cannot be read at one quality or another, which differ between PyAV 18 and 19.
    "av1.mp4": partial(encode, codec="libsvtav1", options={"preset": "8", "g": "25", "crf": "20"}),
    "mpeg4.avi": partial(encode, codec="mpeg4", options={"g": "12", "q": "3"}),
    "mpeg4_bframes.avi": partial(encode, codec="mpeg4", options={"g": "12", "bf": "2"}),
    "mpeg4_bframes.mp4": partial(encode, codec="mpeg4", options={"g": "12", "bf": "2"}),
    "mpeg2_bframes.mkv": partial(encode, codec="mpeg2video", options={"g": "12", "bf": "2"}),
    "mpeg2_bframes.mpg": partial(encode, codec="mpeg2video", options={"g": "12", "bf": "2"}),
    "mjpeg.avi": partial(encode, codec="mjpeg", numbers=range(30), pixels="yuvj420p", options={"qmin": "12"}),
    "ffv1.mkv": partial(encode, codec="ffv1", numbers=range(12), size=(67, 101)),
    "wmv2.wmv": partial(encode, codec="wmv2", options={"g": "12"}, format="asf"),
    "trimmed.mp4": partial(_trimmed, codec="libx264", options={"g": "25", "bf": "2"}, cut=40),
    "trimmed.mov": partial(_trimmed, codec="libx264", options={"g": "25", "bf": "0"}, cut=31),
    "turned_90.mp4": partial(_turned, quarters=1),
    "turned_180.mp4": partial(_turned, quarters=2),
    "turned_270.mov": partial(_turned, quarters=3),
    "variable_rate.mkv": partial(encode, codec="libx264", times=_VARIABLE, options={"g": "15", "bf": "2"}),
    "variable_rate.mp4": partial(encode, codec="libx264", times=_VARIABLE, options={"g": "15", "bf": "2"}),
    "double_stamp.mkv": _double_stamp,
    "two_tracks.mp4": _two_tracks,
    "no_index.mkv": partial(_piped, codec="libx264", format="matroska", options={"g": "15", "bf": "2"}),
    "no_index.webm": partial(_piped, codec="libvpx", format="webm", options={"g": "25", "cpu-used": "5"}),
    "hole.mp4": _hole,
    "hole.mkv": _hole,
    "starts_late.mkv": partial(encode, codec="libx264", start=3.2, options=_X264),
    "clock_wraps.ts": partial(encode, codec="libx264", start=2**33 / _TICKS - 1.4, options=_X264),
    "sound_longer.mp4": partial(encode, codec="libx264", options=_X264, sound=3.6),
    "tiny.mp4": partial(encode, codec="libx264", size=(16, 16), options={"g": "12", "bf": "2", "crf": "12"}),
    "one_per_second.mp4": partial(encode, codec="libx264", numbers=range(30), rate=1, options=_X264),
    "sixty_per_second.mp4": partial(encode, codec="libx264", rate=60, options={"g": "30", "bf": "3"}),
}
