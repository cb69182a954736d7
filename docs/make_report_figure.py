"""Picture of the report page: docs/images/report.png, from an annotated video.

    python docs/make_report_figure.py ANNOTATED VIDEO BEHAVIOUR [OUTPUT] [--dark]

ANNOTATED is a folder of `amclip annotate` with one video, VIDEO the video's file; needs Chromium and playwright.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from amclip.commands.report import report

WIDTH, HEIGHT = 1280, 750


def wait(tab: Page, condition: str) -> None:
    while not tab.evaluate(condition):
        tab.wait_for_timeout(50)


def main(annotated: Path, video: Path, behaviour: str, output: Path, dark: bool) -> None:
    report(str(annotated))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if dark else "light")
        tab.goto((annotated / "report.html").absolute().as_uri())
        wait(tab, "!('starting' in document.documentElement.dataset)")
        tab.set_input_files("#files", str(video))  # the video may have moved since
        wait(tab, "page.player.ready")
        tab.evaluate(
            """(behaviour) => {
              const column = page.run.classes.indexOf(behaviour);
              const bouts = page.corrections.bouts(page.video, column);
              const longest = bouts.reduce((best, one) => (one.stop - one.start > best.stop - best.start ? one : best));
              page.selectBout(column, longest);
            }""",
            behaviour,
        )
        wait(tab, "!byId('video').seeking")
        tab.wait_for_timeout(500)  # until the frame is on screen
        tab.screenshot(path=output)
        browser.close()


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--dark"]
    target = Path(words[3]) if len(words) > 3 else Path(__file__).with_name("images") / "report.png"
    main(Path(words[0]), Path(words[1]), words[2], target, "--dark" in sys.argv)
