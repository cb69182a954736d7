"""Frames that are coded as two fields, a packet each, are counted once, wherever they begin."""

from pathlib import Path

import av
import field_coded
import numpy as np
import pytest

from amclip.data._h264 import may_hold_fields
from amclip.data.video import Video

FRAMES = 30
FORMS = {
    "all": [True] * FRAMES,
    "none": [False] * FRAMES,
    "from the twelfth on": [number >= 12 for number in range(FRAMES)],
    "in turns": [number // 3 % 2 == 1 for number in range(FRAMES)],
    "one of them": [number == 25 for number in range(FRAMES)],
}


@pytest.mark.parametrize("end", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("form", FORMS)
def test_each_frame_is_one_whatever_it_is_coded_as(tmp_path: Path, form: str, end: str) -> None:
    path = field_coded.write_fields(tmp_path / f"fields.{end}", FORMS[form])
    with av.open(path) as file:  # the decoder alone, in order
        assert [field_coded.number_of(f.to_ndarray(format="rgb24")) for f in file.decode(video=0)] == [*range(FRAMES)]
    order = np.random.default_rng(0).permutation(FRAMES).tolist()
    with Video(path) as video:
        assert video.num_frames == FRAMES
        np.testing.assert_allclose(video.frame_index.times, np.arange(FRAMES) / 25, atol=2e-3)
        assert [field_coded.number_of(video.read_array([frame])[0]) for frame in order] == order


@pytest.mark.parametrize("profile", ["main", "high", "high444"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_the_stream_says_whether_it_may_hold_fields(tmp_path: Path, interlaced: bool, profile: str) -> None:
    lists = "" if profile == "main" else "cqm=jvt:"  # scaling lists stand before what is looked for
    for end in ("mp4", "ts"):
        path = tmp_path / f"x264.{end}"
        with av.open(path, "w") as file:
            stream = file.add_stream("libx264", rate=25)
            stream.width, stream.height = 96, 64
            stream.pix_fmt = "yuv444p" if profile == "high444" else "yuv420p"
            stream.options = {"x264-params": f"{lists}{'tff=1' if interlaced else 'bframes=2'}", "profile": profile}
            for number in range(30):
                frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 8 * number, np.uint8), format="rgb24")
                frame.pts = number
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        with av.open(path) as file:
            assert may_hold_fields(file.streams.video[0].codec_context.extradata) is interlaced


def test_what_says_nothing_may_hold_fields() -> None:
    for data in (None, b"", b"\1", b"\1\x4d\0\x1e\xff\xe1\0\x08\x67", b"\0\0\0\1\x67\x64", b"\0\0\1\x68\xce"):
        assert may_hold_fields(data)
