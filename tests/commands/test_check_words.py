"""`amclip check` reads the settings that `amclip fit` reads, whichever of the two parsers they are for."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from drawn import draw_video

from amclip.cli import main
from amclip.commands import described_data
from amclip.commands.described_data import OTHER_GROUPS
from amclip.commands.lightning import DataOnly
from amclip.data.datamodule import VideoDataModule
from amclip.data.video_data import VideoData

TABLE = "filepath,label,split\na.mp4,walking,train\nb.mp4,resting,train\nc.mp4,walking,val\n"


class OneFolderUp(VideoDataModule):
    """A data module with a table of its own and a setting of its own."""

    def __init__(self, shift: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shift = shift

    @property
    def root_folder(self) -> Path:
        return super().root_folder.parent


def check(folder: Path, *words: str) -> list[dict[str, str]]:
    report = folder / "report.csv"
    with pytest.raises(SystemExit) as ended:
        main(["check", "--data.cache_dir=null", f"--report={report}", *words])
    assert ended.value.code == 1
    with report.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_group_of_fit_is_known() -> None:
    made = DataOnly.run("fit", ["--data.source.labels=none.csv", "--data.source.classes=[a]"])
    assert {*vars(made.config["fit"])} == {"config", "data", "input", *OTHER_GROUPS}
    assert [*made._subcommand_parsers] == ["fit"]  # the parsers of other commands would take seconds for nothing


@pytest.mark.parametrize("form", ["words", "config", "config and words"])
def test_a_data_module_of_ones_own_is_what_is_checked(form: str, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "labels.csv").write_text(TABLE)
    draw_video(tmp_path / "a.mp4", 20)
    config = tmp_path / "config.yaml"
    source_of = {"labels": str(tmp_path / "labels.csv"), "root": str(tmp_path / "below")}
    data = {"class_path": "test_check_words.OneFolderUp", "init_args": {"shift": 0.5, "source": source_of}}
    config.write_text(json.dumps({"data": data, "model": {"loss": "BCE"}}))
    source = (f"--data.source.labels={tmp_path / 'labels.csv'}", f"--data.source.root={tmp_path / 'below'}")
    words = {
        "words": ("--data.class_path=test_check_words.OneFolderUp", "--data.shift=0.5", *source),
        "config": (f"--config={config}",),
        "config and words": (f"--config={config}", "--trainer.max_epochs=2", "--model.loss=BCE"),
    }[form]
    missing = [row["subject"] for row in check(tmp_path, *words) if row["kind"] == "videos that are missing"]
    assert missing == ["b.mp4", "c.mp4"]


def test_both_parsers_describe_one_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels.csv").write_text(TABLE)
    (tmp_path / "config.yaml").write_text(
        "input: {scheme: semi-dense, flow: {gap: 1/50}}\ndata: {source: {window: 2}, batch_size: 3}\n"
    )
    words = [f"--data.source.labels={tmp_path / 'labels.csv'}", f"--config={tmp_path / 'config.yaml'}"]
    words += ["--input.num_segments=3", "--data.source.window=null", "--data.splits", "{val_fraction: 0.2}"]
    quick, data = described_data.described_data(words)
    assert type(data) is VideoData
    monkeypatch.setattr(described_data, "_data_settings", lambda args: None)
    slow, module = described_data.described_data(words)
    assert type(module) is VideoDataModule
    assert quick["data"].as_dict()["init_args"] == slow["data"].as_dict()["init_args"]
    assert data.arguments == module.arguments
    assert (data.num_workers, data.cache_dir) == (module.num_workers, module.cache_dir)


def test_a_flow_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "labels.csv").write_text(TABLE)
    (tmp_path / "config.yaml").write_text("input: {flow: {options: {warp: 3}}}\n")
    with pytest.raises(SystemExit) as ended:
        main(["check", f"--data.source.labels={tmp_path / 'labels.csv'}", f"--config={tmp_path / 'config.yaml'}"])
    assert ended.value.code == 2
    assert "TV-L1 has no warp" in capsys.readouterr().err


def test_time_divided_tables_tell_what_is_left_out(tmp_path: Path) -> None:
    rows = "".join(f"a.mp4,{2 * k},{2 * k + 3},{'ab'[k % 2]}\n" for k in range(20))
    (tmp_path / "labels.csv").write_text("filepath,start,stop,label\n" + rows)
    words = ["--data.source.labels=labels.csv", "--data.splits.by=time", "--data.cache_dir=null"]
    # In a process of its own: where Lightning is loaded, it says this.
    done = subprocess.run(
        [sys.executable, "-m", "amclip", "check", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "2 of 20 clips reach over a border between splits and are left out" in done.stderr
