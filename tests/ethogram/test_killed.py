"""A run that is killed where it stands, several times, ends as one that nobody disturbed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import amclip
from amclip.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


def files(folder: Path) -> dict[str, bytes]:
    """What people and other tools read, by name; figures and Parquet files carry dates and the like."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".journal" not in path.parts and path.suffix not in (".png", ".svg", ".parquet")
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_kill_minus_nine_changes_nothing(checkpoint: Path, animals: Path, tmp_path: Path) -> None:
    words = [str(animals), "--checkpoint", str(checkpoint), "--hop", "0.1", "--accelerator", "cpu"]
    main(["annotate", *words, "--output", str(tmp_path / "undisturbed")])
    environment = {**os.environ, "PYTHONPATH": str(Path(amclip.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    driver = [sys.executable, str(Path(__file__).with_name("killed.py")), "2"]
    done = subprocess.run(
        [*driver, *words, "--output", str(tmp_path / "killed")],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sizes = json.loads(done.stdout.splitlines()[-1])
    assert sizes == sorted(sizes)
    assert 0 < sizes[0] < sizes[-1]  # it was killed on its way, and went on
    assert files(tmp_path / "killed") == files(tmp_path / "undisturbed")
