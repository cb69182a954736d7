"""Import Lightning in less time: without what torchmetrics imports for others alone, and without collecting garbage."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["import_torchmetrics", "uncollected"]

_SIGNAL = "scipy.signal"


class _Signal(ModuleType):
    """Stands in for ``scipy.signal`` while nobody asks for more than the name that torchmetrics looks for."""

    hamming = None

    def __getattr__(self, name: str) -> Any:
        if name in ("__file__", "__wrapped__"):  # `inspect` asks every module that is there, and uses nothing of it
            raise AttributeError(name)
        if sys.modules.get(_SIGNAL) is self:
            del sys.modules[_SIGNAL]
        return getattr(import_module(_SIGNAL), name)


def import_torchmetrics() -> None:
    """Import torchmetrics without ``scipy.signal``; it is imported when something of it is used.

    Where SciPy is installed, torchmetrics imports it to give it back a name of old, ``hamming``, which a library for
    speech needs, and uses nothing of it. That is a seventh of all that Lightning imports. So torchmetrics is shown a
    module that has the name.
    """
    if "torchmetrics" in sys.modules or _SIGNAL in sys.modules:
        return
    stand_in = _Signal(_SIGNAL)
    sys.modules[_SIGNAL] = stand_in
    try:
        with suppress(ImportError):  # whoever needs it says so
            import_module("torchmetrics")
    finally:
        if sys.modules.get(_SIGNAL) is stand_in:
            del sys.modules[_SIGNAL]


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without garbage being collected meanwhile.

    Imports make a million objects that stay, and a collector that goes over all of them again and again takes a quarter
    of the time. Afterwards it leaves alone what is there, so that later collections are quicker too. Nothing of this is
    done where Lightning is there already: then there is little to import.
    """
    if not gc.isenabled() or "lightning.pytorch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
