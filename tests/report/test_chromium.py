import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chromium import launch


class Driver:
    """Playwright, as far as `launch` asks it."""

    def __init__(self, own: Path) -> None:
        self.started: list[str | None] = []
        self.chromium = SimpleNamespace(executable_path=str(own), launch=self.launch)

    def launch(self, executable_path: str | None, args: list[str], env: dict[str, str]) -> Any:
        assert env["LC_ALL"] == "C.UTF-8"
        self.started.append(executable_path)
        return self


def test_an_installed_chromium_is_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/chrome" if name == "google-chrome" else None)
    driver = Driver(tmp_path / "none")
    assert launch(driver) is driver
    assert driver.started == ["/usr/bin/chrome"]


def test_without_one_it_is_playwrights_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    driver = Driver(tmp_path / "chrome")
    assert launch(driver) is None
    (tmp_path / "chrome").touch()
    assert launch(driver) is driver
    assert driver.started == [None]
