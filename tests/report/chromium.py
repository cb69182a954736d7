"""The Chromium that the report page is tested in: an installed one, or that of `playwright install chromium`.

Run as a program it ends with 0 where one starts, and with 1 where none does; .ci/run asks this.
"""

import os
import shutil
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def launch(driver: Any) -> Any:
    """Start it, headless; None where there is none."""
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    if installed is None and not Path(driver.chromium.executable_path).exists():
        return None
    # In a locale without UTF-8 it finds no file in a folder with other letters than English ones.
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return driver.chromium.launch(executable_path=installed, args=["--no-sandbox"], env=environment)


def main() -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = launch(driver)
        if browser is None:
            raise SystemExit(f"no Chromium: neither {', '.join(NAMES)} nor {driver.chromium.executable_path}")
        print(f"Chromium {browser.version}")
        browser.close()


if __name__ == "__main__":
    main()
