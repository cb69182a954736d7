"""Files are written whole or not at all, and never over what a command reads."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from untrained import make_checkpoint, write_animals

from amclip.atomic import refuse_overwriting, replacing, writing_text
from amclip.cli import main

LABELS = "filepath,start,stop,label,split\na.mp4,0,1,walking,train\na.mp4,1,2,eating,val\n"


@pytest.mark.parametrize("ends_with", [OSError, KeyboardInterrupt, SystemExit])
def test_an_error_on_the_way_leaves_the_target_as_it_was(ends_with: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with writing_text(path) as file:
        file.write("first\n")

    def fail() -> None:
        with writing_text(path) as file:
            file.write("second\n")
            raise ends_with

    with pytest.raises(ends_with):
        fail()
    assert path.read_text() == "first\n"
    assert os.listdir(path.parent) == ["table.csv"]


def test_a_link_is_replaced_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("theirs")
    (tmp_path / "out.csv").symlink_to(tmp_path / "theirs.csv")
    with replacing(tmp_path / "out.csv") as temporary:
        temporary.write_text("ours")
    assert (tmp_path / "theirs.csv").read_text() == "theirs"
    assert (tmp_path / "out.csv").read_text() == "ours"


def test_a_file_gets_the_rights_that_new_files_have_and_any_name(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 120 + ".csv")  # 245 bytes of 255
    before = os.umask(0o027)
    try:
        with writing_text(path) as file:
            file.write("caf\udce9")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() == b"caf\xe9"


def spellings(folder: Path, name: str) -> dict[str, Path]:
    (folder / "link").symlink_to(folder / name)
    os.link(folder / name, folder / "hard")
    (folder / "below").mkdir()
    (folder / "elsewhere").symlink_to(folder)
    return {
        "itself": folder / name,
        "relative": Path(os.path.relpath(folder / name)),
        "by a folder": folder / "below" / ".." / name,
        "link": folder / "link",
        "hard link": folder / "hard",
        "linked folder": folder / "elsewhere" / name,
    }


def test_no_spelling_of_an_input_is_a_target(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text(LABELS)
    for target in spellings(tmp_path, "lab.csv").values():
        with pytest.raises(ValueError, match=r"--report: .* is a file that this command reads"):
            refuse_overwriting("--report", target, [tmp_path / "gone.csv", tmp_path / "lab.csv"])
    refuse_overwriting("--report", tmp_path / "new.csv", [tmp_path / "lab.csv", "a\0b"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    make_checkpoint(folder, knowledge={"clip_seconds": 1.2})
    write_animals(folder / "a.mp4", seconds=2.0)
    (folder / "labels.csv").write_text(LABELS)
    (folder / "classes.txt").write_text("walking\neating\n")
    (folder / "out").mkdir()
    (folder / "config.yaml").write_text(f"data: {{source: {{labels: {folder}/labels.csv}}, cache_dir: null}}\n")
    (folder / "link.csv").symlink_to(folder / "labels.csv")
    (folder / "link.part0.csv").symlink_to(folder / "labels.csv")
    for name in ("suggestions.csv", "agreement.csv", "bouts.csv", "train.csv"):
        os.link(folder / "labels.csv", folder / "out" / name)
    os.link(folder / "a.mp4", folder / "film.mp4")
    return folder


CASES: dict[str, Callable[[Path], list[str]]] = {
    "check, the table": lambda p: ["check", f"--config={p}/config.yaml", f"--report={p}/labels.csv"],
    "check, a link": lambda p: ["check", f"--config={p}/config.yaml", f"--report={p}/link.csv"],
    "check, the config": lambda p: ["check", f"--config={p}/config.yaml", f"--report={p}/config.yaml"],
    "check, a video": lambda p: ["check", f"--config={p}/config.yaml", f"--report={p}/film.mp4"],
    "predict, the table": lambda p: [
        *("predict", f"--ckpt_path={p}/model.ckpt", f"--data.source.labels={p}/labels.csv"),
        *("--data.cache_dir=null", f"--predictions.path={p}/link.csv"),
    ],
    "predict, a part": lambda p: [
        *("predict", f"--ckpt_path={p}/model.ckpt", f"--data.source.labels={p}/labels.csv"),
        *("--data.cache_dir=null", f"--predictions.path={p}/link.part0.csv"),
    ],
    "predict, the checkpoint": lambda p: [
        *("predict", f"--ckpt_path={p}/model.ckpt", f"--data.source.labels={p}/labels.csv"),
        *("--data.cache_dir=null", f"--predictions.path={p}/model.ckpt"),
    ],
    "convert": lambda p: ["convert", f"{p}/labels.csv", f"{p}/link.csv"],
    "convert, the classes": lambda p: ["convert", f"{p}/labels.csv", f"{p}/classes.txt", f"--classes={p}/classes.txt"],
    "convert, to a folder": lambda p: ["convert", f"{p}/labels.csv", f"{p}/out", "--to=frame-list", "--fps=15"],
    "evaluate": lambda p: ["evaluate", f"{p}/labels.csv", f"{p}/labels.csv", f"--output={p}/out"],
    "flow": lambda p: ["flow", f"{p}/a.mp4", f"--output={p}/film.mp4"],
    "suggest": lambda p: [
        *("suggest", f"{p}/a.mp4", f"--checkpoint={p}/model.ckpt", f"--output={p}/out", f"--labelled={p}/labels.csv")
    ],
    "annotate": lambda p: [
        *("annotate", f"{p}/a.mp4", f"--checkpoint={p}/model.ckpt", f"--output={p}/out", f"--settings={p}/labels.csv")
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_no_command_writes_over_what_it_reads(case: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as ended:
        main(CASES[case](place))
    assert ended.value.code == 2
    assert "is a file that this command reads" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
