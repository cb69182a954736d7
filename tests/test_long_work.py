import contextlib
import io
import sys

import pytest
from rich.console import Console

from amclip import long_work
from amclip.long_work import LongWork


def test_a_bar_that_begins_where_standard_output_is_redirected_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_work, "_SHOW_AFTER", -1.0)
    monkeypatch.setenv("TERM", "xterm")  # where the tests run, it may be one that draws no bars
    screen, before = Console(file=io.StringIO(), force_terminal=True, width=120), sys.stdout
    with LongWork("Measuring", 2, "clips", console=screen) as work:
        with contextlib.redirect_stdout(io.StringIO()) as quiet:
            work.add()
            print("noise")
        assert sys.stdout is before
    assert sys.stdout is before
    assert quiet.getvalue() == "noise\n"
    assert "1 of 2 clips" in screen.file.getvalue()  # type: ignore[attr-defined]
    assert "noise" not in screen.file.getvalue()  # type: ignore[attr-defined]
