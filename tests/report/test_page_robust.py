"""The report page where it is hard: names with markup, many behaviours, long videos, videos that do not play."""

import json
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from drawn import CLIPS
from pages import Opened, OpenPage, write_run, write_video

from amclip.commands.report import report
from amclip.data.formats import read_labels
from amclip.data.video import Video

NASTY = ("</script><img src=x onerror=boom()>", '"><b>bold</b>', "a & b, 'c'", "línea ✓", "$data $script")


def test_markup_in_names_stays_text(tmp_path: Path, opened: OpenPage) -> None:
    folder = tmp_path / "<i>run & co"
    name = "</script><script>boom()</script>.mp4"
    video = write_video(tmp_path / "odd #1 ?.mp4", frames=150)
    run = write_run(folder, NASTY, [(name, str(video), 6.0, 25.0)])
    report(str(run))
    page = opened(run / "report.html")
    page.wait("page.player.ready")  # the path has signs that an address must not hold
    for column in range(len(NASTY)):
        page.press("n", "ArrowDown")
        assert page.tab.inner_text(f"#class-{column} .name") == NASTY[column]
    assert page.tab.evaluate("document.querySelectorAll('img, b, i, main script').length") == 0
    assert page.tab.inner_text("h1") == "Ethogram: <i>run & co"
    page.press("d")
    page.tab.check("[name=form][value=pieces]")
    table = read_labels(page.download("#download-labels", tmp_path), NASTY)
    assert table.videos() == (name,)
    assert {label for clip in table.clips for label in clip.labels or ()} == set(NASTY)


def test_a_two_hour_video_with_forty_behaviours(tmp_path: Path, opened: OpenPage) -> None:
    classes = [f"behaviour {k}" for k in range(40)]
    video = write_video(tmp_path / "long.mp4", frames=7200, fps=1.0)
    run = write_run(tmp_path / "run", classes, [("long.mp4", str(video), 7200.0, 1.0)], window=2.0, hop=1.0)
    report(str(run))
    assert (run / "report.html").stat().st_size < 5e6
    begin = time.perf_counter()
    page = opened(run / "report.html")
    assert time.perf_counter() - begin < 30  # measured: about a second; machines that run tests may be busy
    assert len(page.bouts(39)) > 1000
    page.tab.mouse.click(*page.place(3600.0, 5))
    assert page.now() == pytest.approx(3600, abs=5)
    for seconds in (page.now(), 7199.0, 0.0):
        page.tab.evaluate("time => page.player.seek(time)", seconds)
        page.wait("page.player.ready && !byId('video').seeking && page.player.waiting == null")
        assert int(page.tab.evaluate("byId('video').currentTime")) == int(seconds)  # one frame a second
    page.press("ArrowDown", "n", "z", "Delete", "0")
    assert page.tab.evaluate("page.view.to") == 7200
    page.tab.evaluate("page.selectColumn(39)")
    page.settle()
    box = page.tab.evaluate(
        "[byId('class-39'), document.querySelector('.rows')].map(e => e.getBoundingClientRect().bottom)"
    )
    assert box[0] <= box[1] + 1  # scrolled into sight


def test_several_videos_keep_their_corrections_apart(tmp_path: Path, opened: OpenPage) -> None:
    videos = [(f"{k}.mp4", str(write_video(tmp_path / f"{k}.mp4", 150)), 6.0, 25.0) for k in range(3)]
    run = write_run(tmp_path / "run", ("a", "b"), videos)
    report(str(run))
    page = opened(run / "report.html")
    counts = [len(page.bouts(0, video)) for video in range(3)]
    page.press("v", "n", "Delete")
    assert page.tab.evaluate("byId('videos').value") == "1"
    page.wait("page.player.ready && byId('video').src.endsWith('/1.mp4')")
    assert [len(page.bouts(0, video)) for video in range(3)] == [counts[0], counts[1] - 1, counts[2]]
    page.tab.select_option("#videos", "2")
    page.wait("byId('video').src.endsWith('/2.mp4')")
    page.press("u")
    assert [len(page.bouts(0, video)) for video in range(3)] == counts


def test_corrections_stay_with_their_video_when_others_come(tmp_path: Path, opened: OpenPage) -> None:
    first = ("a.mp4", "", 6.0, 25.0)
    run = write_run(tmp_path / "run", ("x", "y"), [first])
    report(str(run))
    page = opened(run / "report.html")
    count = len(page.bouts(0))
    page.press("n", "Delete", "0", "c")
    # `amclip annotate` again: one more video, and smoothed curves
    write_run(tmp_path / "run", ("x", "y"), [first, ("b.mp4", "", 6.0, 25.0)], smoothing=0.4, threshold=0.6)
    report(str(run))
    page.reload()
    assert page.tab.evaluate("page.corrections.ruling(0, 0).ruled.length") == 1
    assert page.tab.evaluate("page.corrections.checked(0)") == [[0, 6]]
    assert page.tab.evaluate("page.corrections.settings(0).threshold") == 0.6
    assert page.tab.inner_text("#videos option:first-child") == "a.mp4 (100 % checked)"
    assert len(page.bouts(0)) <= count
    write_run(tmp_path / "run", ("x", "y"), [first], seed=1)  # other scores: nobody has corrected these
    report(str(run))
    page.reload()
    assert not page.tab.evaluate("page.corrections.changed")


def test_names_that_every_object_has(tmp_path: Path, opened: OpenPage) -> None:
    names = ("constructor", "__proto__", "toString")
    run = write_run(tmp_path / "run", names, [("__proto__", "", 6.0, 25.0), ("hasOwnProperty", "", 6.0, 25.0)])
    report(str(run))
    page = opened(run / "report.html")
    page.press("n", "Delete", "ArrowDown", "n", "Enter", "0", "c")
    page.tab.evaluate("page.corrections.set(1, { threshold: 0.7 }, true)")
    bouts = [page.bouts(column) for column in range(3)]
    page.reload()
    assert [page.bouts(column) for column in range(3)] == bouts
    assert page.tab.evaluate("page.corrections.settings(1).threshold") == 0.7


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (900, 800)])
def test_what_is_worked_with_is_in_sight(tmp_path: Path, opened: OpenPage, width: int, height: int) -> None:
    classes = [f"a behaviour with a long name, {k}" for k in range(40)]
    name = "/".join(["a folder with a long name"] * 4) + "/video.mp4"
    video = write_video(tmp_path / "clip.mp4", size=(240, 320))
    run = write_run(tmp_path / "run", classes, [(name, str(video), 6.0, 25.0)])
    report(str(run))
    page = opened(run / "report.html")
    page.tab.set_viewport_size({"width": width, "height": height})
    page.wait("page.player.ready")
    page.tab.evaluate("page.selectColumn(39)")
    page.settle()
    if width <= 1000:  # one below the other: the rows come up to the video, which stays
        page.tab.evaluate("byId('axis').scrollIntoView({ block: 'center' })")
        page.settle()
    box = {
        what: page.tab.evaluate(
            "name => { const b = document.querySelector(name).getBoundingClientRect();"
            " return [b.left, b.top, b.right, b.bottom]; }",
            what,
        )
        for what in ("#video", "#axis", "#class-39", "#threshold", "#videos", "#undo")
    }
    needed = ("#video", "#axis") if width <= 1000 else ("#video", "#axis", "#class-39", "#threshold")
    for what in needed:
        assert box[what][1] >= 0, what
        assert box[what][3] <= height, what
    apart = box["#videos"][2] <= box["#undo"][0] or box["#videos"][3] <= box["#undo"][1]
    assert apart  # nothing lies over the list of videos
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= width


def test_page_and_videos_can_move_together(tmp_path: Path, opened: OpenPage) -> None:
    home = tmp_path / "home"
    video = write_video(home / "videos" / "clip.mp4")
    run = write_run(home / "run", videos=[("clip.mp4", str(video), 6.0, 25.0)])
    report(str(run))
    home.rename(tmp_path / "moved")
    page = opened(tmp_path / "moved" / "run" / "report.html")
    page.wait("page.player.ready")
    (tmp_path / "moved" / "run" / "report.html").rename(tmp_path / "alone.html")
    page = opened(tmp_path / "alone.html")  # without its videos: they can be chosen
    page.wait("!byId('problem').hidden")
    assert "clip.mp4 cannot be played" in page.tab.inner_text("#problem")
    page.press("n")  # and without them the scores can be looked at
    assert page.now() == page.bouts(0)[0][0]
    page.tab.set_input_files("#files", tmp_path / "moved" / "videos" / "clip.mp4")
    page.wait("page.player.ready")
    assert page.tab.evaluate("byId('problem').hidden")
    assert page.tab.evaluate("byId('video').currentTime") == pytest.approx(page.bouts(0)[0][0], abs=0.04)


def test_a_video_that_browsers_do_not_play_is_copied(
    tmp_path: Path, opened: OpenPage, capsys: pytest.CaptureFixture[str]
) -> None:
    source = CLIPS / "11060025.AVI"
    with Video(source) as video:
        about = ("11060025.AVI", str(source), video.duration, video.fps)
    run = write_run(tmp_path / "run", videos=[about], window=about[2] / 4, hop=about[2] / 8)
    report(str(run))
    assert "--transcode" in capsys.readouterr().out
    page = opened(run / "report.html")
    page.wait("!byId('problem').hidden")
    assert "--transcode" in page.tab.inner_text("#problem")
    report(str(run), transcode=True)
    page.reload()
    page.wait("page.player.ready")
    (copy,) = (run / "media").iterdir()
    with Video(copy) as mine:
        assert mine.num_frames == round(about[2] * about[3])
    written = copy.stat().st_mtime_ns
    report(str(run), transcode=True)
    assert copy.stat().st_mtime_ns == written  # made once


def test_the_flow_overlay_keeps_step(tmp_path: Path, opened: OpenPage) -> None:
    video = write_video(tmp_path / "clip.mp4", frames=50)
    run = write_run(tmp_path / "run", videos=[("clip.mp4", str(video), 2.0, 25.0)])
    report(str(run))
    page = opened(run / "report.html")
    assert page.tab.is_hidden("#flow-switch")
    report(str(run), flow_overlay=True, flow_size=48, flow_bound=2.0)
    (drawn,) = (run / "media").iterdir()
    with Video(drawn) as flow:
        assert flow.num_frames == 50
        moving = flow.read_array([10])[0]
    assert moving.reshape(-1, 3).max(axis=0).min() > 240  # still is white
    assert moving.min() < 200  # the square is not
    page.reload()
    page.wait("page.player.ready")
    page.tab.locator("#raster-box").focus()
    page.press("f")
    assert page.tab.is_visible("#flow")
    for seconds in (0.4, 1.52):
        page.tab.evaluate("time => page.player.seek(time)", seconds)
        page.wait("!byId('video').seeking && !byId('flow').seeking && page.player.waiting == null")
        page.wait(f"Math.abs(byId('flow').currentTime - {seconds}) < 0.03")
    page.tab.evaluate("page.player.seek(0)")
    page.press("Space")
    page.wait("page.player.time > 1")
    apart = page.tab.evaluate("Math.abs(byId('flow').currentTime - byId('video').currentTime)")
    assert apart < 0.2
    page.press("f")
    assert page.tab.is_hidden("#flow")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_finding_of_the_accessibility_checker(
    tmp_path: Path, opened: OpenPage, theme: Literal["light", "dark"]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    video = write_video(tmp_path / "clip.mp4")
    classes = [f"behaviour {k}" for k in range(12)]
    run = write_run(
        tmp_path / "run", classes, [("clip.mp4", str(video), 6.0, 25.0), ("gone.avi", "/gone.avi", 6.0, 25.0)]
    )
    report(str(run))
    page = opened(run / "report.html")
    page.tab.emulate_media(color_scheme=theme)
    page.wait("page.player.ready")
    page.press("n", "Enter")
    states = {"plain": (), "help": ("?",), "download": ("Escape", "d"), "missing video": ("Escape", "v")}
    for state, keys in states.items():
        page.press(*keys)
        page.tab.wait_for_timeout(100)
        found = axe.run(page.tab).response["violations"]
        serious = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
        assert serious == [], state


def test_themes_follow_the_system_or_the_switch(tmp_path: Path, opened: OpenPage) -> None:
    run = write_run(tmp_path / "run")
    report(str(run))
    page = opened(run / "report.html")
    paper = "getComputedStyle(document.body).backgroundColor"
    page.tab.emulate_media(color_scheme="light")
    light = page.tab.evaluate(paper)
    page.tab.emulate_media(color_scheme="dark")
    dark = page.tab.evaluate(paper)
    assert light != dark
    page.tab.select_option("#theme", "light")
    assert page.tab.evaluate(paper) == light
    page.reload()
    assert page.tab.evaluate(paper) == light
    assert page.tab.input_value("#theme") == "light"
    page.tab.select_option("#theme", "system")
    assert page.tab.evaluate(paper) == dark


def test_the_keyboard_reaches_everything_and_its_focus_is_seen(tmp_path: Path, opened: OpenPage) -> None:
    run = write_run(tmp_path / "run")
    report(str(run))
    page: Opened = opened(run / "report.html")
    page.press("n", "Enter")
    want = page.tab.evaluate(
        """[...document.querySelectorAll("button, select, input, [tabindex='0']")]
           .filter(e => e.checkVisibility() && !e.disabled).map(e => e.id)"""
    )
    seen = set()
    page.tab.evaluate("document.activeElement.blur()")
    for _ in range(len(want) + 5):
        page.tab.keyboard.press("Tab")
        name, outline = page.tab.evaluate(
            "[document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
        )
        seen.add(name)
        if name:
            assert outline == "solid", name
    assert set(want) <= seen


def test_a_browser_that_keeps_nothing_says_so(tmp_path: Path, opened: OpenPage) -> None:
    run = write_run(tmp_path / "run")
    report(str(run))
    page = opened(run / "report.html")
    page.tab.evaluate("void (IDBObjectStore.prototype.put = () => { throw new Error('full') })")
    page.press("n", "Delete")
    page.kept()
    assert "download your corrections" in page.tab.inner_text("#warning")


def test_what_a_browser_kept_and_cannot_be_read_is_put_aside(tmp_path: Path, opened: OpenPage) -> None:
    run = write_run(tmp_path / "run")
    report(str(run))
    page = opened(run / "report.html")
    key = page.tab.evaluate("page.corrections.kept.keys[0]")
    aside = f"{key}:unreadable"
    for broken in ("{", "null", '{"checked": 3}', '{"rulings": {"walking": {"ruled": [[null, 2]]}}}'):
        page.tab.evaluate("([key, text]) => page.store.set(key, text)", [key, broken])
        page.reload()
        assert not page.tab.evaluate("page.corrections.changed")
        page.kept()
        found = "key => connection().then((database) => textsIn(database, [key])).then((texts) => texts.get(key))"
        assert page.tab.evaluate(found, aside) == broken


def test_two_people_share_out_the_videos(tmp_path: Path, opened: OpenPage, browser: Any) -> None:
    run = write_run(tmp_path / "run", ("x", "y"), [("a.mp4", "", 6.0, 25.0), ("b.mp4", "", 6.0, 25.0)])
    report(str(run))
    mine = opened(run / "report.html")
    mine.press("n", "Delete", "0", "c")
    mine.tab.evaluate("page.corrections.set(1, { threshold: 0.9 }, true)")
    elsewhere = browser.new_context()
    other = Opened(elsewhere, run / "report.html")
    other.press("v", "n", "Delete", "0", "c")
    other.tab.evaluate("page.corrections.set(0, { threshold: 0.7 }, true)")
    other.press("d")
    saved = other.download("#download-work", tmp_path)
    bouts = [other.bouts(column, 1) for column in range(2)]
    first = mine.tab.evaluate("page.corrections.state.rulings['a.mp4']")
    mine.press("d")
    mine.tab.set_input_files("#work", saved)
    mine.wait("byId('download-note').textContent.includes('1 of 2 videos')")
    assert mine.tab.evaluate("page.corrections.state.rulings['a.mp4']") == first
    assert [mine.tab.evaluate("v => page.corrections.checked(v)", video) for video in range(2)] == [[[0, 6]]] * 2
    assert [mine.bouts(column, 1) for column in range(2)] == bouts  # with the thresholds they were found by
    assert "0:12" in mine.tab.inner_text("#checked-sum")
    assert other.errors == []
    elsewhere.close()


def test_saved_work_that_is_out_of_range(tmp_path: Path, opened: OpenPage) -> None:
    run = write_run(tmp_path / "run", ("x", "y"))
    report(str(run))
    page = opened(run / "report.html")
    odd = {"x": {"ruled": [[5, 3], [4, 1e6]], "answered": [], "bouts": [[4, 9], [5, 5.5], [-3, 1]]}}
    work = {"rulings": odd, "checked": [[5, 3], [-4, 1e9]], "answers": [[1, 1, ["x"]]]}
    told = {
        "amclip": "corrections",
        "videos": {"clip.mp4": work},
        "settings": {"x": {"threshold": 7, "minimum_gap": -3}},
    }
    (tmp_path / "odd.json").write_text(json.dumps(told))
    page.press("d")
    page.tab.set_input_files("#work", tmp_path / "odd.json")
    page.wait("page.corrections.done.length === 1")
    assert page.tab.evaluate("page.corrections.checked(0)") == [[0, 6]]
    assert page.bouts(0) == [(0, 1), (4, 6)]
    settings = page.tab.evaluate("page.corrections.settings(0)")
    assert (settings["threshold"], settings["minimum_gap"]) == (1, 0)


def test_a_full_browser_is_told_of_until_all_is_kept(tmp_path: Path, opened: OpenPage) -> None:
    run = write_run(tmp_path / "run", ("x",), [("a.mp4", "", 6.0, 25.0), ("b.mp4", "", 6.0, 25.0)])
    report(str(run))
    page = opened(run / "report.html")
    page.tab.evaluate(
        """() => {
          const [full] = page.corrections.kept.keys;
          const keep = IDBObjectStore.prototype.put;
          IDBObjectStore.prototype.put = function (text, key) {
            if (key !== full) return keep.call(this, text, key);
            for (let k = 0; k < 2; k++) this.add(text, key); // fails as a full disk does: when it is done
          };
          page.restore = () => { IDBObjectStore.prototype.put = keep; };
        }"""
    )
    page.press("n", "Delete", "v", "n", "Delete")  # the second is kept, the first still is not
    page.kept()
    assert page.tab.is_visible("#warning")
    page.tab.evaluate("page.restore()")
    page.press("n", "Delete")
    page.kept()
    assert page.tab.is_hidden("#warning")
    bouts = [page.bouts(0, video) for video in range(2)]
    page.reload()
    assert [page.bouts(0, video) for video in range(2)] == bouts


def test_a_found_video_is_not_taken_for_another_of_its_name(tmp_path: Path, opened: OpenPage) -> None:
    (tmp_path / "day1").mkdir()
    first = write_video(tmp_path / "day1" / "cam.mp4")
    found = write_video(tmp_path / "cam.mp4", size=(96, 128))
    run = write_run(
        tmp_path / "run", ("x",), [("day1/cam.mp4", str(first), 6.0, 25.0), ("day2/cam.mp4", "/no/cam.mp4", 6.0, 25.0)]
    )
    report(str(run))
    page = opened(run / "report.html")
    page.press("v")
    page.wait("!byId('problem').hidden")
    page.tab.set_input_files("#files", found)
    page.wait("page.player.ready && byId('video').videoWidth === 128")
    page.press("v")
    page.wait("page.player.ready && byId('video').videoWidth === 64")  # its own pictures
    page.press("v")
    page.wait("page.player.ready && byId('video').videoWidth === 128")
