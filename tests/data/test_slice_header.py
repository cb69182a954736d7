"""Where headers of slices end is what FFmpeg's own tracing says, and what is opened by its header is the same."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from drawn import draw_video

from amclip.data._container import open_by_header, open_container
from amclip.data._h264 import length_width, without_pictures
from amclip.data._h264_slice import SliceHeaders
from amclip.data._index import index_by_stamps
from amclip.data._packets import Scan

FRAMES = 40
CODINGS = {
    "as it comes": "",
    "no arithmetic coding": "cabac=0:bframes=3",
    "no B": "bframes=0:ref=1:8x8dct=0",
    "weights": "weightp=2:ref=8:bframes=4",
    "slices": "slices=4",
    "marks": "bframes=8:b-pyramid=strict:ref=5",
    "no smoothing": "no-deblock=1",
    "refresh": "intra-refresh=1",
}


def fading(path: Path, params: str) -> Path:
    """A ground that moves and gets darker and brighter again, so that x264 writes weights."""
    ground = np.random.default_rng(1).integers(0, 255, (12, 24, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": params})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.gop_size = 250
        for number in range(FRAMES):
            image = ground[:, number : number + 128] * (0.6 + 0.4 * np.sin(number / 6))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image.astype(np.uint8), format="rgb24")))
        container.mux(stream.encode())
    return path


def slices(path: Path) -> tuple[bytes, list[bytes]]:
    """The decoder's configuration and all slices of a file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        extradata, found = stream.codec_context.extradata, []
        width = length_width(extradata)
        for packet in container.demux(stream):
            data, place = bytes(packet), 0
            while place < len(data):
                begin = place + width
                place = begin + int.from_bytes(data[place:begin], "big")
                found += [data[begin:place]] if data[begin] & 31 in (1, 5) else []
    return extradata, found


def traced(path: Path) -> list[int]:
    """Bits of the header of each slice, as FFmpeg reads them."""
    with av.logging.Capture() as lines, av.open(str(path)) as container:
        before = av.logging.get_level()
        av.logging.set_level(av.logging.INFO)
        try:
            stream = container.streams.video[0]
            bitstream = BitStreamFilterContext("trace_headers", stream)
            for packet in container.demux(stream):
                bitstream.filter(packet)
        finally:
            av.logging.set_level(before)
    ends: list[int] = []
    in_slice = False
    for _, _, line in lines:
        field = re.match(r"(\d+) +(\S+) +([01]+) = ", line)
        if not field:
            in_slice = line.startswith("Slice Header")
            ends += [0] if in_slice else []
        elif in_slice and "alignment" not in field[2]:
            ends[-1] = int(field[1]) + len(field[3])
    return ends


@pytest.mark.parametrize("coding", CODINGS)
def test_headers_end_where_ffmpeg_says(tmp_path: Path, coding: str) -> None:
    path = fading(tmp_path / "clip.mp4", CODINGS[coding])
    extradata, found = slices(path)
    headers = SliceHeaders(extradata)
    lengths = [headers.length(data, 0, len(data)) for data in found]
    assert len(lengths) >= FRAMES
    assert lengths == [(bits + 7) // 8 for bits in traced(path)]
    if coding == "weights":
        assert max(lengths) > 20


def test_lengths_are_not_known_where_anything_is_odd(tmp_path: Path) -> None:
    extradata, found = slices(fading(tmp_path / "clip.mp4", ""))
    headers = SliceHeaders(extradata)
    length = headers.length(found[1], 0, len(found[1]))
    assert length > 4
    assert headers.length(found[1], 0, length - 1) == 0  # cut off
    assert headers.length(found[1][:3] + b"\0\0\3" + found[1][6:], 0, len(found[1])) == 0
    packet = len(found[1]).to_bytes(4, "big") + found[1]
    assert without_pictures(packet, 4, 32, headers) == (length + 4).to_bytes(4, "big") + found[1][:length] + b"\xff" * 4
    own = next(unit for unit in headers._sets if unit[0] & 31 == 8)
    assert without_pictures(len(own).to_bytes(4, "big") + own, 4, 32, headers)
    assert headers.length(found[1], 0, len(found[1])) == length
    other = own + b"\x80"
    assert without_pictures(len(other).to_bytes(4, "big") + other, 4, 32, headers)
    assert headers.length(found[1], 0, len(found[1])) == 0  # the stream has brought another set
    for data in (None, b"", b"\1\x64\0\x1e\xff\xe1\0\2\x67\x64", extradata[:12], extradata[:-8]):
        assert SliceHeaders(data).length(found[1], 0, len(found[1])) == 0
    extradata, found = slices(fading(tmp_path / "fields.mp4", "interlaced=1"))
    assert SliceHeaders(extradata).length(found[1], 0, len(found[1])) == 0


def test_what_is_opened_by_its_header_is_the_same(tmp_path: Path) -> None:
    path = fading(tmp_path / "clip.mp4", "")
    by_header = open_by_header(path, {})
    assert by_header is not None
    with by_header, open_container(path) as usual:
        one, other = by_header.streams.video[0], usual.streams.video[0]
        assert (one.average_rate, one.time_base, one.frames) == (other.average_rate, other.time_base, other.frames)
        assert one.codec_context.has_b_frames == other.codec_context.has_b_frames
        ways = [[(p.pts, p.dts, p.pos, p.size, p.is_keyframe) for p in c.demux(video=0)] for c in (by_header, usual)]
        assert ways[0] == ways[1]
    for name, options in (("clip.mkv", None), ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov"})):
        assert open_by_header(draw_video(tmp_path / name, options=options), {}) is None
    assert open_by_header(draw_video(tmp_path / "other.mp4", codec="mpeg4"), {}) is None
    assert open_by_header(tmp_path / "missing.mp4", {}) is None


def test_a_file_that_lacks_packets_is_opened_as_ever(tmp_path: Path) -> None:
    path = draw_video(tmp_path / "clip.mp4", FRAMES, options={"movflags": "faststart"})
    with Scan(path) as scanned:
        assert scanned._by_header
    path.write_bytes(path.read_bytes()[:-300])
    with Scan(path) as scanned:
        assert not scanned._by_header
        assert 10 < len(scanned.packets) < FRAMES


def test_where_frames_come_in_another_order_the_stream_is_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scan(draw_video(tmp_path / "clip.mp4", FRAMES)) as scanned:
        thin = Scan.first_packets
        monkeypatch.setattr(Scan, "first_packets", lambda self: iter(()) if self._by_header else thin(self))
        monkeypatch.setattr("amclip.data._index.DecodedFrames.run", lambda self, path: iter(()))
        index = index_by_stamps(scanned)
        assert index is not None
        assert len(index) == FRAMES
        assert not scanned.again()
