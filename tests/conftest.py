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


@pytest.fixture(scope="session")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a short `amclip fit`, with one segment of four positions."""
    from amclip.cli import main

    folder = tmp_path_factory.mktemp("runs")
    words = (
        *("fit", f"--config={Path(__file__).parents[1] / 'configs/demo.yaml'}", f"--data.root={drawn}"),
        *(f"--data.labels={drawn / 'labels.csv'}", f"--trainer.logger.save_dir={folder}", "--trainer.max_epochs=1"),
        *("--trainer.limit_train_batches=2", "--trainer.enable_progress_bar=false", "--data.num_workers=0"),
        *("--data.num_segments=1", "--data.positions_per_segment=4", "--data.cache_dir=null"),
    )
    main(list(words))
    return folder / "version_0" / "checkpoints" / "last.ckpt"
