"""Every script in docs/benchmarks runs: tiny, in seconds, in this process, and writes no figures.

A step of its own in `.ci/run` (``-m benchmark``), since together they take as long as a tenth of the other tests.
"""

import runpy
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "docs/benchmarks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if "\nif __name__ ==" in path.read_text("utf-8"))


def written() -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in FOLDER.iterdir() if path.is_file()}


@pytest.mark.benchmark
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_quick_run_works_and_writes_no_figures(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "argv", [str(script), "--quick"])
    monkeypatch.chdir(tmp_path)
    before, threads = written(), torch.get_num_threads()
    status: object = None
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as ended:
        status = ended.code
    finally:
        torch.set_num_threads(threads)
    assert not status
    assert written() == before


def test_scripts_are_found() -> None:
    assert len(SCRIPTS) >= 25
