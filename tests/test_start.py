"""Help, wrong options and commands that need no network answer without PyTorch and Lightning, which load for seconds.

How long they take is measured by docs/benchmarks/start.py.
"""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pages import write_run, write_video

from amclip import cli
from amclip.config_path import config_path

SLOW = ("torch", "lightning", "torchvision", "torchmetrics", "numba")
# Commands come one to a line, as JSON: a folder and the words. Each is run by a fork of a process that has loaded what
# is quick to load, and answers with the slow libraries that it loaded and its exit code.
SERVER = f"""
import json, os, sys
import av, jsonargparse, numpy, pyarrow.parquet, rich.progress, scipy.optimize, yaml
import amclip.cli

for line in sys.stdin:
    folder, words = json.loads(line)
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.chdir(folder)
    sys.argv = ["amclip", *words]
    code = 0
    try:
        amclip.cli.main(words)
    except SystemExit as ending:
        code = ending.code
    except BaseException as error:
        code = repr(error)
    loaded = [name for name in {SLOW} if name in sys.modules]
    os.write(answers, f"loaded: {{loaded}} code: {{code}}\\n".encode())
    os._exit(0)
"""
TABLE = "filepath,start,stop,label\na.mp4,0,1,walking\na.mp4,2,3,eating\n"


Run = Callable[..., str]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs an `amclip` command in a process of its own: which of the slow libraries it loaded, and its exit code."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def ask(folder: Path, *words: str) -> str:
            server.stdin.write(json.dumps([str(folder), words]) + "\n")
            server.stdin.flush()
            return server.stdout.readline().strip()

        yield ask
        server.stdin.close()


@pytest.mark.parametrize(
    "command",
    [
        *("annotate", "check", "convert", "demo", "doctor", "embed"),
        *("evaluate", "flow", "new", "prepare", "report", "suggest", "tune", "watch"),
    ],
)
def test_help_is_fast(run: Run, tmp_path: Path, command: str) -> None:
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
        (("annotate", ".", "--output", "out", "--checkpoint", "x.ckpt"), 2),
        (("suggest", ".", "--output", "out", "--checkpoint", "x.ckpt"), 2),
        (("export", "x.ckpt", "--output", "x.onnx"), 2),
        (("watch", "x.ckpt", "0"), 2),
        (("fit", "--config", "x.yaml"), 2),
        (("test", "--ckpt_path=x.ckpt", "--data.source.labels", "a.csv"), 2),
        (("check", "-c", "x.yml"), 2),
        (("prepare", "--config=x.json", "--output", "out"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_words_are_answered_fast(run: Run, tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    assert run(tmp_path, *words) == f"loaded: [] code: {code}"


def test_commands_without_a_network_are_fast(run: Run, tmp_path: Path) -> None:
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
def test_a_check_is_fast(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
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
