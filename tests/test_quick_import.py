"""torchmetrics is imported without SciPy's signals, which are there for all who use them; nor is garbage collected."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from amclip.quick_import import uncollected

# A SciPy that has submodules when they are asked for, as the real one, and torchmetrics' first lines.
SCIPY = """
from importlib import import_module
def __getattr__(name):
    if name == "signal":
        return import_module("scipy.signal")
    raise AttributeError(name)
"""
TORCHMETRICS = """
import sys
import scipy.signal
if not hasattr(scipy.signal, "hamming"):
    scipy.signal.hamming = scipy.signal.windows
"""
ASKS = """
import sys
from amclip.quick_import import import_torchmetrics
import_torchmetrics()
print("torchmetrics" in sys.modules, "scipy.signal" in sys.modules)
import scipy.signal
print(scipy.signal.windows, hasattr(scipy.signal, "hamming"))
"""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", ["True False", "real False"]),
        ("for module in [*sys.modules.values()]: getattr(module, '__file__', None)", ["True False", "real False"]),
        ("from scipy.signal import windows\nassert windows == 'real'", ["True True", "real False"]),
        ("raise ImportError('damaged')", ["False False", "real False"]),
    ],
    ids=["unused", "looked at by inspect", "used by another metric", "cannot be imported"],
)
def test_scipys_signals_are_imported_when_they_are_used(more: str, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "scipy").mkdir()
    (tmp_path / "scipy" / "__init__.py").write_text(SCIPY)
    (tmp_path / "scipy" / "signal.py").write_text("windows = 'real'")
    (tmp_path / "torchmetrics.py").write_text(TORCHMETRICS + more)
    search = os.pathsep.join([str(tmp_path), *sys.path])
    command = [sys.executable, "-c", ASKS]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == said


def test_garbage_is_collected_again_when_imports_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = gc.get_freeze_count()
    with uncollected():  # with Lightning there already, nothing changes
        assert gc.isenabled() or "lightning.pytorch" not in sys.modules
    monkeypatch.delitem(sys.modules, "lightning.pytorch", raising=False)
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
        with pytest.raises(ImportError), uncollected():
            raise ImportError("damaged")
        assert gc.isenabled()
    finally:
        gc.unfreeze()
