"""How far a video goes: numbers that can be, from a video or from a file."""

from pathlib import Path
from typing import Any

import pytest
from drawn import draw_video

from amclip.data.video import Video
from amclip.ethogram.annotation_file import FILE_NAME, AnnotatedVideo, Scoring, read_run, write_run
from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.extent import Extent


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fps": 0.0}, "fps 0.0, offset 0.0"),
        ({"fps": float("nan")}, "fps nan"),
        ({"offset": float("inf")}, "offset inf"),
        ({"duration": -1.0}, "duration -1.0, num_frames 75"),
        ({"num_frames": -1}, "num_frames -1"),
    ],
    ids=str,
)
def test_numbers_that_cannot_be_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Extent(**{"fps": 25.0, "num_frames": 75, "duration": 3.0, **values})


def test_an_open_video_tells_its_own(tmp_path: Path) -> None:
    with Video(draw_video(tmp_path / "a.mp4", 12)) as video:
        assert Extent.of(video) == Extent(video.fps, 12, video.duration, video.offset)


def test_it_is_written_flat_and_read_back_and_a_damaged_one_names_the_video(tmp_path: Path) -> None:
    extent = Extent(25.0, 75, 3.0, offset=0.5)
    write_run(tmp_path, Scoring(), {"eat": BoutSettings()}, [AnnotatedVideo("barn.mp4", None, extent)], [])
    text = (tmp_path / FILE_NAME).read_text()
    assert '"num_frames": 75' in text
    assert read_run(tmp_path).videos[0].extent == extent
    (tmp_path / FILE_NAME).write_text(text.replace('"fps": 25.0', '"fps": -25'))
    with pytest.raises(ValueError, match=r"annotation\.json: is damaged.*barn\.mp4: fps -25\.0"):
        read_run(tmp_path)
