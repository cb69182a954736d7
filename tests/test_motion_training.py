"""From drawn clips that differ in speed alone to a checkpoint that tells them apart, and from it to scores."""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn_animals import texture

from amclip.cli import main
from amclip.config_path import config_path
from amclip.inference import load_model

SPEEDS = {"slow": 2, "fast": 4}  # pixels per frame at 48 x 48; flow images end at 1
DIRECTIONS = ((1, 0), (0, 1), (-1, 0), (0, -1))
SPLITS = ("train",) * 6 + ("val",) * 2 + ("test",) * 2


def draw(path: Path, seed: int, step: tuple[int, int]) -> None:
    """A texture that fills the frame and moves by so many pixels per frame, without loss."""
    import av

    large = texture(48 + 2 * 40, 48 + 2 * 40, seed).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=15)
        stream.height = stream.width = 48
        stream.pix_fmt = "bgr0"
        for number in range(10):
            left, top = (40 - x * number for x in step)
            image = np.ascontiguousarray(large[top : top + 48, left : left + 48])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speeds")
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filepath", "label", "split"])
        for seed, split in enumerate(SPLITS):
            for number, (name, speed) in enumerate(SPEEDS.items()):
                x, y = DIRECTIONS[(seed + number) % 4]
                draw(folder / f"{name}{seed}.mkv", 10 * seed + number, (speed * x, speed * y))
                table.writerow([f"{name}{seed}.mkv", name, split])
    return folder


def fit(clips: Path, logs: Path, *words: str) -> Path:
    main(
        [
            *("fit", f"--config={config_path('demo')}", f"--data.source.labels={clips / 'labels.csv'}"),
            *(f"--data.source.root={clips}", "--data.source.synthetic_clips=0", "--data.num_workers=0"),
            *("--data.cache_dir=null", "--input.num_segments=1", "--input.positions_per_segment=3"),
            *("--input.frame_size=[48,48]", "--input.image_size=48", "--input.flow.bound=1", "--data.batch_size=4"),
            *("--input.modality=flow", "--model.network.tuning.trainable_blocks=0", "--trainer.max_epochs=10"),
            *("--data.augmentation.crop_scale=[0.9,1]", f"--trainer.logger.save_dir={logs}", "--pictures.clips=0"),
            *("--trainer.enable_progress_bar=false", *words),
        ]
    )
    return logs / "version_0" / "checkpoints"


MOTION = ("--input.flow.motion.cells=1", "--input.flow.motion.moving=0.02")


@pytest.fixture(scope="module")
def trained(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(clips, tmp_path_factory.mktemp("runs"), *MOTION) / "last.ckpt"


def scores(checkpoint: Path, clips: Path) -> dict[str, list[float]]:
    """Probability of fast, of the test clips of each speed."""
    model = load_model(checkpoint)
    tested = [seed for seed, split in enumerate(SPLITS) if split == "test"]
    return {name: [model.predict(clips / f"{name}{seed}.mkv")["fast"] for seed in tested] for name in SPEEDS}


def test_speeds_beyond_the_bound_look_alike_and_are_told_apart_by_numbers(trained: Path, clips: Path) -> None:
    found = scores(trained, clips)
    assert min(found["fast"]) > 0.8
    assert max(found["slow"]) < 0.2
    model = load_model(trained)
    means = {}
    for name in SPEEDS:
        images = []
        model.preprocess.register_forward_hook(lambda module, inputs, seen, kept=images: kept.append(seen))
        model.predict(clips / f"{name}0.mkv")
        (seen,) = images[-1:]
        # Nothing but the strongest colour: a length of 1 wherever the texture is matched.
        assert (model.preprocess.denormalise(seen.images)[:, :, 0, 2] > 0.99).float().mean() > 0.9
        means[name] = float(seen.motion[..., 0].mean())
    assert means["slow"] == pytest.approx(2 / 48 * 15, rel=0.1)
    assert means["fast"] == pytest.approx(4 / 48 * 15, rel=0.1)


def test_a_checkpoint_holds_what_standardises_the_numbers(trained: Path, clips: Path) -> None:
    content = torch.load(trained, weights_only=True)
    tokens = load_model(trained).network.motion
    assert tokens is not None
    assert tokens.observed == 10 * 12 * 3  # epochs, clips, positions: fewer than a hundred steps
    assert (tokens.variance > 0).any()
    for name, value in tokens.state_dict().items():
        assert torch.equal(value, content["state_dict"][f"network.motion.{name}"])


@pytest.mark.parametrize("words", [("--input.flow.motion.cells=2",), ("--input.flow.motion=null",)])
def test_weights_for_other_numbers_are_refused(
    trained: Path, clips: Path, capsys: pytest.CaptureFixture[str], words: Any
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["test", f"--ckpt_path={trained}", f"--data.source.root={clips}", "--data.cache_dir=null", *words])
    said = str(stopped.value) + capsys.readouterr().err
    assert "input.flow.motion" in said
    assert "trained with" in said


def test_a_video_is_annotated_as_its_clip_is_predicted(trained: Path, clips: Path, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    main(["annotate", str(clips / "fast9.mkv"), f"--checkpoint={trained}", f"--output={tmp_path}", "--window=5"])
    table = pd.read_parquet(tmp_path / "windows.parquet")
    model = load_model(trained)
    predicted = torch.tensor([list(model.predict(clips / "fast9.mkv").values())], dtype=torch.float64).logit()
    assert table[list(model.classes)].to_numpy()[0] == pytest.approx(model.calibrate(predicted)[0].numpy(), abs=1e-5)


def test_numbers_alone_need_no_image_and_a_training_goes_on_with_them_as_if_it_had_not_stopped(
    clips: Path, tmp_path: Path
) -> None:
    alone = (*MOTION, "--input.modality=motion", "--data.augmentation.mixup=0.2", "--trainer.max_epochs=3")
    folder = fit(clips, tmp_path, *alone, "--checkpoint.save_top_k=-1", "--checkpoint.filename={epoch}")
    whole = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    main(["fit", f"--ckpt_path={folder / '0.ckpt'}"])
    again = torch.load(max(folder.glob("last*.ckpt"), key=os.path.getmtime), weights_only=True)["state_dict"]
    for name, value in whole.items():
        torch.testing.assert_close(again[name], value, rtol=0, atol=1e-6)
    tower = load_model(folder / "last.ckpt").network.encoder.state_dict()
    for name, value in load_model(folder / "0.ckpt").network.encoder.state_dict().items():
        assert torch.equal(value, tower[name])
