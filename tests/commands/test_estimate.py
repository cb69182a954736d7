"""`amclip check`: the command that comes next, and with --estimate what it will take."""

import re
import shlex
from pathlib import Path

import pytest

from amclip.cli import main
from amclip.commands.time_left import Rates, describe_estimate, in_words
from amclip.inputs import NetworkInput
from amclip.long_work import LongWork
from amclip.models.config import NetworkConfig, TuningConfig

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


def check(drawn: Path, report: Path, *words: str) -> None:
    main(
        [
            *("check", f"--config={CONFIG}", f"--data.source.labels={drawn / 'labels.csv'}"),
            *(f"--data.source.root={drawn}", "--data.cache_dir=null", f"--report={report}", *words),
        ]
    )


def test_the_command_that_comes_next_is_the_same_without_what_is_the_checks_own(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(drawn, tmp_path / "report.csv", "--thorough")
    said = capsys.readouterr().out
    line = next(line for line in said.splitlines() if line.startswith("  amclip fit"))
    assert shlex.split(line)[2:] == [
        f"--config={CONFIG}",
        f"--data.source.labels={drawn / 'labels.csv'}",
        f"--data.source.root={drawn}",
        "--data.cache_dir=null",
    ]
    assert "It trains amclip-tiny. How long that takes: the same `amclip check` with --estimate" in said


def test_errors_come_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "labels.csv").write_text("filepath,label\nmissing.mp4,walking\n")
    with pytest.raises(SystemExit):
        main(["check", f"--data.source.labels={tmp_path / 'labels.csv'}", f"--report={tmp_path / 'report.csv'}"])
    said = capsys.readouterr().out
    assert "Mend the errors" in said
    assert "amclip fit" not in said


def test_a_few_steps_say_what_all_take(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--input.num_segments=1", "--input.positions_per_segment=2", "--data.batch_size=4"]
    words += ["--data.embeddings.folder=kept", "--model.network.tuning.trainable_blocks=0"]
    told: list[tuple[str, float, str]] = []
    monkeypatch.setattr(LongWork, "reach", lambda self, done, name=None: _note(told, self, done, name))
    check(drawn, tmp_path / "report.csv", "--estimate", *words)
    said, progress = capsys.readouterr()
    (steps,) = re.findall(r"Measuring a few steps of this training, (\d+) clips in all", progress)
    assert told[0] == ("Measuring steps that embed", 0, steps)
    assert told[-1] == ("Measuring later epochs", int(steps), steps)  # clip n of n
    assert len(told) > 10
    assert "from a few measured steps of 2 clips" in said
    assert re.search(r"for \d+ epochs", said)
    assert "GiB" in said
    assert "while embeddings are made" in said
    assert "configs/encoders/frozen.yaml" not in said
    assert "--input.positions_per_segment 1" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.csv"]


def _note(told: list[tuple[str, float, str]], work: LongWork, done: float, name: str | None) -> None:
    work._done, work._name = done, name or work._name
    if work._unit == "clips":
        told.append((work._name, done, f"{work._total:g}"))


def test_a_range_holds_what_reading_beside_computing_may_take() -> None:
    rates = Rates({"train": 10, "val": 2}, 5, 4, {"train": (2.0, 4.0), "val": (1.0, 8.0)})
    assert rates.epoch(rates.first) == pytest.approx(((10 * 2 + 2 * 2) / 1.2, (10 * 6 + 2 * 9) * 1.2))
    assert rates.total == pytest.approx((5 * 20, 5 * 93.6))
    later = {"train": (0.1, 0.0), "val": (0.1, 0.0)}
    stored = Rates(rates.batches, 5, 4, rates.first, later)
    assert stored.total == pytest.approx((20 + 4 * 1.0, 93.6 + 4 * 1.44))
    assert Rates(rates.batches, None, 0, rates.first).total is None


def test_times_are_said_as_people_say_them() -> None:
    assert in_words((0.2, 0.4)) == "1 s"
    assert in_words((80, 5000)) == "80 s to 83 min"
    assert in_words((7200, 3 * 86400)) == "2.0 h to 3.0 days"


def test_what_would_be_faster_is_of_the_settings() -> None:
    rates = Rates({"train": 1, "val": 1}, 1, 1, {"train": (1.0, 9.0), "val": (1.0, 9.0)})
    network = NetworkConfig("ViT-B-16-quickgelu", tuning=TuningConfig(trainable_blocks=4))
    said = describe_estimate(rates, NetworkInput(), network, False, "2 GiB", False, 8)
    assert "reading the videos takes longest" in said
    assert "ViT-B-32-quickgelu" in said
    assert "configs/encoders/frozen.yaml" in said
    said = describe_estimate(rates, NetworkInput(modality="frames"), network, True, "2 GiB", False, 8)
    assert "without flow" not in said
