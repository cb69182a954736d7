"""Errors name options as they are typed."""

import pytest

from amclip.cli import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["suggest", "x.mp4", "--checkpoint=c", "--output=o", "--probe_timeout=-1"], "--probe_timeout: expected"),
        (["suggest", "x.mp4", "--checkpoint=c", "--output=o", "--batch_size=0"], "--batch_size: expected"),
        (["check", "--data.source.classes", "[NA, no, null]"], "--data.source.classes:"),
        (["check", "--data.source.classes", "[walking, yes]"], 'put such names in quotes, ["no"]'),
        (["check", "--data.augmentation.flip", "often"], "--data.augmentation.flip:"),
        (["check", "--model.loss", "none"], "--model.loss:"),
        (["check", "--model.optimiser.learning_rate", "fast"], "--model.optimiser.learning_rate:"),
    ],
)
def test_an_option_is_named_as_it_is_typed(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
