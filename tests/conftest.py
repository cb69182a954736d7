from pathlib import Path

import pytest

from amclip.data.synthetic import write_dataset


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty short clips of the synthetic animals, every class in every split."""
    folder = tmp_path_factory.mktemp("drawn")
    write_dataset(folder, 40, seconds=1.4, size=(48, 64), workers=1, progress=False)
    return folder
