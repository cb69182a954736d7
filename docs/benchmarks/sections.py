"""What all benchmarks share: sections that are printed and saved as each is done, `--quick`, and where things go.

A section that fails is told with its traceback, and the next one begins; the script then ends with the status 1 and
names it. With `--quick` everything is tiny and takes seconds: figures say nothing and go, as all that is written, to a
temporary folder; `amclip` runs in this very process. So a stale import or a wrong call is found without a long run.
"""

import argparse
import atexit
import contextlib
import functools
import json
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Benchmark", "drawn_clips", "new_parser", "untrained_checkpoint"]


# What makes a command of Lightning's a matter of seconds.
_QUICK = ("--data.num_workers=0", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false")
QUICK_OPTIONS = {
    "fit": (*_QUICK, "--trainer.max_epochs=1", "--trainer.limit_train_batches=2", "--pictures.clips=0"),
    "test": _QUICK,
    "annotate": ("--accelerator=cpu",),
}


@functools.cache
def drawn_clips(animals: int | None = None) -> Path:
    """For quick runs: a data set of 36 clips in all splits, 1.4 s of 48 × 64 pixels, that scripts in one process
    share; it goes with the process."""
    from amclip.data.synthetic import ClipSettings, write_dataset

    folder = tempfile.TemporaryDirectory(prefix="drawn-")
    atexit.register(folder.cleanup)
    settings = ClipSettings(seconds=1.4, size=(48, 64))
    return write_dataset(folder.name, 36, settings, workers=1, progress=False, animals=animals).parent


def untrained_checkpoint(folder: Path, crops: bool = False) -> Path:
    """For quick runs: a checkpoint as `amclip fit` writes it, of a network of a few thousand weights, in a folder."""
    tests = Path(__file__).parents[2] / "tests"
    sys.path[:0] = [str(tests / name) for name in ("data", "ethogram") if str(tests / name) not in sys.path]
    from untrained import make_checkpoint

    if not crops:
        return make_checkpoint(folder)
    from amclip.inputs import CropInput

    return make_checkpoint(folder, {"crop": CropInput(), "tracks": "boxes.csv"})


def new_parser(description: str | None) -> argparse.ArgumentParser:
    """For the options of a script with this docstring."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


class Benchmark:
    """One run of a benchmark.

    Args:
        parser: Of the script's own options; `--quick` and `--output` are added.
        script: The script; its page lies beside it.
        needs: Options that only a quick run can do without: data and checkpoints that lie elsewhere.

    Attributes:
        options: What was asked for.
        quick: Whether it is a smoke test.
        output: The page, ``NAME.md``; in a quick run one in a temporary folder.
        work: ``options.work``, made; in a quick run a temporary folder.
        figures: What was measured, in plain values; where there are any, they are saved as ``NAME.json`` with the page.
    """

    def __init__(self, parser: argparse.ArgumentParser, script: str, needs: Sequence[str] = ()) -> None:
        parser.add_argument("--quick", action="store_true", help="seconds, tiny sizes, no figures: does it work?")
        parser.add_argument("--output", type=Path, default=Path(script).with_suffix(".md"), help="the page to write")
        self.options = parser.parse_args()
        self.quick: bool = self.options.quick
        if not self.quick and (missing := [name for name in needs if getattr(self.options, name) in (None, [])]):
            parser.error(f"needed, but with --quick: {', '.join(missing)}")
        self.failed: list[str] = []
        self.figures: dict[str, Any] = {}
        self._page: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-") if self.quick else None
        self.output: Path = self.options.output
        self.work: Path = getattr(self.options, "work", None) or Path()
        if self._folder is not None:
            self.work = Path(self._folder.name)
            self.output = self.work / self.output.name
        self.work.mkdir(parents=True, exist_ok=True)

    def head(self, text: str) -> None:
        """Begin the page; it is saved with every section from then on."""
        self._page = [text.strip()]

    @contextlib.contextmanager
    def section(self, name: str) -> Iterator[list[str]]:
        """Measure something; lines put into the list are its text.

        They are printed, and where the page has a head, it is saved with them under the heading ``name``. Errors do not
        leave the block; ``SystemExit`` counts as one.
        """
        print(f"## {name}", flush=True)
        lines: list[str] = []
        try:
            yield lines
        except (Exception, SystemExit):
            traceback.print_exc()
            sys.stderr.flush()
            self.failed.append(name)
            lines.append("This section failed.")
        if lines:
            print("\n".join(lines), flush=True)
        if self._page and lines:
            self._page.append(f"## {name}\n\n" + "\n".join(lines).strip())
            self.write("\n\n".join(self._page))

    def write(self, text: str) -> None:
        """Save the whole page, and the figures."""
        self.output.write_text(text.rstrip() + "\n", encoding="utf-8")
        if self.figures:
            self.output.with_suffix(".json").write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")

    def skip(self, name: str, reason: str) -> None:
        """Say why a section is not measured."""
        print(f"## {name}\nskipped: {reason}", flush=True)

    def amclip(self, *words: object) -> None:
        """Run a command, in a process of its own but for a quick run.

        Raises:
            RuntimeError: If it fails; what it said was printed.
        """
        given = [str(word) for word in words]
        if not self.quick:
            status: object = subprocess.run([sys.executable, "-m", "amclip", *given], check=False).returncode
        else:
            from amclip.cli import main

            status = 0
            try:
                main([*given, *QUICK_OPTIONS.get(given[0], ())])
            except SystemExit as ended:
                status = ended.code
        if status:
            raise RuntimeError(f"amclip {' '.join(given)} failed with status {status}")

    def close(self) -> None:
        """End the script.

        Raises:
            SystemExit: If a section failed; names those that did.
        """
        if self._folder is not None:
            self._folder.cleanup()
        if self.failed:
            raise SystemExit(f"failed: {', '.join(self.failed)}")
