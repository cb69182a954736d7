"""The report page as a person uses it, in a real browser: mouse, keys, corrections of every kind, downloads."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from pages import Opened, OpenPage, write_run, write_video

from amclip.commands.report import report
from amclip.data.formats import Reading, boris_events, read_labels
from amclip.ethogram.annotation_file import read_run
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline
from amclip.ethogram.outputs import write_outputs
from amclip.report.windows import read_windows

CLASSES = ("walking", "grooming", "still")
FRAME = 1 / 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("annotated")
    video = write_video(root / "clip.mp4")
    run = write_run(root / "run", CLASSES, [("clip.mp4", str(video), 6.0, 25.0)], seed=3)
    report(str(run))
    return run


@pytest.fixture
def page(folder: Path, opened: OpenPage) -> Opened:
    page = opened(folder / "report.html")
    page.wait("page.player.ready")
    return page


def test_click_and_drag_on_the_raster_seek_the_video(page: Opened) -> None:
    page.tab.mouse.click(*page.place(3.0, 1))
    page.settle()
    assert page.now() == pytest.approx(3.0, abs=0.02)
    page.wait("!byId('video').seeking")
    assert page.tab.evaluate("byId('video').currentTime") == pytest.approx(page.now(), abs=FRAME)
    assert page.tab.evaluate("page.column") == 1
    page.drag(page.place(3.0, 1), page.place(4.5, 1))
    assert page.now() == pytest.approx(4.5, abs=0.02)


def test_the_frame_shown_is_the_frame_named(page: Opened) -> None:
    page.press("0", ".", ".", ".")
    page.wait("!byId('video').seeking && page.player.waiting == null")
    assert page.tab.evaluate("page.scores.shownAt(page.player.time)") == 3
    media = page.tab.evaluate(
        """() => new Promise(done => {
          const video = byId("video");
          video.requestVideoFrameCallback((now, frame) => done(frame.mediaTime));
          page.player.step(1);
        })"""
    )
    assert media == pytest.approx(4 * FRAME, abs=1e-3)
    assert "frame 4" in page.tab.inner_text("#clock")
    page.press(",")
    assert page.now() == pytest.approx(3 * FRAME)


def test_playing_moves_the_cursor_and_a_bout_stops_at_its_end(page: Opened) -> None:
    page.press("n")
    start, stop = page.bouts(0)[0]
    page.tab.select_option("#speed", "8")
    page.tab.locator("#raster-box").focus()
    page.press("b")
    page.wait("byId('video').paused && page.player.until === null")
    assert start < page.now() <= stop + FRAME


def test_keys_jump_between_bouts_and_behaviours(page: Opened) -> None:
    page.press("ArrowDown")
    assert page.tab.evaluate("page.column") == 1
    starts = [start for start, _ in page.bouts(1)]
    seen = []
    for _ in starts:
        page.press("n")
        seen.append(page.now())
    assert seen == pytest.approx(starts)
    page.press("p")
    assert page.now() == pytest.approx(starts[-2])
    every = sorted(start for column in range(3) for start, _ in page.bouts(column))
    page.press("Escape", "Home")
    seen = []
    for _ in every:
        page.press("Shift+N")
        seen.append(page.now())
    assert seen == pytest.approx(every)


@pytest.mark.parametrize("way", ["slider", "number", "curve"])
def test_bouts_follow_a_moved_threshold(page: Opened, folder: Path, way: str) -> None:
    before = page.bouts(0)
    if way == "slider":
        page.press("t", *["ArrowRight"] * 20)
    elif way == "number":
        page.tab.fill("#threshold-number", "0.7")
        page.press("Tab")
    else:
        x, y, height = page.tab.evaluate(
            "(() => { const b = byId('curve').getBoundingClientRect(); return [b.left + 200, b.top, b.height]; })()"
        )
        from_y, to_y = (page.tab.evaluate("([p, h]) => curveY(p, h)", [p, height]) for p in (0.5, 0.7))
        page.drag((x, y + from_y), (x, y + to_y))
    settings = page.tab.evaluate("page.corrections.settings(0)")
    assert settings["threshold"] == pytest.approx(0.7)
    assert settings["off_threshold"] == settings["threshold"]  # they were one, and stay one
    run = read_run(folder)
    mine = dict(run.settings, walking=BoutSettings(threshold=settings["threshold"]))
    want = [(b.start, b.stop) for b in find_bouts(timeline(next(read_windows(run))), mine) if b.behaviour == "walking"]
    assert page.bouts(0) == want != before
    page.press("Control+z")
    while page.tab.evaluate("page.corrections.done.length"):
        page.press("u")
    assert page.bouts(0) == before


def test_shortest_bout_and_gap_move_bouts(page: Opened) -> None:
    before = page.bouts(2)
    page.press("ArrowDown", "ArrowDown")
    page.tab.fill("#minimum_gap-number", "9")
    page.press("Tab")
    assert page.bouts(2) == [(before[0][0], before[-1][1])]
    page.tab.fill("#minimum_bout-number", "9")
    page.press("Tab")
    assert page.bouts(2) == []
    page.tab.click("#reset-all")
    assert page.bouts(2) == before


def test_every_correction_by_keyboard(page: Opened) -> None:
    page.press("n")
    first = page.bouts(0)[0]
    assert page.now() == first[0]
    page.press(".", ".", "s")  # starts two frames later
    assert page.bouts(0)[0] == pytest.approx((first[0] + 2 * FRAME, first[1]))
    page.press("ArrowLeft", "Home")
    page.tab.evaluate("time => page.player.seek(time)", first[1] - 5 * FRAME)
    page.press("e")  # its last frame is the one on screen
    assert page.bouts(0)[0][1] == pytest.approx(first[1] - 4 * FRAME)
    moved = page.bouts(0)[0]
    page.press("r")
    assert page.tab.evaluate("document.activeElement.id") == "bout-behaviour"
    page.press("ArrowDown", "ArrowDown", "Escape")  # by way of grooming to still
    assert page.tab.evaluate("page.corrections.ruling(0, 1).ruled.length") == 0
    page.wait("page.column === 2")
    assert moved not in page.bouts(0)
    assert any(start <= moved[0] + 1e-9 and moved[1] <= stop + 1e-9 for start, stop in page.bouts(2))
    count = len(page.bouts(2))
    page.press("Delete")
    assert len(page.bouts(2)) == count - 1
    before = page.bouts(0)
    page.press("ArrowUp", "ArrowUp", "Home", "i", ".", ".", "o", "a")
    assert page.bouts(0) == [(0.0, pytest.approx(3 * FRAME)), *before]
    page.press(*["u"] * page.tab.evaluate("page.corrections.done.length"))
    assert page.bouts(0)[0] == first
    assert not page.tab.evaluate("page.corrections.changed")
    page.press(*["Shift+U"] * page.tab.evaluate("page.corrections.undone.length"))
    assert page.bouts(0) != before


def test_edges_by_number(page: Opened) -> None:
    page.press("n")
    start, stop = page.bouts(0)[0]
    page.tab.fill("#bout-stop", f"{stop - 0.11:.4f}")
    page.press("Tab")
    assert page.bouts(0)[0] == pytest.approx((start, round((stop - 0.11) * 25) / 25))  # on the nearest frame
    page.tab.fill("#bout-stop", f"{start - 1:.4f}")
    page.press("Tab")
    assert page.bouts(0)[0] == pytest.approx((start, round((stop - 0.11) * 25) / 25))
    assert "start before it stops" in page.tab.inner_text("#status")


def test_every_correction_by_mouse(page: Opened) -> None:
    start, stop = page.bouts(0)[1]
    page.tab.mouse.click(*page.place((start + stop) / 2, 0))
    page.settle()
    assert page.tab.evaluate("page.bout.start") == start
    page.drag(page.place(stop, 0), page.place(stop + 0.2, 0))
    grown = next(bout for bout in page.bouts(0) if bout[0] == start)
    assert grown[1] == pytest.approx(stop + 0.2, abs=FRAME)
    page.tab.select_option("#bout-behaviour", label="grooming")
    assert not any(bout[0] == start for bout in page.bouts(0))
    assert page.tab.evaluate("page.column") == 1
    page.tab.click("#bout-delete")
    assert not any(a < (start + stop) / 2 < b for a, b in page.bouts(1))
    page.tab.keyboard.down("Shift")
    page.drag(page.place(start, 1), page.place(stop, 1))
    page.tab.keyboard.up("Shift")
    assert any(a == pytest.approx(start, abs=FRAME) and b == pytest.approx(stop, abs=FRAME) for a, b in page.bouts(1))


def test_a_ruling_stands_when_thresholds_move(page: Opened) -> None:
    page.press("n", "Delete")
    page.press("n", "Enter")
    kept = page.tab.evaluate("page.bout")
    gone = page.tab.evaluate("page.corrections.ruling(0, 0).ruled[0]")
    page.tab.fill("#threshold-number", "1")
    page.press("Tab")
    assert page.bouts(0) == [(kept["start"], kept["stop"])]
    page.tab.fill("#threshold-number", "0")
    page.press("Tab")
    assert not any(a < gone[1] and b > gone[0] for a, b in page.bouts(0))


def test_bouts_of_one_behaviour_never_overlap(page: Opened) -> None:
    page.tab.evaluate(
        """() => {
          let seed = 7;
          const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
          for (let k = 0; k < 300; k++) {
            const [a, b] = [random() * 6, random() * 6].sort();
            const c = Math.floor(random() * 3);
            const bouts = page.corrections.bouts(0, c);
            const bout = bouts[Math.floor(random() * bouts.length)];
            const kind = Math.floor(random() * 5);
            if (kind === 0 && b - a > 0.05) page.corrections.add(0, c, a, b);
            else if (bout && kind === 1) page.corrections.remove(0, c, bout);
            else if (bout && kind === 2 && b - a > 0.05) page.corrections.move(0, c, bout, a, b);
            else if (bout && kind === 3) page.corrections.relabel(page.corrections.state, 0, c, bout, 2 - c, true);
            else page.corrections.set(c, { threshold: Math.round(random() * 20) / 20 }, true);
            for (let d = 0; d < 3; d++) {
              const now = page.corrections.bouts(0, d);
              now.forEach((one, i) => {
                if (one.stop <= one.start) throw new Error(`empty bout after step ${k}`);
                if (i && now[i - 1].stop > one.start) throw new Error(`overlap after step ${k}`);
              });
            }
          }
        }"""
    )


def test_corrections_outlive_a_reload(page: Opened, folder: Path, opened: OpenPage) -> None:
    page.press("n", "Delete", "0", "c")
    page.wait("page.corrections.checked(0).length === 1")
    before = page.bouts(0)
    page.reload()
    assert page.bouts(0) == before
    assert page.tab.evaluate("page.corrections.checked(0)") == [[0, 6]]
    report(str(folder))  # the same scores: the page, written again, is still that page
    page.reload()
    assert page.bouts(0) == before
    other = opened(folder / "report.html")
    other.press("n", "Delete")
    page.wait(f"page.corrections.bouts(0, 0).length === {len(before) - 1}")


def test_thresholds_that_nobody_moved_are_those_of_the_run(tmp_path: Path, opened: OpenPage) -> None:
    folder = write_run(tmp_path / "run", CLASSES)
    report(str(folder))
    page = opened(folder / "report.html")
    page.press("n", "Delete")
    page.tab.evaluate("page.corrections.set(1, { threshold: 0.7 }, true)")
    told = json.loads((folder / "annotation.json").read_text())
    for mine in told["settings"].values():  # `amclip annotate` again, with other options
        mine.update(threshold=0.6, off_threshold=0.4)
    (folder / "annotation.json").write_text(json.dumps(told))
    report(str(folder))
    page.reload()
    settings = page.tab.evaluate("[0, 1, 2].map(c => page.corrections.settings(c))")
    assert [(mine["threshold"], mine["off_threshold"]) for mine in settings] == [(0.6, 0.4), (0.7, 0.7), (0.6, 0.4)]


def test_downloads_are_what_fit_reads(page: Opened, tmp_path: Path) -> None:
    page.press("n", "Delete", "ArrowDown", "n", "Enter", "d")
    page.tab.check("[name=form][value=pieces]")
    labels = page.download("#download-labels", tmp_path)
    table = read_labels(labels, CLASSES)
    assert {clip.video for clip in table.clips} == {"clip.mp4"}
    assert (table.clips[0].start, table.clips[-1].stop) == (0.0, 6.0)
    for column, name in enumerate(CLASSES):
        for start, stop in page.bouts(column):
            for clip in table.clips:
                assert clip.start is not None
                assert clip.stop is not None
                if clip.start < stop and clip.stop > start:
                    assert name in (clip.labels or ())
    want = {(start, stop, name) for column, name in enumerate(CLASSES) for start, stop in page.bouts(column)}
    for button in ("#download-aggregated", "#download-tabular"):
        (told,) = boris_events.read(page.download(button, tmp_path).read_text(), "", Reading()).timelines
        assert {(bout.start, bout.stop, bout.label) for bout in told.bouts} == want
        assert told.duration == 6.0


def test_what_boris_gets_is_that_of_annotating(tmp_path: Path, opened: OpenPage) -> None:
    videos = [("night/a.mp4", "", 6.0, 25.0), ("night/a.avi", "", 4.0, 10.0), ("still.mp4", "", 6.0, 25.0)]
    folder = write_run(tmp_path / "run", CLASSES, videos, threshold=0.6, off_threshold=0.4)
    run = read_run(folder)
    report(str(folder))
    page = opened(folder / "report.html")
    page.press("d")
    found = json.loads(page.download("#download-project", tmp_path).read_text())
    write_outputs(tmp_path / "python", read_windows(run), run.settings)
    wanted = json.loads((tmp_path / "python" / "boris" / "amclip.boris").read_text())
    for behaviour in wanted["behaviors_conf"].values():
        behaviour["description"] = ""  # thresholds, which move on the page
    assert all(observation["events"] for observation in wanted["observations"].values())
    assert found == wanted
    for kind in ("aggregated", "tabular"):
        table = page.download(f"#download-{kind}", tmp_path).read_text().splitlines()
        theirs = [tmp_path / "python" / "boris" / f"{name}_{kind}_events.csv" for name in wanted["observations"]]
        lines = [path.read_text().splitlines() for path in theirs]
        assert table == [lines[0][0], *(line for one in lines for line in one[1:])]


def test_boris_is_told_what_a_person_decided(page: Opened, tmp_path: Path) -> None:
    page.press("n", "Enter", "d")
    (observation,) = json.loads(page.download("#download-project", tmp_path).read_text())["observations"].values()
    comments = [event[4] for event in observation["events"] if event[2] == "walking" and event[4]]
    assert [comment == "by hand" for comment in comments] == [True] + [False] * (len(comments) - 1)


def test_work_goes_on_elsewhere(page: Opened, folder: Path, tmp_path: Path, browser: Any) -> None:
    page.press("n", "Delete", "n", "Enter", "0", "c")
    page.tab.evaluate("page.corrections.set(1, { threshold: 0.7 }, true)")
    page.press("d")
    saved = page.download("#download-work", tmp_path)
    elsewhere = browser.new_context()  # another browser, which has kept nothing
    other = Opened(elsewhere, folder / "report.html")
    before = other.bouts(0)
    other.press("d")
    other.tab.set_input_files("#work", saved)
    other.wait("page.corrections.done.length === 1")
    assert "1 of 1 videos" in other.tab.inner_text("#download-note")
    assert [other.bouts(column) for column in range(3)] == [page.bouts(column) for column in range(3)]
    assert other.tab.evaluate("page.corrections.checked(0)") == [[0, 6]]
    assert other.tab.evaluate("page.corrections.settings(1).threshold") == 0.7
    for text in ("{", "{}", '{"amclip": "corrections", "videos": {"clip.mp4": {"checked": [["a", 1]]}}}', "[1]"):
        (tmp_path / "bad.json").write_text(text)
        other.tab.set_input_files("#work", tmp_path / "bad.json")
        other.wait("byId('download-note').textContent.startsWith('bad.json')")
        assert "not work that a report" in other.tab.inner_text("#download-note")
        other.tab.evaluate("void (byId('download-note').textContent = '')")
    (tmp_path / "other.json").write_text(saved.read_text().replace('"clip.mp4"', '"other.mp4"'))
    other.tab.set_input_files("#work", tmp_path / "other.json")
    other.wait("byId('download-note').textContent.includes('other videos')")
    other.press("Escape", "u")
    assert other.bouts(0) == before
    assert other.errors == []
    elsewhere.close()


def test_a_figure_of_what_is_in_sight(page: Opened, tmp_path: Path) -> None:
    page.tab.evaluate("page.view.show(1, 4)")
    page.press("d")
    drawing = ElementTree.fromstring(page.download("#download-figure", tmp_path).read_bytes())
    names = {"svg": "http://www.w3.org/2000/svg"}
    assert {text.text for text in drawing.iterfind("svg:text", names)} >= {*CLASSES, "clip.mp4", "0:02.0"}
    for column, group in enumerate(drawing.iterfind("svg:g", names)):
        bars = [(float(bar.get("x", "nan")), float(bar.get("width", "nan"))) for bar in group]
        left = float(drawing.findall("svg:path", names)[0].get("d", "").split()[0][1:])
        times = [(edge - left) / 300 + 1 for x, width in bars for edge in (x, x + width)]
        seen = [edge for a, b in page.bouts(column) if b > 1 and a < 4 for edge in (max(a, 1.0), min(b, 4.0))]
        assert times == pytest.approx(seen, abs=1e-4)


def test_keys_act_on_the_page_after_a_click(page: Opened) -> None:
    page.tab.click("#bout-next")
    first = page.tab.evaluate("page.bout")
    page.press("Enter")  # accepts, and is not another click on the button
    assert page.tab.evaluate("page.bout.human")
    assert page.tab.evaluate("page.bout.start") == first["start"]
    page.tab.click("label:has(#curves)")
    page.press("Space")
    page.wait("!byId('video').paused")
    page.press("Space")
    page.tab.focus("#bout-behaviour")
    page.press("ArrowDown", "Enter")  # leaves the list: the next key is the page's
    assert page.tab.evaluate("document.activeElement.id") == "raster-box"
    relabelled = page.tab.evaluate("page.bout")
    page.press("n")
    assert page.tab.evaluate("page.column") == 1
    assert page.tab.evaluate("page.bout.start") > relabelled["start"]


def test_a_list_that_the_mouse_chose_from_lets_go(page: Opened) -> None:
    page.press("n")
    # A browser without a window opens no list for the mouse: its events, as it sends them.
    page.tab.evaluate(
        """() => {
          const list = byId("bout-behaviour");
          list.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
          list.focus();
          list.value = 1;
          list.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )
    assert page.tab.evaluate("document.activeElement.id") == "raster-box"
    assert page.tab.evaluate("page.column") == 1


def test_what_cannot_be_done_is_said_and_seen(page: Opened) -> None:
    for key, said in (
        ("Delete", "no bout of walking is selected"),
        ("a", "keys I and O"),
        ("u", "nothing to be undone"),
    ):
        page.press(key)
        assert said in page.tab.inner_text("#notice")
        assert said in page.tab.inner_text("#status")
    page.press("n")
    stop = page.tab.input_value("#bout-stop")
    for field, value, shown in (
        ("#bout-stop", "99", stop),
        ("#threshold-number", "7", "0.5"),
        ("#threshold-number", "", "0.5"),
    ):
        page.tab.fill(field, value)
        page.press("Enter", "Tab")
        assert page.tab.input_value(field) == shown
        assert page.tab.is_visible("#notice")


def test_a_lower_threshold_leaves_no_slivers_beside_what_was_decided(page: Opened) -> None:
    page.press("n", "Enter", "n", "Delete")
    (start, stop), *_ = page.bouts(0)
    (gone_start, gone_stop) = page.tab.evaluate("page.corrections.ruling(0, 0).ruled[1]")
    page.tab.evaluate("page.corrections.set(0, { threshold: 0.45 }, true)")
    assert (start, stop) in page.bouts(0)
    touching = [bout for bout in page.bouts(0) if bout[0] in (stop, gone_stop) or bout[1] in (start, gone_start)]
    assert touching == []


def test_jumps_begin_where_the_time_is(page: Opened) -> None:
    page.press("n", "End", "p")
    assert page.now() == page.bouts(0)[-1][0]
    page.press("Home", "n")
    assert page.now() == page.bouts(0)[0][0]


def test_only_what_was_checked_is_downloaded(page: Opened, tmp_path: Path) -> None:
    page.tab.evaluate("page.marks = { from: 1, to: 3 }")
    page.press("c", "d")
    assert page.tab.inner_text("#checked-sum") == "0:02.0"
    page.tab.check("[name=part][value=checked]")
    page.tab.check("[name=form][value=windows]")
    page.tab.select_option("#split", "")
    page.tab.fill("#window-length", "1")
    page.tab.fill("#window-hop", "0.5")
    table = read_labels(page.download("#download-labels", tmp_path), CLASSES)
    assert [(clip.start, clip.stop) for clip in table.clips] == [(1.0, 2.0), (1.5, 2.5), (2.0, 3.0)]


def test_pieces_are_divided_by_seconds(page: Opened, tmp_path: Path) -> None:
    page.press("d")
    page.tab.check("[name=form][value=pieces]")
    clips = read_labels(page.download("#download-labels", tmp_path), CLASSES).clips
    train = sum((clip.stop or 0) - (clip.start or 0) for clip in clips if clip.split == "train")
    last = [clip for clip in clips if clip.split == "train"][-1]
    assert train >= 0.8 * 6 - 1e-6 > train - ((last.stop or 0) - (last.start or 0))
    assert max(clip.stop or 0 for clip in clips) == 6.0


def test_one_video_is_divided_by_time(page: Opened, tmp_path: Path) -> None:
    page.press("d")
    page.tab.fill("#window-length", "1")
    page.tab.fill("#window-hop", "0.5")
    clips = read_labels(page.download("#download-labels", tmp_path), CLASSES).clips
    train, val = ([(c.start, c.stop) for c in clips if c.split == split] for split in ("train", "val"))
    assert train == [(k / 2, k / 2 + 1) for k in range(9)]
    assert val == [(5.0, 6.0)]  # that from 4.5 s on shares frames with the last one to train on


def test_zoom_shows_more_of_less(page: Opened) -> None:
    page.tab.evaluate("page.player.seek(3)")
    page.press("+", "+")
    left, right = page.tab.evaluate("[page.view.from, page.view.to]")
    assert right - left == pytest.approx(1.5)
    assert left < 3 < right
    page.press("-", "0")
    assert page.tab.evaluate("[page.view.from, page.view.to]") == [0, 6]
    page.press("n", "z")
    bout = page.tab.evaluate("page.bout")
    left, right = page.tab.evaluate("[page.view.from, page.view.to]")
    assert left <= bout["start"] < bout["stop"] <= right
    assert right - left < 4


def test_help_lists_every_key_and_keys_can_be_switched_off(page: Opened) -> None:
    page.press("?")
    listed = page.tab.inner_text("#keys")
    for keys in page.tab.evaluate("keysOf(page).flatMap(([keys]) => keys.map(shown))"):
        assert keys in listed
    assert "nimal" not in page.tab.inner_text("body")  # there are none
    page.tab.uncheck("#keys-on")
    page.press("Escape")
    page.press("ArrowDown")
    assert page.tab.evaluate("page.column") == 0
    page.press("Control+z")  # with Ctrl they still work
    assert page.tab.inner_text("#status") == "nothing to be undone"


def test_a_number_is_for_what_was_selected_when_it_was_typed(page: Opened) -> None:
    page.press("n")
    first, second, *others = page.bouts(0)
    rest = [page.bouts(column) for column in (1, 2)]
    page.tab.focus("#bout-stop")
    page.tab.fill("#bout-stop", f"{first[1] + 0.2:.2f}")
    page.tab.mouse.click(*page.place(sum(second) / 2, 0))  # another bout
    page.settle()
    assert page.bouts(0) == [(first[0], pytest.approx(first[1] + 0.2)), second, *others]
    page.tab.fill("#threshold-number", "0.9")
    page.tab.mouse.click(*page.place(0.1, 2))  # another behaviour
    page.settle()
    settings = [page.tab.evaluate("c => page.corrections.settings(c).threshold", column) for column in range(3)]
    assert settings == [0.9, 0.5, 0.5]
    assert [page.bouts(column) for column in (1, 2)] == rest


def test_escape_drops_what_was_typed(page: Opened) -> None:
    page.press("n")
    before, shown = page.bouts(0), page.tab.input_value("#bout-stop")
    page.tab.fill("#bout-stop", "5.9")
    page.press("Escape")
    assert page.bouts(0) == before
    assert page.tab.input_value("#bout-stop") == shown


def test_letters_in_a_list_are_the_pages(page: Opened) -> None:
    page.press("n", "r", "s")  # no type-ahead to "still": the bout starts here, as it does already
    assert page.tab.evaluate("page.column") == 0
    page.press("t")
    assert page.tab.evaluate("document.activeElement.id") == "threshold"


def test_every_drag_is_a_step_of_its_own(page: Opened) -> None:
    set_slider = """value => {
      const slider = byId("threshold");
      slider.dispatchEvent(new PointerEvent("pointerdown"));
      for (const each of [0.6, value]) { slider.value = each; slider.dispatchEvent(new Event("input")); }
    }"""
    page.tab.evaluate(set_slider, 0.5)  # back where it was: browsers tell of no change then
    page.press("n", "Delete")
    gone = page.bouts(0)
    page.tab.evaluate(set_slider, 0.8)
    page.press("u")
    assert page.tab.evaluate("page.corrections.settings(0).threshold") == 0.5
    assert page.bouts(0) == gone


def test_an_accepted_bout_stays_as_it_is(page: Opened) -> None:
    start, stop = page.bouts(0)[0]
    middle = page.tab.evaluate("time => page.scores.snapped(time)", (start + stop) / 2)
    page.tab.evaluate("([a, b]) => page.corrections.answer(0, [a, b], new Set([0]))", [start, middle])
    page.press("n", "Enter")
    assert page.bouts(0)[0] == (start, middle)


def test_axis_and_curve_keep_to_the_rows(page: Opened) -> None:
    left = "['axis', 'raster', 'curve'].map(id => byId(id).getBoundingClientRect().left)"
    for theme in ("dark", "light", "system"):
        page.tab.select_option("#theme", theme)
        page.settle()
        assert page.tab.evaluate(left) == pytest.approx([page.tab.evaluate(left)[1]] * 3, abs=0.6)
