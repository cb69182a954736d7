"""BORIS' own code, run in a Python that has it: this one, or the one that ``AMCLIP_BORIS_PYTHON`` names."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PYTHON = os.environ.get("AMCLIP_BORIS_PYTHON") or (sys.executable if find_spec("boris") else None)

needs_boris = pytest.mark.skipif(
    PYTHON is None,
    reason="needs BORIS: pip install amclip[boris]; or AMCLIP_BORIS_PYTHON=the Python of an environment that has it "
    "(BORIS 9 needs Python 3.12, BORIS 10 needs 3.13)",
)


def run_boris(program: str | None, *words: object) -> None:
    """Run a program of these tests without a screen; an error if it fails."""
    assert PYTHON is not None
    assert program is not None
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    environment["PYTHONPATH"] = os.pathsep.join({str(Path(__file__).parent), str(Path(program).parent)})
    command = [PYTHON, program, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
