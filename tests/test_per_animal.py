"""From labels and tracks to a checkpoint, and from the checkpoint to scores of each animal, by the command line."""

import csv
from pathlib import Path

import numpy as np
import pytest
from drawn_animals import COLOURS, track_of, write_labelled

from amclip.cli import main
from amclip.config_path import config_path
from amclip.inference import load_model
from amclip.inputs import CropInput


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and the checkpoint of a short training."""
    folder = tmp_path_factory.mktemp("animals")
    write_labelled(folder)
    main(
        [
            *("fit", f"--config={config_path('demo')}", f"--data.source.labels={folder / 'labels.csv'}"),
            *(f"--data.source.root={folder}", f"--data.source.tracks={folder / 'tracks.csv'}"),
            *("--data.source.synthetic_clips=0", "--input.crop.context=2", "--input.flow.unit=body lengths"),
            *("--input.num_segments=1", "--input.positions_per_segment=3", "--data.num_workers=0"),
            *("--data.cache_dir=null", "--trainer.max_epochs=1", f"--trainer.logger.save_dir={folder}"),
            *("--trainer.enable_progress_bar=false", "--pictures.every_n_epochs=1"),
        ]
    )
    return folder


def checkpoint(folder: Path) -> Path:
    return folder / "version_0" / "checkpoints" / "last.ckpt"


def predict(folder: Path, output: Path, *words: str) -> list[dict[str, str]]:
    main(
        ["predict", f"--ckpt_path={checkpoint(folder)}", "--data.num_workers=0", f"--predictions.path={output}", *words]
    )
    with output.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_checkpoint_knows_its_crops_and_predicts_each_tracked_animal(trained: Path, tmp_path: Path) -> None:
    model = load_model(checkpoint(trained))
    assert model.input.crop == CropInput(context=2.0)
    assert model.input.flow.unit == "body lengths"
    assert model.network.num_streams == 4
    own = [f"--data.source.root={trained}", f"--data.source.tracks={trained / 'tracks.csv'}"]
    rows = predict(trained, tmp_path / "all.csv", *own)
    assert [row["filepath"] for row in rows] == [f"{name}.mkv" for name in "abc" for _ in COLOURS]
    assert not any(row["error"] for row in rows)
    for row, name in zip(rows, COLOURS, strict=False):
        alone = model.predict(trained / "a.mkv", track=track_of(name, np.arange(50)))
        for behaviour, value in alone.items():
            assert float(row[behaviour]) == pytest.approx(value, abs=2e-6)


def test_without_tracks_a_checkpoint_of_animals_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        predict(trained, tmp_path / "none.csv", f"--data.source.root={trained}")
    assert "--data.source.tracks FILE" in capsys.readouterr().err


def test_another_crop_than_the_trained_one_is_told(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [f"--data.source.root={trained}", f"--data.source.tracks={trained / 'tracks.csv'}"]
    with pytest.raises(SystemExit):
        predict(trained, tmp_path / "none.csv", *own, "--input.crop.context=null")
    assert "input.crop.context is None, but the checkpoint was trained with 2.0" in capsys.readouterr().err
    with pytest.warns(UserWarning, match=r"input\.crop\.margin is 1\.0, but the checkpoint was trained with 0\.7"):
        predict(trained, tmp_path / "other.csv", *own, "--input.crop.margin=1.0")
