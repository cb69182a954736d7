from pathlib import Path

import pytest
import untrained

from amclip.inference import TrainedModel, load_model


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint of a network that nobody trained, and five seconds of animals, 15 frames each."""
    folder = tmp_path_factory.mktemp("watched")
    untrained.make_checkpoint(folder, knowledge={"clip_seconds": 1.2})
    untrained.write_animals(folder / "animals.mp4", seconds=5.0)
    return folder


@pytest.fixture(scope="session")
def model(watched: Path) -> TrainedModel:
    return load_model(watched / "model.ckpt")
