"""Every script in docs/benchmarks runs: tiny, in seconds, in this process, and writes no figures.

These runs are a job of their own in the workflow (``-m benchmark``): together they take two minutes or three.
"""

import importlib
import json
import runpy
import sys
from pathlib import Path
from typing import Any

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
    assert len(SCRIPTS) >= 28


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("sections")


def test_sections_are_saved_one_by_one_and_one_that_fails_stops_no_other(
    sections: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["script.py", "--output", str(page)])
    run = sections.Benchmark(sections.new_parser("What it does."), "script.py")
    run.head("# A page")
    with run.section("First") as lines:
        lines.append("| 1 |")
        run.figures["first"] = 1
    assert page.read_text() == "# A page\n\n## First\n\n| 1 |\n"
    assert json.loads((tmp_path / "page.json").read_text()) == {"first": 1}
    with run.section("Second") as lines:
        lines.append("half of it")
        raise ImportError("a stale name")
    assert page.read_text().endswith("## Second\n\nhalf of it\nThis section failed.\n")
    with run.section("Third"):
        raise SystemExit("a command failed")
    with run.section("Fourth") as lines:
        lines.append("| 4 |")
    assert page.read_text().endswith("## Fourth\n\n| 4 |\n")
    with pytest.raises(SystemExit, match="failed: Second, Third"):
        run.close()
    said = capsys.readouterr()
    assert "a stale name" in said.err
    assert "| 4 |" in said.out


def test_a_quick_run_needs_no_data_and_writes_beside_nothing(
    sections: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def begin(*words: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["script.py", *words])
        parser = sections.new_parser("What it does.")
        parser.add_argument("--data", type=Path)
        parser.add_argument("--work", type=Path, default=tmp_path / "work")
        return sections.Benchmark(parser, str(tmp_path / "script.py"), needs=["data"])

    with pytest.raises(SystemExit):
        begin()
    assert "needed, but with --quick: data" in capsys.readouterr().err
    run = begin("--quick")
    run.write("# Nothing")
    assert run.output.read_text() == "# Nothing\n"
    with pytest.raises(RuntimeError, match=r"amclip convert missing\.csv there\.csv failed"):
        run.amclip("convert", "missing.csv", "there.csv")
    place = run.work
    run.close()
    assert not place.exists()
    assert not any(tmp_path.iterdir())
