"""What other programs read of a numbered video: ffmpeg's and ffprobe's command lines, and OpenCV."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numbered import Reading, read_number
from numbered_videos import FPS, Case
from numpy.typing import NDArray

__all__ = ["Truth", "by_ffmpeg", "by_opencv", "find_truth", "times_by_ffprobe"]

# Times of Matroska and FLV are whole milliseconds.
TOLERANCE = 1.05e-3


@dataclass(frozen=True)
class Truth:
    """What a file shows, and what the references disagree about.

    Attributes:
        numbers: What each frame shows; -1 where it shows none that can be read.
        times: Seconds since the first frame; empty where no one knows, NaN where no one knows one.
        shown: ``(height, width)``.
        remark: Which reference is right where they differ, and why.
        decided: Whether what is right is known: not so where references differ and no one else knows.
        turned: Quarter turns counterclockwise that frames stand turned by when they are shown.
    """

    numbers: Sequence[int]
    times: NDArray[np.float64]
    shown: tuple[int, int]
    remark: str = ""
    decided: bool = True
    turned: int = 0


def by_ffmpeg(path: Path, shown: tuple[int, int]) -> list[Reading]:
    """All frames in order of presentation, turned and cut as a player shows them."""
    height, width = shown
    words = f"-v quiet -nostdin -i {path} -fps_mode passthrough"  # which track, is ffmpeg's choice
    words += f" -vf scale={width}:{height}:flags=bicubic -an -f rawvideo -pix_fmt rgb24 -"
    data = subprocess.run(["ffmpeg", *words.split()], capture_output=True, timeout=120).stdout
    size = height * width * 3
    frames = np.frombuffer(data[: len(data) // size * size], np.uint8).reshape(-1, height, width, 3)
    return [read_number(frame) for frame in frames]


def by_opencv(path: Path, shown: tuple[int, int]) -> list[Reading]:
    """All frames in sequence, by OpenCV's FFmpeg, turned as it turns them."""
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    found = []
    while True:
        good, frame = capture.read()
        if not good:
            capture.release()
            return found
        found.append(read_number(frame, shown if frame.shape[:2] != shown else None))


def times_by_ffprobe(path: Path) -> NDArray[np.float64]:
    """Seconds since the first frame by ffprobe; NaN where it does not know."""
    words = "-v quiet -select_streams V:0 -show_entries frame=best_effort_timestamp_time -of csv=p=0"
    lines = subprocess.run(["ffprobe", *words.split(), str(path)], capture_output=True, text=True, timeout=120).stdout
    stamps = [line.split(",")[0].strip() for line in lines.split()]
    times = np.array([np.nan if stamp in ("N/A", "") else float(stamp) for stamp in stamps if stamp])
    if len(times) > 2 and np.isnan(times[-1]) and np.isfinite(times[:-1]).all():
        times[-1] = 2 * times[-2] - times[-3]  # what the decoder holds back to the end has lost its stamp
    return times - times[:1]


def find_truth(case: Case, path: Path) -> Truth:
    """What a file shows, by the writer's knowledge and two references."""
    first = by_ffmpeg(path, case.shown)
    second = by_opencv(path, case.shown)
    ffmpeg, opencv = [reading.number for reading in first], [reading.number for reading in second]
    remarks = []
    # A writer's plan can fail to come true: what two programs read out of the pixels cannot be talked away.
    numbers: Sequence[int] = ffmpeg
    if case.numbers is not None:
        planned = list(case.numbers)
        if planned in (ffmpeg, opencv) or case.damaged:
            numbers = planned
        elif ffmpeg == opencv:
            remarks.append(f"written to show {_span(planned)}; both references read {_span(ffmpeg)}: they are right")
        else:
            numbers = planned
    decided = ffmpeg == opencv or case.numbers is not None
    if ffmpeg != opencv:
        remarks.append(_disagreement(list(numbers), ffmpeg, opencv, case))
    elif case.damaged and numbers != ffmpeg:
        remarks.append(f"both references read {_span(ffmpeg)}")
    turned = {reading.turned for reading in first if reading.number >= 0}
    if len(turned) > 1:
        remarks.append(f"ffmpeg shows it turned by {sorted(turned)}")
    times = times_by_ffprobe(path)
    if case.times is not None and len(case.times) == len(numbers):
        planned_times = np.asarray(case.times)
        if len(times) != len(numbers) or np.isnan(times).any():
            remarks.append(f"ffprobe gives times to {int(np.isfinite(times).sum())} frames: the writer's count")
        elif np.abs(times - planned_times).max() > TOLERANCE:
            off = float(np.abs(times - planned_times).max())
            remarks.append(f"ffprobe's times are up to {off:.3f} s from what was written")
            if not case.damaged and (np.diff(times) >= 0).all():
                remarks[-1] += ": what the container made of them counts"
                planned_times = times
        times = planned_times
    elif case.damaged:
        times = _times_by_number(numbers)
    elif len(times) != len(numbers) or np.isnan(times).any():
        times = np.empty(0)
    return Truth(
        numbers, times, case.shown, "; ".join(remark for remark in remarks if remark), decided, min(turned, default=0)
    )


def _times_by_number(numbers: Sequence[int]) -> NDArray[np.float64]:
    """When frames were written, by the number that each shows: containers' stamps count on over what is missing.

    NaN for frames that show none, or that of the frame before once more.
    """
    shown = np.asarray(numbers, np.float64)
    known = (shown >= 0) & np.concatenate([[True], np.diff(shown) != 0])
    return np.where(known, shown - shown[:1], np.nan) / FPS


def _disagreement(numbers: Sequence[int], ffmpeg: list[int], opencv: list[int], case: Case) -> str:
    text = f"ffmpeg reads {_span(ffmpeg)}, OpenCV {_span(opencv)}"
    if case.numbers is None:
        return f"{text}: ffmpeg obeys the container, taken as right"
    right = [name for name, found in (("ffmpeg", ffmpeg), ("OpenCV", opencv)) if list(numbers) == found]
    return f"{text}: {' and '.join(right) or 'neither'} is what was written"


def _span(numbers: Sequence[int]) -> str:
    if not numbers:
        return "nothing"
    unreadable = sum(number < 0 for number in numbers)
    text = f"{len(numbers)} frames, {numbers[0]} to {numbers[-1]}"
    return f"{text}, {unreadable} of them unreadable" if unreadable else text
