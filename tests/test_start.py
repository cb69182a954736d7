"""Help, wrong options and commands that need no network answer without PyTorch and Lightning, which load for seconds.

How long they take is measured by docs/benchmarks/start.py.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from pages import write_run, write_video

from amclip import cli
from amclip.config_path import config_path

SLOW = ("torch", "lightning", "torchvision", "torchmetrics", "numba")
PROGRAM = f"""
import sys
from amclip.cli import main
code = 0
try:
    main(sys.argv[1:])
except SystemExit as ending:
    code = ending.code
print("loaded:", [name for name in {SLOW} if name in sys.modules], "code:", code)
"""
TABLE = "filepath,start,stop,label\na.mp4,0,1,walking\na.mp4,2,3,eating\n"


def run(folder: Path, *words: str) -> str:
    """Of an `amclip` command in a process of its own: which of the slow libraries it loaded, and its exit code."""
    command = [sys.executable, "-c", PROGRAM, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    ["annotate", "check", "convert", "demo", "doctor", "embed", "evaluate", "flow", "new", "report", "suggest"],
)
def test_help_is_fast(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, command, "--help") == "loaded: [] code: 0"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--version",), 0),
        (("annotate", "a.mp4", "--output", "out", "--windw", "2"), 2),
        (("annotate", "a.mp4", "--output", "out", "--window", "-1"), 2),
        (("annotate", "missing.mp4", "--output", "out", "--checkpoint", "x.ckpt"), 2),
        (("suggest", "missing.mp4", "--output", "out", "--checkpoint", "x.ckpt"), 2),
        (("flow", "missing.mp4", "--output", "flow.txt"), 2),
        (("convert", "missing.csv", "out.csv"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_words_are_answered_fast(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    assert run(tmp_path, *words) == f"loaded: [] code: {code}"


def test_commands_without_a_network_are_fast(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    assert run(tmp_path, "convert", "a.csv", "b.csv") == "loaded: [] code: 0"
    assert (tmp_path / "b.csv").read_text().count("\n") == 3
    assert run(tmp_path, "evaluate", "a.csv", "b.csv", "--output", "agreement") == "loaded: [] code: 0"
    assert (tmp_path / "agreement" / "agreement.csv").exists()
    video = write_video(tmp_path / "clip.mp4", frames=50)
    write_run(tmp_path / "run", videos=[("clip.mp4", str(video), 2.0, 25.0)])
    assert run(tmp_path, "report", "run", "--transcode") == "loaded: [] code: 0"
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--data.source.labels", "a.csv"),
        ("--data.source.labels=none.csv",),
        ("--config", "own.yaml", "--data.source.labels=[a.csv]", "--input.scheme=sparse"),
        ("--data.source.labels=a.csv", "--data.splits.by=time", "--data.cache_dir", "null", "--thorough"),
    ],
    ids=" ".join,
)
def test_a_check_is_fast(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "own.yaml").write_text(config_path("own_videos").read_text())
    assert run(tmp_path, "check", "--data.cache_dir=null", *words) == "loaded: [] code: 1"
    assert (tmp_path / "check_report.csv").exists()


def test_own_warnings_are_printed_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # as it was, afterwards
    for _ in range(2):
        cli._warn_in_words()
    assert warnings.formatwarning("a.mp4: odd", UserWarning, str(Path(cli.__file__)), 3) == "warning: a.mp4: odd\n"
    assert "UserWarning: odd" in warnings.formatwarning("odd", UserWarning, "/elsewhere/other.py", 3)
