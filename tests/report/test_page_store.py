"""What the browser keeps of a person's work, where keeping it is hard: pages that go away, other tabs, no database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pages import Opened, OpenPage, write_run

from amclip.commands.report import report

REFUSED = "IDBFactory.prototype.open = () => { throw new DOMException('not here', 'SecurityError') };"
SILENT = """
IDBFactory.prototype.open = () => ({});
const wait = window.setTimeout;
window.setTimeout = (act, milliseconds) => wait(act, milliseconds / 20);
"""
# Transactions go on as long as `busy` is set.
HELD = """
window.busy = true;
IDBTransaction.prototype.commit = function () {
  const records = this.objectStore("records");
  const again = () => { if (busy) records.get("").onsuccess = again; };
  again();
};
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    run = write_run(tmp_path / "run", ("x", "y"), [("a.mp4", "", 6.0, 25.0), ("b.mp4", "", 6.0, 25.0)])
    report(str(run))
    return run / "report.html"


@pytest.fixture
def changed_browser(browser: Any, written: Path) -> Any:
    """Opens the page in a browser that a script has changed before."""
    contexts = []

    def open_page(script: str) -> Opened:
        contexts.append(browser.new_context())
        contexts[-1].add_init_script(script)
        return Opened(contexts[-1], written)

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("script", [REFUSED, SILENT], ids=["refused", "silent"])
def test_without_a_database_the_page_works_and_says_so(changed_browser: Callable[[str], Opened], script: str) -> None:
    page = changed_browser(script)
    assert "download your corrections" in page.tab.inner_text("#warning")
    count = len(page.bouts(0))
    page.press("n", "Delete")
    page.kept()
    assert len(page.bouts(0)) == count - 1
    assert page.tab.is_visible("#warning")
    page.tab.select_option("#theme", "dark")
    assert page.tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert asks(page)
    assert page.errors == []


def asks(page: Opened) -> bool:
    """Whether the page asks before it is left."""
    return not page.tab.evaluate("window.dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def test_the_page_asks_as_long_as_something_is_not_yet_kept(changed_browser: Callable[[str], Opened]) -> None:
    page = changed_browser(HELD)
    assert not asks(page)
    page.press("n", "Delete")
    assert asks(page)
    assert page.tab.is_hidden("#warning")  # nothing has failed
    page.tab.evaluate("void (busy = false)")
    page.kept()
    assert not asks(page)


def test_of_many_changes_the_last_is_kept(written: Path, opened: OpenPage) -> None:
    page = opened(written)
    page.tab.evaluate("for (let k = 1; k <= 300; k++) page.corrections.set(0, { threshold: k / 400 }, true)")
    page.reload()
    assert page.tab.evaluate("page.corrections.settings(0).threshold") == 0.75
    page.tab.evaluate("page.corrections.discard()")
    page.reload()
    assert not page.tab.evaluate("page.corrections.changed")


def test_work_kept_just_before_the_page_goes_is_there_again(written: Path, opened: OpenPage) -> None:
    page = opened(written)
    count = len(page.bouts(0))
    for deleted in range(1, 4):
        page.tab.evaluate("page.corrections.remove(0, 0, page.corrections.bouts(0, 0)[0])")
        page.reload()
        assert len(page.bouts(0)) == count - deleted


def test_tabs_hear_of_each_other(written: Path, opened: OpenPage) -> None:
    one, other = opened(written), opened(written)
    one.press("n", "Delete")
    bouts = one.bouts(0)
    other.wait(f"page.corrections.bouts(0, 0).length === {len(bouts)}")
    assert other.bouts(0) == bouts
    assert "another tab" in other.tab.inner_text("#status")
    assert not other.tab.evaluate("page.corrections.done.length")
    other.press("v", "n", "Delete")  # the other video
    one.wait("page.corrections.ruling(1, 0).ruled.length === 1")
    for page in (one, other):  # the same threshold, moved in both: one of them stays, in both
        page.tab.evaluate("for (let k = 0; k < 50; k++) page.corrections.set(1, { threshold: Math.random() }, true)")
    for page in (one, other):
        page.kept()
    threshold = "page.corrections.settings(1).threshold"
    other.wait(f"{threshold} === {one.tab.evaluate(threshold)}", 5)
    one.reload()
    assert one.bouts(0) == bouts


def test_what_is_not_kept_here_is_not_given_up_for_another_tab(written: Path, opened: OpenPage) -> None:
    one, other = opened(written), opened(written)
    one.tab.evaluate("void (IDBObjectStore.prototype.put = () => { throw new Error('full') })")
    one.press("n", "Delete")
    bouts = one.bouts(0)
    other.press("End", "p", "Delete")
    other.kept()
    one.tab.wait_for_timeout(200)
    assert one.bouts(0) == bouts
    assert one.tab.is_visible("#warning")
