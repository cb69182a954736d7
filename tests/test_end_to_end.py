"""The command line as a user calls it, on drawn clips, with a network of a few thousand weights."""

import contextlib
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import amclip
from amclip.cli import main
from amclip.data.synthetic import BEHAVIOURS

ROOT = Path(__file__).parents[1]
FAST = [
    f"--config={ROOT / 'configs/demo.yaml'}",
    "--trainer.max_epochs=1",
    "--trainer.enable_progress_bar=false",
    "--data.num_workers=0",
    "--data.positions_per_segment=1",
    "--data.num_segments=2",
    "--data.cache_dir=null",
]


def data(drawn: Path) -> list[str]:
    return [f"--data.labels={drawn / 'labels.csv'}", f"--data.root={drawn}"]


def fit(drawn: Path, folder: Path, *more: str) -> Path:
    main(["fit", *FAST, *data(drawn), f"--trainer.logger.save_dir={folder}", *more])
    return folder / "version_0" / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="session")
def checkpoint(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(drawn, tmp_path_factory.mktemp("runs"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_checkpoint_is_plain_and_holds_what_prediction_needs(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    assert content["hyper_parameters"]["classes"] == sorted(BEHAVIOURS)
    assert content["datamodule_hyper_parameters"]["flow_preset"] == "fast"


def test_predict_needs_only_a_checkpoint_and_videos_and_reports_the_broken_one(
    checkpoint: Path, drawn: Path, tmp_path: Path
) -> None:
    videos = tmp_path / "my videos é"
    videos.mkdir()
    source = sorted((drawn / "videos").iterdir())[0]
    (videos / "good one.mp4").write_bytes(source.read_bytes())
    (videos / "broken.mp4").write_bytes(b"")
    output = tmp_path / "out.csv"
    main(
        [
            "predict",
            f"--ckpt_path={checkpoint}",
            f"--data.root={videos}",
            f"--predictions.path={output}",
            "--data.cache_dir=null",
            "--data.num_workers=0",
        ]
    )
    broken, good = rows(output)
    assert broken["filepath"] == "broken.mp4"
    assert "empty" in broken["error"]
    assert broken["walking"] == ""
    assert good["error"] == ""
    expected = amclip.load_model(checkpoint).predict(videos / "good one.mp4")
    assert {name: float(good[name]) for name in BEHAVIOURS} == pytest.approx(expected, abs=1e-5)


def test_test_writes_predictions_with_labels(checkpoint: Path, drawn: Path, tmp_path: Path) -> None:
    output = tmp_path / "test.csv"
    main(
        [
            "test",
            f"--ckpt_path={checkpoint}",
            *data(drawn),
            f"--predictions.test_path={output}",
            f"--trainer.logger.save_dir={tmp_path}",
            "--data.cache_dir=null",
            "--data.num_workers=0",
        ]
    )
    table = [row for row in rows(drawn / "labels.csv") if row["split"] == "test"]
    assert [(row["filepath"], row["label"]) for row in rows(output)] == [(r["filepath"], r["label"]) for r in table]


def test_two_processes_train_and_test_as_one_does(checkpoint: Path, drawn: Path, tmp_path: Path) -> None:
    def predictions(name: str, *more: str) -> list[dict[str, str]]:
        output = tmp_path / f"{name}.csv"
        arguments = [
            "test",
            f"--ckpt_path={checkpoint}",
            *data(drawn),
            f"--predictions.test_path={output}",
            f"--trainer.logger.save_dir={tmp_path / name}",
            "--data.cache_dir=null",
            "--data.num_workers=0",
            *more,
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
        done = subprocess.run(
            [sys.executable, "-m", "amclip", *arguments], capture_output=True, text=True, env=environment, timeout=240
        )
        assert done.returncode == 0, done.stderr[-3000:]
        summary = [line.split("│")[1:4] for line in done.stdout.splitlines() if "mAP" in line]
        (tmp_path / f"{name}.json").write_text(json.dumps(summary))
        return rows(output)

    two = ["--trainer.devices=2", "--trainer.accelerator=cpu", "--trainer.strategy=ddp"]
    one_process, two_processes = predictions("one"), predictions("two", *two)
    assert [row["filepath"] for row in one_process] == [row["filepath"] for row in two_processes]
    for first, second in zip(one_process, two_processes, strict=True):
        for name in BEHAVIOURS:
            assert float(first[name]) == pytest.approx(float(second[name]), abs=1e-4)
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text() != "[]"


def test_errors_are_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["predict", "--data.root", str(tmp_path)])
    assert stopped.value.code == 2
    assert "needs a checkpoint" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["predict", "--ckpt_path", str(tmp_path / "none.ckpt"), "--data.root", str(tmp_path)])
    assert "no such checkpoint" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no command 'dance'"):
        main(["dance"])
    main(["--help"])
    assert "amclip predict" in capsys.readouterr().out


def test_check_exits_with_one_where_training_would_be_wrong(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text((drawn / "labels.csv").read_text() + "videos/missing.mp4,walking,train\n")
    with pytest.raises(SystemExit) as stopped:
        main(["check", *FAST, f"--data.labels={table}", f"--data.root={drawn}", f"--report={tmp_path / 'r.csv'}"])
    assert stopped.value.code == 1
    assert any(row["subject"] == "videos/missing.mp4" for row in rows(tmp_path / "r.csv"))
    assert "missing.mp4" in capsys.readouterr().out


def test_doctor_knows_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(SystemExit):  # it exits with 1 where something is missing
        main(["doctor"])
    out = capsys.readouterr().out
    assert torch.__version__.split("+")[0] in out
    assert "flow on CPU" in out
