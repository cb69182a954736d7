"""Readers of labels, projects, bouts, annotations and configs against changed files, by coverage: read or refused.

    pip install atheris && python docs/benchmarks/fuzz_readers.py --seconds 120
    python docs/benchmarks/fuzz_readers.py --quick      the small intact files alone, which need no atheris

Starts from a small intact file of every format and changes it byte by byte (libFuzzer by way of atheris, which sees
which branches a change reaches). A file may be refused by the reader's own error, which names the file; a config is
parsed as `amclip fit --config FILE --print_config` does, and may end with the status 2 and a message. Anything else
is a find: another exception, more than ten seconds, or a table that is not what the rest of amclip builds on (times
that are no numbers, an end before its start, a class that is unknown, a written copy that reads differently). Finds are
printed with the file's bytes; the program then ends with 1.
"""

import argparse
import contextlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sections import Benchmark, new_parser

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "data"), str(ROOT / "tests" / "report")]

CLASSES = {
    "run": "annotation.json",
    "labels": "label tables, frame lists, BORIS events and projects, DeepEthogram, FERAL",
    "annotation": "the same read as bouts, and tables of bouts",
    "config": "a config of amclip fit",
}
CONFIG = """\
input: {scheme: dense, num_segments: 2, flow: {gap: 1/25, bound: 10.0}, frame_size: [64, 64]}
data: {batch_size: 2, source: {labels: a.csv, window: 2}, splits: {by: time}, augmentation: {flip: 0.5}}
model: {loss: {class_path: Focal, init_args: {gamma: 2}}, network: {backbone: amclip-tiny, head: {kind: linear}}}
trainer: {max_epochs: 3}
"""
BOUTS = "video,behaviour,start,stop\na.mp4,walking,0.5,2.25\na.mp4,resting,2.25,4\n"
DICTIONARY = (
    *(
        "NaN",
        "Infinity",
        "-1",
        "1e999",
        "1e-320",
        "99999999999999999999",
        "null",
        "true",
        "[]",
        "{}",
        ";",
        "\\x09",
        "\\xff",
    ),
    *("start", "stop", "label", "filepath", "Observation id", "Behavior", "Time", "Media file", "STATE", "POINT"),
    *("\\x00", "\\xed\\xb2\\x80", "\\xe2\\x80\\xa8", "sep=", "background", "media_info", "observations", "events"),
)


def seeds(target: str) -> list[str]:
    """Small intact files."""
    import layouts
    from pages import write_run
    from test_malformed import FORMATS

    if target == "config":
        return [CONFIG]
    if target == "run":
        with tempfile.TemporaryDirectory() as folder:
            return [(write_run(Path(folder)) / "annotation.json").read_text(encoding="utf-8")]
    texts = [form.text for form in FORMATS.values()]
    return [*texts, layouts.boris_project_text(), *([BOUTS] if target == "annotation" else [])]


def must(holds: bool, what: object) -> None:
    if not holds:
        raise RuntimeError(what)


def finite(*numbers: float) -> bool:
    return all(map(math.isfinite, numbers))


def rows(table: Any) -> list[tuple[Any, ...]]:
    return [(clip.video, clip.start, clip.stop, clip.labels) for clip in table.clips]


def reader(target: str, path: Path) -> Callable[[], None]:
    """Reads the file at ``path`` and looks at what it got; raises nothing for what may be refused."""
    from amclip.cli import main
    from amclip.data.clock import Clock
    from amclip.data.formats import read_labels
    from amclip.data.label_error import LabelError
    from amclip.data.table import write_table
    from amclip.ethogram.annotation_file import read_run
    from amclip.ethogram.annotations import read_annotation

    clock = Clock(fps=10)

    def labels() -> None:
        try:
            table = read_labels(path, clock=clock)
        except LabelError as error:
            must(str(path) in str(error), f"the error does not name the file: {error}")
            return
        for clip in table.clips:
            must(finite(*(time for time in (clip.start, clip.stop) if time is not None)), clip)
            must(clip.start is None or clip.stop is None or 0 <= clip.start < clip.stop, clip)
            must(set(clip.labels or ()) <= set(table.classes), clip)
        try:
            write_table(table, path.with_name("copy.csv"))
        except LabelError:
            return  # names that no table can hold
        again = read_labels(path.with_name("copy.csv"), classes=table.classes)
        must(rows(again) == rows(table), "a written copy reads differently")

    def annotation() -> None:
        try:
            read = read_annotation(path, fps=10)
        except LabelError as error:
            must(str(path) in str(error), f"the error does not name the file: {error}")
            return
        for line in read.timelines:
            for bout in line.bouts:
                must(finite(bout.start, bout.stop) and bout.start <= bout.stop, bout)

    def run() -> None:
        try:
            found = read_run(path.parent)
        except ValueError as error:
            must(str(path) in str(error), f"the error does not name the file: {error}")
            return
        must(found.scoring.window is None or (finite(found.scoring.window) and found.scoring.window > 0), found.scoring)
        for video in found.videos:
            extent = video.extent
            must(finite(extent.duration) and extent.duration >= 0 and extent.num_frames >= 0, video)
            must(finite(extent.fps) and extent.fps > 0, video)

    def config() -> None:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                main(["fit", "--config", str(path), "--print_config"])
            except SystemExit as ended:
                must(ended.code in (None, 0, 2), f"status {ended.code}")
                must(bool(said.getvalue().strip()), "nothing is said")
                return
        raise RuntimeError("a training was begun")

    return {"labels": labels, "annotation": annotation, "run": run, "config": config}[target]


def name_of(target: str) -> str:
    """What the file is called that a target reads."""
    return {"run": "annotation.json", "config": "config.yaml"}.get(target, "labels")


def fuzz(target: str, seconds: int, seed: int) -> None:
    """In a process of its own: libFuzzer ends it."""
    import atheris

    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    path = folder / name_of(target)
    with atheris.instrument_imports(include=["amclip.data", "amclip.ethogram", "amclip.commands"]):
        read = reader(target, path)  # it imports what is to be seen: nothing of amclip may be imported before
    warnings.simplefilter("ignore")
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, text in enumerate(seeds(target)):
        (corpus / str(number)).write_text(text, encoding="utf-8")
    words = folder / "words"
    words.write_text("\n".join(f'"{word}"' for word in DICTIONARY))

    def once(data: bytes) -> None:
        path.write_bytes(data)
        try:
            read()
        except BaseException:
            print(f"FOUND in {target}: {json.dumps(data.decode('latin-1'))}", flush=True)
            raise

    # What is slow is a find too (-timeout); files stay small: what grows with size is measured elsewhere.
    options = [f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10", "-max_len=4096", "-rss_limit_mb=4096"]
    atheris.Setup(
        [sys.argv[0], *options, f"-dict={words}", "-print_final_stats=1", f"-artifact_prefix={folder}/", str(corpus)],
        once,
    )
    atheris.Fuzz()


def read_seeds(target: str) -> int:
    """Read the small intact files, which must raise nothing; their number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name_of(target)
        read, texts = reader(target, path), seeds(target)
        for text in texts:
            path.write_text(text, encoding="utf-8")
            read()
    return len(texts)


def fuzz_apart(target: str, seconds: int, seed: int) -> list[str]:
    """Run :func:`fuzz` in a process of its own.

    Raises:
        RuntimeError: If there is a find, which was printed.
    """
    command = [sys.executable, __file__, "--target", target, f"--seconds={seconds}", f"--seed={seed}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    output = (done.stdout + done.stderr).splitlines()
    if done.returncode:
        print("\n".join(line for line in output if line.startswith("FOUND")), f"(status {done.returncode})")
        print("\n".join(line for line in output[-60:] if line[:1] not in "#IW"))
        raise RuntimeError("FOUND")
    tried = [line.split()[-1] for line in output if "stat::number_of_executed_units" in line]
    return [f"{tried[-1] if tried else '?'} files, nothing found"]


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=tuple(CLASSES), help=argparse.SUPPRESS)
    run = Benchmark(parser, __file__)
    chosen = run.options
    if chosen.target:
        fuzz(chosen.target, chosen.seconds, chosen.seed)
    for target, what in CLASSES.items():
        with run.section(f"{target} ({what})") as lines:
            if run.quick:
                lines.append(f"{read_seeds(target)} intact files are read")
            else:
                lines += fuzz_apart(target, chosen.seconds, chosen.seed)
    run.close()


if __name__ == "__main__":
    main()
