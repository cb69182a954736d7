"""The page that asks for labels, in a real browser."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pages import Opened, OpenPage, write_run, write_video

from amclip.data.formats import read_labels
from amclip.ethogram.annotation_file import read_run
from amclip.ethogram.bouts import timeline
from amclip.report.html import Page, Suggestion, write_page
from amclip.report.media import Media
from amclip.report.windows import read_windows

CLASSES = ("walking", "grooming", "still")
STRETCHES = [(1, 2.0, 2.8), (0, 0.4, 1.2), (1, 4.0, 4.8)]


@pytest.fixture
def page(tmp_path: Path, opened: OpenPage) -> Opened:
    return asking(tmp_path, opened, STRETCHES)


def asking(tmp_path: Path, opened: OpenPage, intervals: Sequence[tuple[int, float, float]]) -> Opened:
    videos = [(f"{k}.mp4", str(write_video(tmp_path / f"{k}.mp4")), 6.0, 25.0) for k in range(2)]
    run = read_run(write_run(tmp_path / "run", CLASSES, videos))
    about = Page(
        heading="intervals to label",
        name="mine",
        copy_command="",
        classes=run.classes,
        settings=run.settings,
        window=0.8,
        videos=run.videos,
        media=[Media(), Media()],
        suggestions=[Suggestion(*one) for one in intervals],
    )
    return opened(write_page(tmp_path / "suggest.html", about, map(timeline, read_windows(run))))


def test_intervals_are_asked_for_one_after_the_other(page: Opened, tmp_path: Path) -> None:
    answers = [("grooming",), (), ("walking", "still")]
    for number, ((video, start, _), answer) in enumerate(zip(STRETCHES, answers, strict=True)):
        assert page.tab.evaluate("page.video") == video
        assert page.tab.evaluate("page.run.suggestions[page.suggestion].start") == start
        page.wait("page.player.ready && page.player.until.loop")
        if number:  # browsers play nothing before the first key or click
            page.wait("!byId('video').paused")
        for column, name in enumerate(CLASSES):
            if page.tab.is_checked(f"#suggestion-classes input[value='{column}']") != (name in answer):
                page.press(str(column + 1))
        page.press("Enter")
    assert "every interval is labelled" in page.tab.inner_text("#status")
    page.press("d")
    assert page.tab.is_checked("[name=part][value=answers]")
    table = read_labels(page.download("#download-labels", tmp_path), CLASSES)
    found = {(clip.video, clip.start, round(clip.stop or 0.0, 3)): clip.labels for clip in table.clips}
    assert found == {
        (f"{video}.mp4", start, round(stop, 3)): answer
        for (video, start, stop), answer in zip(STRETCHES, answers, strict=True)
    }


def test_answers_have_no_split_unless_a_person_chooses_one(page: Opened, tmp_path: Path) -> None:
    page.press("Enter", "g", "Enter")  # the first and the third are of one video
    page.press("d")
    clips = read_labels(page.download("#download-labels", tmp_path), CLASSES).clips
    assert [(clip.video, clip.split) for clip in clips] == [("1.mp4", None)] * 2  # joins the first table
    page.tab.select_option("#split", "time")
    clips = read_labels(page.download("#download-labels", tmp_path), CLASSES).clips
    assert [(clip.video, clip.split) for clip in clips] == [("1.mp4", "train"), ("1.mp4", "val")]
    page.tab.select_option("#split", "train")
    page.tab.keyboard.press("Escape")
    page.press("d")
    assert page.tab.input_value("#split") == "train"  # what a person chose stays


@pytest.mark.parametrize(
    "intervals",
    [
        # Frames are not as long as windows: the first is shorter than its page's windows.
        [(0, 0.72, 1.4), (0, 1.4, 2.12), (0, 2.12, 2.8)],
        [(0, 0.0, 1.0), (0, 0.52, 1.52), (0, 1.0, 2.0)],
    ],
    ids=["side by side", "one over the other"],
)
def test_every_answer_is_downloaded_as_it_was_given(
    intervals: list[tuple[int, float, float]], tmp_path: Path, opened: OpenPage
) -> None:
    page = asking(tmp_path, opened, intervals)
    answers = [("grooming",), ("walking", "grooming"), ("still",)]
    for number, answer in enumerate(answers):
        assert f"{3 - number} still to label" in page.tab.inner_text("#suggestion-text")
        for column, name in enumerate(CLASSES):
            page.tab.set_checked(f"#suggestion-classes input[value='{column}']", name in answer)
        page.press("Enter")  # also with the focus on a box
    page.press("g")
    for column, name in enumerate(CLASSES):  # the first again: what was answered, whatever came to lie over it
        assert page.tab.is_checked(f"#suggestion-classes input[value='{column}']") == (name in answers[0])
    page.press("d")
    clips = read_labels(page.download("#download-labels", tmp_path), CLASSES).clips
    wanted = [(start, stop, labels) for (_, start, stop), labels in zip(intervals, answers, strict=True)]
    assert [(clip.start, clip.stop, clip.labels) for clip in clips] == wanted


def test_boxes_follow_an_answer_from_elsewhere(page: Opened) -> None:
    boxes = "[...byId('suggestion-classes').querySelectorAll('input')].map(box => box.checked)"
    page.tab.evaluate("page.corrections.answer(1, [2.0, 2.8], new Set([0, 1, 2]))")
    page.settle()
    assert page.tab.evaluate(boxes) == [True] * 3
    page.tab.evaluate("page.corrections.answer(1, [2.0, 2.8], new Set())")
    page.settle()
    assert page.tab.evaluate(boxes) == [False] * 3
    page.press("u")
    assert page.tab.evaluate(boxes) == [True] * 3


def test_answers_of_another_page_are_not_counted_here(page: Opened, tmp_path: Path) -> None:
    page.tab.evaluate("page.corrections.answer(1, [0.0, 0.8], new Set([0]))")
    page.press("Enter", "d")
    assert page.tab.inner_text("#answers-sum") == "1 of 3"
    clips = read_labels(page.download("#download-labels", tmp_path), CLASSES).clips
    assert [(clip.video, clip.start) for clip in clips] == [("1.mp4", 2.0)]


def test_enter_keeps_the_answer_also_with_a_bout_selected(page: Opened) -> None:
    (start, stop), *_ = page.bouts(0, 1)
    page.tab.mouse.click(*page.place((start + stop) / 2, 0))
    page.press("2", "Enter")
    assert "2 still to label" in page.tab.inner_text("#suggestion-text")
    assert not page.tab.evaluate("page.corrections.bouts(1, 0).some(b => b.human && b.stop - b.start > 0.9)")


def test_answers_can_be_skipped_changed_and_taken_back(page: Opened) -> None:
    page.press("g")
    assert page.tab.inner_text("#suggestion-title") == "Interval 2 of 3"
    page.press("Enter")  # the third, then the first, which was skipped
    assert page.tab.inner_text("#suggestion-title") == "Interval 3 of 3"
    page.press("Enter")
    assert page.tab.inner_text("#suggestion-title") == "Interval 1 of 3"
    assert "1 still to label" in page.tab.inner_text("#suggestion-text")
    page.press("u")
    assert "2 still to label" in page.tab.inner_text("#suggestion-text")
    page.reload()
    assert page.tab.inner_text("#suggestion-title") == "Interval 1 of 3"  # the first that is open


def test_an_answer_says_nothing_about_what_lies_beside_it(page: Opened) -> None:
    before = page.bouts(1, 1)
    page.press("Enter")
    video, start, stop = STRETCHES[0]
    after = page.bouts(1, video)
    outside = [(a, b) for a, b in before if b <= start or a >= stop]
    assert [bout for bout in after if bout[1] <= start or bout[0] >= stop][: len(outside)] != []
    assert set(outside) <= set(after)


def test_accessibility_of_the_page_that_asks(page: Opened) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    found = axe.run(page.tab).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
