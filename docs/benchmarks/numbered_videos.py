"""Numbered videos written by the ffmpeg command line: raw frames in, any coding and container out."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "data"))
from numbered import draw_number

__all__ = ["COUNT", "FPS", "SIZE", "Case", "NotWrittenError", "Workshop"]

SIZE = (120, 160)
COUNT = 120
FPS = 25.0


class NotWrittenError(Exception):
    """This combination cannot be written here, and why."""


@dataclass(frozen=True)
class Case:
    """One file of the matrix.

    Attributes:
        name: Of the file.
        codec: What it is coded with.
        structure: What is special about it.
        write: Writes it; raises NotWrittenError where that cannot be done.
        numbers: What its frames show in order of presentation, where the writer knows; else the references decide.
        times: Seconds of each since the first, where the writer knows.
        shown: ``(height, width)`` as shown.
        damaged: Whether bytes are missing or wrong: readers may then differ in what they still give.
        note: What the table says beside it.
    """

    name: str
    codec: str
    structure: str
    write: Callable[[Path], None] = field(repr=False)
    numbers: Sequence[int] | None = None
    times: Sequence[float] | None = None
    shown: tuple[int, int] = SIZE
    damaged: bool = False
    note: str = ""


class Workshop:
    """Writes files by ffmpeg; keeps raw frames and half-made files in a folder of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="numbered-")
        self.folder = Path(self._folder.name)

    def raw(self, size: tuple[int, int] = SIZE, count: int = COUNT, first: int = 0) -> Path:
        """Raw RGB frames, numbered from ``first`` on."""
        height, width = size
        path = self.folder / f"{width}x{height}-{first}-{count}.rgb"
        if not path.exists():
            with path.open("wb") as file:
                for number in range(first, first + count):
                    file.write(draw_number(number, height, width).tobytes())
        return path

    def encode(
        self,
        path: Path,
        coding: str,
        *,
        size: tuple[int, int] = SIZE,
        count: int = COUNT,
        first: int = 0,
        rate: float | str = FPS,
        passes: int = 1,
        before: str = "",
        pipe: bool = False,
    ) -> None:
        """Write numbered frames.

        Args:
            path: The file.
            coding: Options of ffmpeg behind its inputs.
            size: ``(height, width)``.
            count: Number of frames.
            first: Number that the first frame shows.
            rate: Frames per second.
            passes: 2 for a coding in two passes.
            before: Further inputs, or options before the first.
            pipe: Write to a pipe, so that nothing is written in hindsight.
        """
        raw = self.raw(size, count, first)
        source = f"-f rawvideo -pix_fmt rgb24 -s {size[1]}x{size[0]} -r {rate} -i {raw} {before}"
        for number in range(passes):
            nth = f"-pass {number + 1} -passlogfile {self.folder / path.stem}" if passes > 1 else ""
            last = number == passes - 1
            self.run(f"{source} {coding} {nth}", path if last else self.folder / f"pass-{path.name}", pipe and last)

    def run(self, words: str, path: Path, pipe: bool = False) -> None:
        """Run ffmpeg; the file is removed where it fails."""
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *words.split(), "pipe:1" if pipe else str(path)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=120)
        except subprocess.TimeoutExpired as error:
            raise NotWrittenError("ffmpeg takes longer than two minutes") from error
        if pipe and done.returncode == 0:
            path.write_bytes(done.stdout)
        if done.returncode or not path.exists() or not path.stat().st_size:
            path.unlink(missing_ok=True)
            lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
            raise NotWrittenError(lines[0][:120] if lines else f"ffmpeg ends with status {done.returncode}")

    def part(self, name: str) -> Path:
        """Where a half-made file lies."""
        return self.folder / name
