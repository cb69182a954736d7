"""Does amclip show the right frame at the right time, in every kind of file? Writes video_matrix.md.

    python docs/benchmarks/video_matrix.py [--only TEXT] [--rows rows.jsonl] [--output video_matrix.md]
    python docs/benchmarks/video_matrix.py --quick

Some hundred numbered videos are written by the ffmpeg command line, container × codec × structure. What they show is
known from how they were written, and read by ffmpeg's command line and by OpenCV. It is held against what amclip reads
frame by frame in random order, in sorted batches and in sequence, with count, times and orientation; of chosen files
also against what every command sees. Where the references disagree, the table says which is right.

A row is saved to `--rows` as soon as it is measured; rows that are there are not measured again. `--quick` takes a
dozen files that PyAV writes alone: no ffmpeg is needed, and it ends with status 1 where a frame is wrong.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "data"))
import numpy as np
from isolated import Isolated
from numbered import Reading, read_number
from numbered_files import CASES as SMALL
from numbered_videos import Case, NotWrittenError, Workshop
from sections import Benchmark, new_parser
from video_cases import QUICK, all_cases
from video_commands import through_commands
from video_references import TOLERANCE, Truth, find_truth
from video_table import write_table

from amclip.data.probe import probe
from amclip.data.video import Video, VideoInfo
from amclip.data.video_file import VideoError

SINGLE = 60
BATCHES = 8
CLIPS = 6
# Files that are written, probed and read together.
AT_ONCE = 12
# Seconds for one file, after which it counts as hanging.
PATIENCE = 240.0
# Of these, what every command sees is compared too.
COMMANDS_SEE = (
    *("plain_h_264.", "plain_h_264_b_frames.mp4", "plain_h_265_open.", "plain_mpeg_4_b_frames.avi", "plain_mpeg_2_b_f"),
    *("h264_intra_refresh.mp4", "vp8_hidden", "vp9_hidden.webm", "xvid_bframes", "trimmed_40_h_264", "turned_"),
    *(
        "vfr_30",
        "double_stamps",
        "two_tracks",
        "piped",
        "clock_wraps_h_264.",
        "hole_",
        "plain_wmv2.wmv",
        "sound",
        "cover",
    ),
    *("starts_late_h_264.", "size_odd"),
)


@dataclass
class Row:
    """What was found of one file. Numbers of wrong frames are ``None`` where it could not be read."""

    name: str
    codec: str
    structure: str
    damaged: bool = False
    skipped: str = ""
    remark: str = ""
    decided: bool = True
    right: int = 0
    found: int | None = None
    refused: str = ""
    note: str = ""
    random: int | None = None
    batch: int | None = None
    order: int | None = None
    read: int = 0
    farthest: int = 0
    late: float | None = None
    turned: str = ""
    milliseconds: float | None = None
    errors: list[str] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)


def _wrong(row: Row, found: Iterable[Reading], indices: Iterable[int], truth: Truth, shift: np.ndarray) -> int:
    """How many frames are others; those that show no readable number are left out."""
    wrong = 0
    for reading, index in zip(found, indices, strict=True):
        place = int(shift[index])
        right = truth.numbers[place] if place >= 0 else -2
        if right == -1:
            continue
        row.read += 1
        if reading.number != right:
            wrong += 1
            if reading.number >= 0 and right >= 0:
                row.farthest = max(row.farthest, abs(reading.number - right))
        if reading.number >= 0 and reading.turned != truth.turned:
            row.turned = f"turned by {90 * (reading.turned % 4)}°"
    return wrong


def _places(times: np.ndarray, truth: Truth, damaged: bool) -> np.ndarray:
    """Which frame of the truth each frame must be: that of its place; in damaged files that of its time."""
    places = np.arange(len(times))
    if damaged and len(truth.times) == len(truth.numbers) != len(times) and len(truth.times):
        return np.nanargmin(np.abs(truth.times[None] - times[:, None]), 1)
    return np.where(places < len(truth.numbers), places, -1)


def hold(row: Row, path: Path, info: VideoInfo, truth: Truth, commands: bool) -> Row:
    """Read a file in every way."""
    dice = np.random.default_rng(0)
    for kind in ("random", "batch", "order"):
        try:
            video = Video(path, info=info)
            count = video.num_frames
            times = video.timestamps()
            places = _places(times, truth, row.damaged)
            if len(times) == len(truth.times):
                row.late = max(row.late or 0.0, float(np.nanmax(np.abs(times - truth.times))))
            if kind == "random":
                _measure(row, video, info, truth)
                chosen = dice.permutation(count)[:SINGLE]
                found = [read_number(video.read_array([int(index)])[0], truth.shown) for index in chosen]
            elif kind == "batch":
                parts = [np.sort(part) for part in np.array_split(dice.permutation(count), min(BATCHES, count))]
                chosen = np.concatenate(parts)
                found = [read_number(frame, truth.shown) for part in parts for frame in video.read_array(part)]
            else:
                chosen = np.arange(count)
                found = [read_number(frame, truth.shown) for frame in video.read_in_order(range(count))]
            setattr(row, kind, _wrong(row, found, chosen, truth, places))
        except Exception as error:
            row.errors.append(f"{kind}: {type(error).__name__}: {str(error).splitlines()[0][-100:]}")
    try:
        row.milliseconds = _milliseconds(path, info)
    except Exception as error:
        row.errors.append(f"clip: {type(error).__name__}: {str(error).splitlines()[0][-100:]}")
    if commands and len(truth.times) > 1:
        row.commands = through_commands(path, info, truth)
    return row


def _measure(row: Row, video: Any, info: VideoInfo, truth: Truth) -> None:
    """Count and orientation."""
    row.found = video.num_frames
    if (video.height, video.width) != truth.shown or (info.height, info.width) != truth.shown:
        row.turned = f"said to be {video.width} × {video.height}"


def _milliseconds(path: Path, info: VideoInfo) -> float:
    """The processor's time for a clip: 16 frames out of 32 at 224 × 224, at a random place; without opening."""
    dice = np.random.default_rng(1)
    video = Video(path, (224, 224), info=info)
    spans = [int(dice.integers(max(1, video.num_frames - 32))) for _ in range(CLIPS)]
    batches = [range(start, min(start + 32, video.num_frames), 2) for start in spans]
    start = time.process_time()
    for batch in batches:
        video.read_array(batch)
    return 1e3 * (time.process_time() - start) / CLIPS


def _measured(cases: Iterator[tuple[Case, Any]], folder: Path, see: bool) -> Iterator[Row]:
    """Rows of the cases, each with what writes the file and gives the truth."""
    # A coder's own files may hang a decoder or end the process; those of the tests do not.
    reader = Isolated(hold, PATIENCE) if see else None
    while chunk := list(islice(cases, AT_ONCE)):
        waiting: list[tuple[Row, Path, Truth]] = []
        for case, write in chunk:
            row, path = Row(case.name, case.codec, case.structure, case.damaged), folder / case.name
            try:
                truth = write(path)
                row.remark, row.decided, row.right = truth.remark, truth.decided, len(truth.numbers)
                if row.right:
                    waiting.append((row, path, truth))
                    continue
                row.skipped = "no reference reads a frame of it"
            except NotWrittenError as error:
                row.skipped = str(error)
            except Exception as error:
                row.skipped = f"{type(error).__name__}: {error}"[:160]
            yield row
        found = probe([path for _, path, _ in waiting], cache=None, progress=False)
        for row, path, truth in waiting:
            info = found[path]
            if isinstance(info, VideoError):
                row.refused = info.reason
                yield row
                continue
            row.note = info.note
            commands = see and row.name.startswith(COMMANDS_SEE)
            try:
                read = hold if reader is None else reader.call
                yield read(row, path, info, truth, commands)
            except RuntimeError as error:
                row.errors.append(str(error))
                yield row
        for _, path, _ in waiting:
            path.unlink(missing_ok=True)
    if reader is not None:
        reader.close()


def _from_ffmpeg(shop: Workshop, only: str, known: set[str]) -> Iterator[tuple[Case, Any]]:
    for case in all_cases(shop):
        if only in case.name and case.name not in known:

            def write(path: Path, case: Case = case) -> Truth:
                case.write(path)
                return find_truth(case, path)

            yield case, write


def _from_pyav() -> Iterator[tuple[Case, Any]]:
    for name in QUICK:

        def write(path: Path, name: str = name) -> Truth:
            made = SMALL[name](path)
            return Truth(made.numbers, np.asarray(made.times), made.shown, turned=made.turned)

        yield Case(name, name.split("_")[0].split(".")[0], "small", write), write


def is_right(row: Row) -> bool:
    """Whether every frame, the count, all times and the orientation are right."""
    if row.refused:
        return False
    counts = (row.random, row.batch, row.order)
    exact = row.found == row.right and row.late is not None and row.late <= TOLERANCE
    return counts == (0, 0, 0) and exact and not row.turned and not row.errors


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--only", default="", help="files whose name holds this text")
    parser.add_argument("--rows", type=Path, help="rows measured so far; measured anew where not given")
    run = Benchmark(parser, __file__)
    options = run.options
    rows: list[Row] = []
    if options.rows and options.rows.exists():
        rows = [Row(**json.loads(line)) for line in options.rows.read_text().splitlines()]
    known = {row.name for row in rows}
    with run.section("Files"), tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        cases = _from_pyav() if run.quick else _from_ffmpeg(Workshop(), options.only, known)
        for row in _measured(cases, Path(folder), not run.quick):
            rows.append(row)
            print(_line(row), flush=True)
            if options.rows:
                with options.rows.open("a") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
    with run.section("The page"):
        write_table(run.output, [{**asdict(row), "is_right": is_right(row)} for row in rows])
    wrong = [row.name for row in rows if not row.skipped and not is_right(row)]
    if run.quick:
        print(f"{len(rows) - len(wrong)} of {len(rows)} files are right; others: {', '.join(wrong) or 'none'}")
        run.failed += wrong
    run.close()


def _line(row: Row) -> str:
    if row.skipped or row.refused:
        return f"{row.name}: {'not written' if row.skipped else 'refused'}: {row.skipped or row.refused}"
    state = "right" if is_right(row) else "WRONG"
    late = "?" if row.late is None else f"{row.late:.4f}"
    text = f"{row.name}: {state}, {row.found} of {row.right} frames, wrong {row.random} {row.batch} "
    text += (
        f"{row.order}, by up to {row.farthest}, times {late} s off {row.turned} {'; '.join(row.errors)} {row.remark}"
    )
    bad = {name: what for name, what in row.commands.items() if what != "right"}
    return text + (f" {bad}" if bad else "")


if __name__ == "__main__":
    main()
