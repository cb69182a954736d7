"""Import torchmetrics, which Lightning imports whole, without what it imports for others alone."""

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["import_torchmetrics"]


def import_torchmetrics() -> None:
    """Import torchmetrics without ``scipy.signal``, whatever is imported afterwards.

    Where SciPy is installed, torchmetrics imports ``scipy.signal`` to give it back a name of old, which a library for
    speech needs. That is a sixth of all that Lightning imports. So torchmetrics hears, once and while it is imported,
    that SciPy is not there. Its metrics ask in another way and find it.
    """
    if "torchmetrics" in sys.modules:
        return
    from lightning_utilities.core import imports

    available: Callable[[str], bool] = imports.package_available

    def without_scipy(name: str) -> bool:
        return name != "scipy" and available(name)

    module: Any = imports
    module.package_available = without_scipy
    try:
        import torchmetrics  # noqa: F401
    finally:
        module.package_available = available
