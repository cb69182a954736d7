from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import untrained

from amclip.inference import TrainedModel, load_model


@pytest.fixture(scope="session")
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes checkpoints of networks that nobody trained."""

    def make(*data: dict[str, Any], **settings: Any) -> Path:
        return untrained.make_checkpoint(tmp_path_factory.mktemp("checkpoint"), *data, **settings)

    return make


@pytest.fixture(scope="session")
def checkpoint(make_checkpoint: Callable[..., Path]) -> Path:
    return make_checkpoint(knowledge={"clip_seconds": 1.2})


@pytest.fixture(scope="session")
def model(checkpoint: Path) -> TrainedModel:
    return load_model(checkpoint)


@pytest.fixture(scope="session")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of the synthetic animals, 120 frames."""
    return untrained.write_animals(tmp_path_factory.mktemp("long") / "animals.mp4")
