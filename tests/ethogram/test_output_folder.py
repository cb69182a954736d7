from pathlib import Path

import pytest

from amclip.ethogram.output_folder import OutputFolder

FINGERPRINT = {
    "checkpoint": "abc",
    "window": 2.0,
    "hop": 0.5,
    "precision": "32-true",
    "reading_rules": 2,
    "version": "1.0",
}


def begin(folder: Path, fingerprint: dict[str, object] | None = None, **how: bool) -> OutputFolder:
    output_folder = OutputFolder(folder)
    with output_folder.claimed(FINGERPRINT | (fingerprint or {}), **how):
        (output_folder.journals / "a.scores").touch()
    return output_folder


def test_the_same_settings_go_on_and_others_are_refused(tmp_path: Path) -> None:
    begin(tmp_path / "out")
    begin(tmp_path / "out")
    with pytest.raises(ValueError, match=r"made with windows of 2\.0 s: give the same settings .* --restart"):
        begin(tmp_path / "out", {"window": 3.0})
    with pytest.raises(ValueError, match=r"another checkpoint .*, a hop of 0\.5 s"):
        begin(tmp_path / "out", {"checkpoint": "def", "hop": 1.0})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "1.1"}, r"made with amclip 1\.0"),
        ({"tracks": "of others"}, "made with other tracks, or without any: give"),
        ({"reading_rules": 3}, "made with other rules of which frame is shown when"),
        ({"version": "1.1", "reading_rules": 3}, r"made with other rules .*, amclip 1\.0"),
    ],
)
def test_scores_of_another_version_are_not_gone_on_with(tmp_path: Path, change: dict[str, object], words: str) -> None:
    begin(tmp_path / "out")
    with pytest.raises(ValueError, match=words):
        begin(tmp_path / "out", change)
    begin(tmp_path / "out", change, restart=True)


def test_a_restart_throws_away_what_was_scored_and_nothing_else(tmp_path: Path) -> None:
    output_folder = begin(tmp_path / "out")
    (output_folder.journals / "old.scores").touch()
    (output_folder.journals / "old.error").touch()
    (tmp_path / "out" / "mine.txt").touch()
    begin(tmp_path / "out", {"window": 3.0}, restart=True)
    assert {path.name for path in output_folder.journals.iterdir()} == {"a.scores", "run.json", "lock"}
    assert (tmp_path / "out" / "mine.txt").exists()


def test_one_run_at_a_time(tmp_path: Path) -> None:
    output_folder = OutputFolder(tmp_path)
    with output_folder.claimed(FINGERPRINT):
        with pytest.raises(ValueError, match="another `amclip annotate` is at work"):
            begin(tmp_path)
        with OutputFolder(tmp_path).claimed(FINGERPRINT, first=False):  # another process of the same run
            pass
    begin(tmp_path)


def test_a_damaged_note_of_settings_is_no_reason_to_mix_scores(tmp_path: Path) -> None:
    output_folder = begin(tmp_path)
    (output_folder.journals / "run.json").write_text("[1")
    with pytest.raises(ValueError, match="--restart"):
        begin(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(ValueError, match="out is a file; name a folder"):
        OutputFolder(tmp_path / "out")
