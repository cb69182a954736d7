from pathlib import Path

import pytest

from amclip.commands.given_files import refuse_missing, refuse_missing_words


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["--config", "b.yaml"], "--config: b.yaml"),
        (["-c=a.yaml", "--config=b.json"], "--config: b.json"),
        (["--trainer.max_epochs", "3", "--ckpt_path", "b.ckpt"], "--ckpt_path: b.ckpt"),
        (["--config", "a.yaml", "--ckpt_path", "last", "--data.source.labels=b.yaml"], None),
        (["--config", "null", "--config", "trainer: {max_epochs: 3}", "--ckpt_path=s3://x/b.ckpt"], None),
        (["--config=~/a.yaml", "--ckpt_path=~/a.ckpt"], None),
        (["--config=~/b.yaml"], "--config: ~/b.yaml"),
        (["--config"], None),
    ],
    ids=str,
)
def test_only_files_that_are_named_and_missing_are_refused(
    words: list[str], missing: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("a.yaml", "a.ckpt"):
        Path(name).touch()
    if missing is None:
        refuse_missing_words(words)
        return
    with pytest.raises(FileNotFoundError, match=f"{missing}: (is not there; |there is no such checkpoint)"):
        refuse_missing_words(words)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    refuse_missing(None)
    with pytest.raises(FileNotFoundError, match="is no file"):
        refuse_missing(str(tmp_path))


def test_what_may_be_meant_by_a_config_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study").mkdir()
    Path("study/tiny.yaml").touch()
    Path("events.csv").write_text("video,behaviour,start,stop\n")
    with pytest.raises(FileNotFoundError, match=r"there is study.tiny\.yaml$"):
        refuse_missing_words(["--config", "study/tinny.yaml"])
    with pytest.raises(FileNotFoundError, match=r"amclip's own is .*configs.encoders.frozen\.yaml$"):
        refuse_missing_words(["--config=configs/encoders/frozen.yaml"])
    with pytest.raises(FileNotFoundError, match="`amclip new FOLDER` writes one"):
        refuse_missing_words(["--config=configs/encoders/nothing.yaml"])
    with pytest.raises(ValueError, match="is a table, not a config"):
        refuse_missing_words(["--config", "events.csv"])
