"""What a report of animals is made from: windows read back, pictures whose pixels are not square."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import animals
import av
import numpy as np
import pytest
from pages import write_video

from amclip.commands.report import report
from amclip.data.label_error import LabelError
from amclip.ethogram.annotation_file import Scoring, read_run
from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.scores import WindowScores
from amclip.report.media import stretched_size
from amclip.report.windows import read_windows


def written(folder: Path) -> list[WindowScores]:
    """Two animals, one that never comes and the whole scene, of one video; and the scene alone, of another."""
    ada, bo = animals.scores("pair.mp4", ("Ada", "Bo"))
    empty = {name: getattr(ada, name)[:0] for name in ("start_frame", "stop_frame", "start", "stop", "probabilities")}
    never = replace(ada, subject="Cy", present=(), present_frames=(), **empty)
    scene = replace(ada, subject="", present=None, present_frames=None)
    scores = [ada, bo, never, scene, replace(scene, video="other.mp4")]
    settings = dict.fromkeys(animals.CLASSES, BoutSettings())
    tracks = animals.tracks("pair.mp4", ("Ada", "Bo"))
    assert not write_outputs(folder, scores, settings, Scoring("x.ckpt", 0.4, 0.2), tracks=tracks)
    return scores


def test_windows_of_animals_are_read_back_to_the_bit(tmp_path: Path) -> None:
    scores = written(tmp_path)
    for read, wrote in zip(read_windows(read_run(tmp_path)), scores, strict=True):
        assert (read.video, read.subject, read.present) == (wrote.video, wrote.subject, wrote.present)
        assert read.presences() == wrote.presences()
        for name in ("start", "stop", "start_frame", "stop_frame", "probabilities"):
            np.testing.assert_array_equal(getattr(read, name), getattr(wrote, name))
    report(str(tmp_path))
    text = (tmp_path / "report.html").read_text()
    assert '"subject":"Cy","scores":' in text
    assert '"present":[]' in text
    told = (tmp_path / "annotation.json").read_text()
    (tmp_path / "annotation.json").write_text(told.replace('"Ada"', '"Ava"'))
    with pytest.raises(ValueError, match=r"holds no window of Ava in pair\.mp4"):
        list(read_windows(read_run(tmp_path)))
    (tmp_path / "annotation.json").write_text(told)
    (tmp_path / "tracks.csv").write_text("video,frame,subject,x,y,width,height\npair.mp4,0,Ada,1,1,-4,4\n")
    with pytest.raises(LabelError, match=r"tracks\.csv, line 2"):
        report(str(tmp_path))


def test_of_pixels_that_are_not_square_the_number_is_told(tmp_path: Path) -> None:
    for aspect, size in ((1, None), (Fraction(4, 3), (64, 48))):
        path = tmp_path / f"{size}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        assert stretched_size(path) == size
    assert stretched_size(write_video(tmp_path / "plain.mp4", 2)) is None
    (tmp_path / "text.mp4").write_text("no video")
    assert stretched_size(tmp_path / "text.mp4") is None
