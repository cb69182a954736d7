"""`amclip embed`: what it says, what a training then finds, and what becomes of it when it is stopped."""

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import forked
import pytest

from amclip.cli import main
from amclip.data.stored.embedder import Embedder
from amclip.data.video import Video

ROOT = Path(__file__).parents[2]
# Twenty-four training clips, eight each for validation and test, of two positions: 2 * 24 versions with two copies.
TRAIN = 24


def words(drawn: Path, store: Path, *more: str) -> list[str]:
    return [
        *(f"--config={ROOT / 'configs/demo.yaml'}", f"--data.source.labels={drawn / 'labels.csv'}"),
        *(f"--data.source.root={drawn}", f"--data.cache_dir={drawn / 'probed'}", "--data.num_workers=0"),
        *("--input.num_segments=1", "--input.positions_per_segment=2", "--model.network.tuning.trainable_blocks=0"),
        *(f"--data.embeddings.folder={store}", *more),
    ]


def table(said: str) -> dict[str, tuple[int, int]]:
    """Of each split, how many positions were stored and how many were to do."""
    found = re.findall(r"^  (\w+) +\d+ clips, \d+ positions: (\d+) stored, (\d+) to do$", said, re.MULTILINE)
    return {name: (int(stored), int(todo)) for name, stored, todo in found}


def embed(capsys: pytest.CaptureFixture[str], *given: str) -> tuple[dict[str, tuple[int, int]], str, str]:
    capsys.readouterr()
    main(["embed", *given])
    said = capsys.readouterr()
    return table(said.out), said.out, said.err


def test_a_training_finds_what_was_embedded_ahead(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = words(drawn, tmp_path / "store", "--data.embeddings.copies=2")
    parts, out, err = embed(capsys, *given)
    assert parts.keys() == {"train", "val", "test"}
    assert not any(stored for stored, _ in parts.values())
    assert "(features 2 × 96 of each position, float32)" in out
    assert re.search(rf"to do  {sum(todo for _, todo in parts.values())} positions, [\d.]+ kB", out)
    assert re.search(r"positions in 0:00:\d\d, [\d.e+]+ a second", err)
    again, out, _ = embed(capsys, *given)
    assert again == {name: (todo, 0) for name, (_, todo) in parts.items()}
    assert re.search(r"All that can be read is stored; the folder takes [\d.]+ kB", out)
    opened: list[Any] = []
    init = Video.__init__
    monkeypatch.setattr(
        Video, "__init__", lambda self, *args, **kwargs: opened.append(args) or init(self, *args, **kwargs)
    )
    runs = f"--trainer.logger.save_dir={tmp_path}"
    main(["fit", *given, runs, "--trainer.max_epochs=3", "--trainer.enable_progress_bar=false"])
    main(["test", *given, runs, f"--ckpt_path={tmp_path / 'version_0/checkpoints/last.ckpt'}"])
    assert not opened
    assert len(list((tmp_path / "store").glob("*/about.json"))) == 1
    # A checkpoint's tower is the same one, and a checkpoint says nothing of this machine's folders.
    given = [word for word in given if "tuning" not in word]
    assert embed(capsys, *given, f"--ckpt_path={tmp_path / 'version_0/checkpoints/last.ckpt'}")[0] == again
    assert b"store" not in (tmp_path / "version_0/checkpoints/last.ckpt").read_bytes().replace(b"restore", b"")


def test_it_goes_on_where_it_was_stopped(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = words(drawn, tmp_path / "store")
    calls = 0
    complete = Embedder.complete

    def stopped(self: Embedder, *args: Any, **kwargs: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        complete(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Embedder, "complete", stopped)
        with pytest.raises(SystemExit) as ended:
            main(["embed", *given])
    assert ended.value.code == 143
    assert "What was embedded is kept; the same command goes on from there." in capsys.readouterr().err
    parts, _, _ = embed(capsys, *given)
    assert 0 < sum(stored for stored, _ in parts.values()) < sum(map(sum, parts.values()))
    assert not any(todo for _, todo in embed(capsys, *given)[0].values())


def test_processes_share_the_work_and_one_that_is_killed_does_no_harm(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(drawn, tmp_path / "store", "--data.embeddings.copies=4", "--data.batch_size=2")
    one, two = (forked.start_command(tmp_path / f"{name}.txt", ["embed", *given]) for name in ("one", "two"))
    deadline = time.monotonic() + 120
    while not list((tmp_path / "store").glob("*/*.keys")) and time.monotonic() < deadline:
        assert one.is_alive() or two.is_alive()
        time.sleep(0.02)
    time.sleep(0.1)
    one.kill()
    assert forked.ended(one) == -signal.SIGKILL
    code, said = forked.ended(two), (tmp_path / "two.txt").read_text()
    assert code == 0, said
    assert "All that can be read is stored" in said
    parts, _, _ = embed(capsys, *given)
    assert parts["train"][0] > 4 * TRAIN
    assert not any(todo for _, todo in parts.values())


def test_two_processes_of_a_training_store_what_they_embed(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = words(drawn, tmp_path / "store", "--data.batch_size=4")
    two = ["--trainer.devices=2", "--trainer.accelerator=cpu", "--trainer.strategy=ddp", "--trainer.max_epochs=1"]
    outputs = [tmp_path / "first.txt", tmp_path / "second.txt"]
    ranks = forked.start_ranks(outputs, main, ["fit", *given, *two, f"--trainer.logger.save_dir={tmp_path}"])
    assert [forked.ended(rank) for rank in ranks] == [0, 0], [output.read_text() for output in outputs]
    assert len(list((tmp_path / "store").glob("*/*.keys"))) == 2
    parts, _, _ = embed(capsys, *given)
    assert (parts["train"][1], parts["val"][1]) == (0, 0)
    assert parts["test"][0] == 0


def test_without_a_folder_it_says_what_is_missing(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["embed", *words(drawn, tmp_path)[:-1]])
    assert "--data.embeddings.folder: say where embeddings shall be kept" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["embed", *words(drawn, tmp_path), "--model.network.tuning.trainable_blocks=1"])
    assert "--model.network.tuning.trainable_blocks: 1 makes the image tower train; set 0" in capsys.readouterr().err
