import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import launch
from pages import Opened, OpenPage


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium: the installed one, or that of `playwright install`."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")
    with playwright.sync_playwright() as driver:
        opened = launch(driver)
        if opened is None:
            if os.environ.get("AMCLIP_REQUIRE_BROWSER") == "1":
                raise RuntimeError("AMCLIP_REQUIRE_BROWSER=1, but no Chromium is installed")
            pytest.skip("needs Chromium (or `playwright install chromium`)")
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[OpenPage]:
    """Opens pages in a profile of their own; at the end no script may have failed and no request have left the page."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, accept_downloads=True, reduced_motion="reduce"
    )
    pages: list[Opened] = []

    def open_page(path: Path) -> Opened:
        pages.append(Opened(context, path))
        return pages[-1]

    yield open_page
    # That a video is missing is nobody's fault: the page says so itself.
    errors = [error for page in pages for error in page.errors if "ERR_FILE_NOT_FOUND" not in error]
    left = [url for page in pages for url in page.requests if not url.startswith(("file:", "blob:", "data:"))]
    context.close()
    assert errors == []
    assert left == []
