import os
from pathlib import Path

import pytest
import torch

from amclip.data.synthetic import write_dataset


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """GPU tests run wherever there is a GPU; with AMCLIP_REQUIRE_GPU=1 a machine without one is an error."""
    if torch.cuda.is_available():
        return
    if os.environ.get("AMCLIP_REQUIRE_GPU") == "1":
        raise pytest.UsageError("AMCLIP_REQUIRE_GPU=1, but PyTorch finds no CUDA device")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty short clips of the synthetic animals, every class in every split."""
    folder = tmp_path_factory.mktemp("drawn")
    write_dataset(folder, 40, seconds=1.4, size=(48, 64), workers=1, progress=False)
    return folder
