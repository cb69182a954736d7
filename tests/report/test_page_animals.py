"""A page on which animals are told apart, in a real browser."""

import json
from pathlib import Path

import animals
import numpy as np
import pytest
from animals import AWAY, CLASSES, FPS, SIDE, SIZE
from pages import Opened, OpenPage

from amclip.cli import main
from amclip.config_path import config_path
from amclip.data.formats import Reading, boris_events, read_labels
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline

ADA, BO = 0, 1  # units of the page
ABSENT = tuple(edge / FPS for edge in AWAY)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return animals.write_animals(tmp_path_factory.mktemp("animals"))


@pytest.fixture
def page(written: Path, opened: OpenPage) -> Opened:
    page = opened(written)
    page.wait("page.player.ready")
    return page


def test_bouts_of_every_animal_are_those_of_python_also_at_other_thresholds(page: Opened) -> None:
    lower = BoutSettings(threshold=0.3, minimum_gap=9.0)  # closes every gap that may be closed
    page.tab.fill("#threshold-number", "0.3")
    page.press("Tab")
    page.tab.fill("#minimum_gap-number", "9")
    page.press("Tab")
    for unit, scores in enumerate(animals.scores("pair.mp4", ("Ada", "Bo"))):
        settings = {name: lower if name == "walking" else BoutSettings(minimum_gap=1.0) for name in CLASSES}
        wanted = find_bouts(timeline(scores), settings)
        for column, name in enumerate(CLASSES):
            mine = [bout for bout in wanted if bout.behaviour == name]
            assert mine
            assert page.bouts(column, unit) == [(bout.start, bout.stop) for bout in mine]
            for bout in mine:
                got = page.tab.evaluate(
                    "([u, c, a, b]) => page.scoresOf(u).summary(c, a, b)", [unit, column, bout.start, bout.stop]
                )
                assert (got["mean"], got["peak"]) == pytest.approx((bout.mean, bout.peak), abs=1e-6)
        if unit == BO:
            assert not any(bout.start < ABSENT[1] and bout.stop > ABSENT[0] for bout in wanted)
            assert any(bout.stop == ABSENT[0] for bout in wanted)


def colour_at(page: Opened, x: float, y: float) -> list[int]:
    """Of the canvas over the video, at a place told in pixels of the video: red, green, blue and opacity."""
    found = page.tab.evaluate(
        """([x, y, width]) => {
          const [video, canvas] = [byId("video"), byId("boxes")];
          const scale = Math.min(video.clientWidth / video.videoWidth, video.clientHeight / video.videoHeight);
          const left = video.offsetLeft + (video.clientWidth - scale * video.videoWidth) / 2;
          const top = video.offsetTop + (video.clientHeight - scale * video.videoHeight) / 2;
          const ratio = canvas.width / canvas.clientWidth;
          const at = [left + x * scale, top + y * scale].map((place) => Math.round(place * ratio));
          return [...canvas.getContext("2d").getImageData(...at, 1, 1).data];
        }""",
        [x, y, SIZE[1]],
    )
    return [int(value) for value in found]


def test_boxes_are_those_of_the_frame_on_screen(page: Opened) -> None:
    corners = animals.places(2)
    for frame in (0, 37, AWAY[0] - 1, AWAY[0], AWAY[1] - 1, AWAY[1], 149):
        page.tab.evaluate("frame => page.player.seek(page.scores.timeOf(frame))", frame)
        page.wait(f"!byId('video').seeking && page.frame === {frame}")
        for unit in (ADA, BO):
            box = page.tab.evaluate("([u, f]) => boxAt(page.dataOf(0).boxes[u], f)", [unit, frame])
            x, y = (int(value) for value in corners[unit, frame])
            if unit == BO and AWAY[0] <= frame < AWAY[1]:
                assert box is None
            else:
                assert box == pytest.approx([x, y, x + SIDE, y + SIDE], abs=1.5)
                assert colour_at(page, (box[0] + box[2]) / 2, box[3])[3] > 0
        assert colour_at(page, 80, 110)[3] == 0  # nothing is there
    page.tab.set_viewport_size({"width": 900, "height": 800})  # the video gets another size, and boxes with it
    page.settle()
    box = page.tab.evaluate("boxAt(page.dataOf(0).boxes[0], 149)")
    assert colour_at(page, (box[0] + box[2]) / 2, box[3])[3] > 0
    page.press("l")
    assert page.tab.is_hidden("#boxes")
    page.press("l", "Home")
    page.wait("page.frame === 0")
    page.press("Space")
    page.wait("page.frame > 20")
    late = page.tab.evaluate("Math.abs(page.frame - page.scores.shownAt(page.player.time))")
    assert late <= 5  # of 25 in a second: while it plays, in step as far as a busy machine is


def test_names_of_animals_that_are_close_together_do_not_cover_each_other(page: Opened) -> None:
    area, height = [10, 20, 330, 260], 16
    rng = np.random.default_rng(0)
    crowds = []
    for number in [1, 2, 4, 7] * 20:
        corners = np.clip(rng.uniform([10, 20], [250, 180]) + rng.uniform(-12, 12, (number, 2)), [10, 20], [270, 200])
        crowds.append(
            [
                {"box": [*map(float, place), *map(float, place + 60)], "wide": float(wide)}
                for place, wide in zip(corners, rng.uniform(24, 60, number), strict=True)
            ]
        )
    placed = page.tab.evaluate("([crowds, area]) => crowds.map((tags) => placeTags(tags, area))", [crowds, area])
    for tags, places in zip(crowds, placed, strict=True):
        names = [(x, y, x + tag["wide"], y + height) for (x, y), tag in zip(places, tags, strict=True)]
        for index, (left, top, right, bottom) in enumerate(names):
            assert area[0] - 1 <= left < right <= area[2] + 1
            assert area[1] <= top < bottom <= area[3]
            for other in names[:index]:
                assert left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
    alone = page.tab.evaluate("area => placeTags([{ box: [100, 90, 160, 150], wide: 40 }], area)", area)
    assert alone == [[99, 90 - height]]
    crowd = page.tab.evaluate("area => placeTags(Array(99).fill({ box: [10, 20, 330, 260], wide: 320 }), area)", area)
    assert len(crowd) == 99  # more than have room


def test_keys_go_from_animal_to_animal(page: Opened) -> None:
    at = "[page.unit, page.column]"
    page.press("ArrowDown", "w")
    assert page.tab.evaluate(at) == [BO, 1]
    assert page.tab.inner_text("#notice") == "grooming of Bo"
    page.press("w")
    assert page.tab.evaluate(at) == [ADA, 1]
    page.press("ArrowDown", "ArrowDown")
    assert page.tab.evaluate(at) == [BO, 0]  # over the row of the animal itself
    page.press("ArrowUp", "y")
    assert page.tab.evaluate("page.rows.length") == 1 + len(CLASSES) + 1
    page.press("ArrowDown")
    assert page.tab.evaluate(at) == [ADA, 2]  # folded rows are passed over
    page.press("Shift+W")
    assert page.tab.evaluate(at) == [BO, 2]
    assert page.tab.evaluate("page.rows.length") == 2 + 2 * len(CLASSES)
    page.tab.click("#animal-1 .animal")
    assert page.tab.evaluate(at) == [ADA, 2]
    assert page.tab.is_hidden("#class-4")
    page.press("?")
    listed = page.tab.inner_text("#help")
    assert "Next animal, animal before" in listed
    assert "name of an animal" in listed


def test_corrections_are_those_of_one_animal_and_stay_so(page: Opened, tmp_path: Path) -> None:
    others = [page.bouts(column, BO) for column in range(3)]
    page.press("n")
    _, *rest = page.bouts(0, ADA)
    page.press("Delete", "n", "Enter", "i", ".", ".", ".", "o", "c")
    assert page.bouts(0, ADA) == rest
    assert [page.bouts(column, BO) for column in range(3)] == others
    assert page.tab.evaluate("[0, 1].map(unit => page.corrections.checked(unit).length)") == [1, 0]
    page.press("Escape", "0", "Shift+C")
    assert page.tab.evaluate("[0, 1].map(unit => page.corrections.checked(unit))") == [[[0, 6]], [[0, 6]]]
    # By mouse: what is drawn on a row is its animal's; there are three rows and that of an animal above it.
    times = (ABSENT[0] + 0.2, ABSENT[0] + 0.6)
    page.tab.keyboard.down("Shift")
    page.drag(page.place(times[0], 5), page.place(times[1], 5))
    page.tab.keyboard.up("Shift")
    assert page.tab.evaluate("[page.unit, page.column]") == [BO, 0]
    assert pytest.approx(times, abs=1 / FPS) in page.bouts(0, BO)
    assert "Bo has no box" in page.tab.inner_text("#notice")
    # And it is another's.
    page.tab.focus("#raster-box")
    page.press("m")
    assert page.tab.evaluate("document.activeElement.id") == "bout-animal"
    page.press("ArrowUp", "Escape")
    assert page.tab.evaluate("page.unit") == ADA
    assert page.bouts(0, BO) == others[0]
    assert any(a <= times[0] + 0.05 and b >= times[1] - 0.05 for a, b in page.bouts(0, ADA))
    work = [page.bouts(column, unit) for unit in (ADA, BO) for column in range(3)]
    page.press("d")
    saved = page.download("#download-work", tmp_path)
    page.reload()
    assert [page.bouts(column, unit) for unit in (ADA, BO) for column in range(3)] == work
    page.tab.evaluate("page.corrections.discard()")
    page.press("d")
    page.tab.set_input_files("#work", saved)
    page.wait("byId('download-note').textContent.includes('1 of 1 videos')")
    assert [page.bouts(column, unit) for unit in (ADA, BO) for column in range(3)] == work


def within(bouts: list[tuple[float, float]], start: float, stop: float) -> list[tuple[float, float]]:
    cut = [(max(a, start), min(b, stop)) for a, b in bouts]
    joined: list[tuple[float, float]] = []
    for a, b in cut:
        if b <= a:
            continue
        if joined and a <= joined[-1][1] + 1e-6:
            a = joined.pop()[0]
        joined.append((a, b))
    return joined


def same(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> bool:
    return np.shape(one) == np.shape(other) and np.allclose(one, other)


def test_animals_that_were_taken_for_each_other_are_exchanged_within_the_mark(page: Opened) -> None:
    before = [[page.bouts(column, unit) for column in range(3)] for unit in (ADA, BO)]
    page.press("Shift+M")
    assert page.tab.evaluate("document.activeElement.id") == "exchange-with"
    page.press("Escape")
    page.tab.click("#exchange")
    assert "keys I and O" in page.tab.inner_text("#notice")
    page.tab.evaluate("void (page.marks = { from: 1.2, to: 5.0 })")
    page.tab.click("#exchange")
    for column in range(3):
        for unit, other in ((ADA, BO), (BO, ADA)):
            now = page.bouts(column, unit)
            assert same(within(now, 1.2, 5.0), within(before[other][column], 1.2, 5.0))
            for outside in ((0.0, 1.2), (5.0, 6.0)):
                assert same(within(now, *outside), within(before[unit][column], *outside))
    page.press("u")
    assert [[page.bouts(column, unit) for column in range(3)] for unit in (ADA, BO)] == before


def test_downloads_say_whose_each_bout_is(page: Opened, tmp_path: Path) -> None:
    page.press("w", "n", "Delete", "n", "Enter", "d")
    assert page.tab.input_value("#split") == "time"
    page.tab.fill("#window-length", "0.5")
    page.tab.fill("#window-hop", "0.5")
    table = read_labels(page.download("#download-labels", tmp_path), CLASSES, subjects="each")
    clips = {name: [clip for clip in table.clips if clip.subject == name] for name in ("Ada", "Bo", "")}
    assert (len(clips["Ada"]), clips[""]) == (12, [])
    bo = [(clip.start, clip.stop) for clip in clips["Bo"]]
    # None while it is away; and none from 4.6 to 5.1, which reaches over the border between the splits.
    assert bo == [(start, pytest.approx(start + 0.5)) for start in (0.0, 0.5, 1.0, 1.5, 3.6, 4.1, 5.1)]
    train = max(clip.stop or 0 for clip in table.clips if clip.split == "train")
    assert train <= min(clip.start or 0 for clip in table.clips if clip.split == "val")  # of whichever animal
    for unit, name in enumerate(("Ada", "Bo")):
        for clip in clips[name]:
            assert clip.start is not None
            assert clip.stop is not None
            for column, label in enumerate(CLASSES):
                shown = sum(b - a for a, b in within(page.bouts(column, unit), clip.start, clip.stop))
                if abs(shown - (clip.stop - clip.start) / 2) > 1e-3:
                    assert (label in (clip.labels or ())) == (shown > (clip.stop - clip.start) / 2)
    wanted = {
        (start, stop, label, name)
        for unit, name in enumerate(("Ada", "Bo"))
        for column, label in enumerate(CLASSES)
        for start, stop in page.bouts(column, unit)
    }
    for button in ("#download-aggregated", "#download-tabular"):
        (told,) = boris_events.read(page.download(button, tmp_path).read_text(), "", Reading(subjects="each")).timelines
        assert {(bout.start, bout.stop, bout.label, bout.subject) for bout in told.bouts} == wanted
    figure = page.download("#download-figure", tmp_path).read_text()
    assert figure.index(">Ada<") < figure.index(">walking<") < figure.index(">Bo<")


def test_what_boris_gets_is_that_of_annotating(written: Path, page: Opened, tmp_path: Path) -> None:
    page.press("d")
    found = json.loads(page.download("#download-project", tmp_path).read_text())
    wanted = json.loads((written.parent / "boris" / "amclip.boris").read_text())
    for behaviour in wanted["behaviors_conf"].values():
        behaviour["description"] = ""  # thresholds, which move on the page
    assert [one["name"] for one in found["subjects_conf"].values()] == ["Ada", "Bo"]
    assert {event[1] for event in found["observations"]["pair"]["events"]} == {"Ada", "Bo"}
    assert found == wanted
    for kind in ("aggregated", "tabular"):
        table = page.download(f"#download-{kind}", tmp_path).read_text()
        assert table == (written.parent / "boris" / f"pair_{kind}_events.csv").read_text()


def test_intervals_ask_for_one_animal(tmp_path: Path, opened: OpenPage) -> None:
    asked = [(1.0, 1.4, "Bo"), (1.0, 1.4, "Ada"), (4.0, 4.4, "Bo")]
    page = opened(animals.write_animals(tmp_path, asked=asked))
    answers = [("grooming",), (), ("walking", "still")]
    for (_, _, name), answer in zip(asked, answers, strict=True):
        assert page.tab.evaluate("page.run.units[page.unit].subject") == name
        assert page.tab.inner_text("#suggestion-text").startswith(f"{name} in pair.mp4")
        for column, label in enumerate(CLASSES):
            page.tab.set_checked(f"#suggestion-classes input[value='{column}']", label in answer)
        page.press("Enter")
    assert "every interval is labelled" in page.tab.inner_text("#status")
    page.press("d")
    clips = read_labels(page.download("#download-labels", tmp_path), CLASSES, subjects="each").clips
    found = {(clip.start, clip.stop, clip.subject): clip.labels for clip in clips}
    assert found == dict(zip(asked, answers, strict=True))


def test_accessibility_of_many_animals(tmp_path: Path, opened: OpenPage) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    classes = [f"behaviour {number}" for number in range(9)]
    page = opened(animals.write_animals(tmp_path, [f"animal {number}" for number in range(6)], classes))
    page.wait("page.player.ready")
    assert page.tab.evaluate("page.rows.length") == 6 + 9  # of many rows those of one animal, and all can be had
    for theme in ("light", "dark"):
        page.tab.select_option("#theme", theme)
        page.tab.focus("#raster-box")
        page.press("w", "n")
        found = axe.run(page.tab).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    told = page.tab.get_attribute("#raster-box", "aria-valuetext")
    assert told is not None
    assert told.count("animal ") == 6
    assert np.all([f"animal {number}: " in told for number in range(6)])


def test_what_is_corrected_trains_on_the_boxes_of_each_animal(written: Path, page: Opened, tmp_path: Path) -> None:
    page.press("n", "Delete", "d")
    page.tab.fill("#window-length", "1")
    page.tab.fill("#window-hop", "0.5")
    table = page.download("#download-labels", tmp_path)
    source = {"labels": table, "root": written.parent, "tracks": written.parent / "tracks.csv", "synthetic_clips": 0}
    words = [
        *("fit", f"--config={config_path('demo')}", *(f"--data.source.{name}={is_}" for name, is_ in source.items())),
        *("--input.crop.margin=0.25", "--input.num_segments=1", "--input.positions_per_segment=2"),
        *("--data.num_workers=0", "--data.cache_dir=null", f"--trainer.logger.save_dir={tmp_path}"),
        "--trainer.fast_dev_run=true",
    ]
    main(words)
