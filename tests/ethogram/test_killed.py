"""A run that is killed where it stands, several times, ends as one that nobody disturbed."""

from pathlib import Path

import pytest
from killed import annotate_killed

from amclip.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


def files(folder: Path) -> dict[str, bytes]:
    """What people and other tools read, by name; figures and Parquet files carry dates and the like."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".journal" not in path.parts and path.suffix not in (".png", ".svg", ".parquet")
    }


def test_kill_minus_nine_changes_nothing(checkpoint: Path, animals: Path, tmp_path: Path) -> None:
    words = [str(animals), "--checkpoint", str(checkpoint), "--hop", "0.1", "--accelerator", "cpu"]
    main(["annotate", *words, "--output", str(tmp_path / "undisturbed")])
    sizes = annotate_killed(words, tmp_path / "killed", 2)
    assert sizes == sorted(sizes)
    assert 0 < sizes[0] < sizes[-1]  # it was killed on its way, and went on
    assert files(tmp_path / "killed") == files(tmp_path / "undisturbed")
