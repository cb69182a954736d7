"""What is said at the end of `amclip annotate`."""

from pathlib import Path

import numpy as np

from amclip.commands.annotated_in_words import Watched
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline
from amclip.ethogram.budget import time_budget
from amclip.ethogram.extent import Extent
from amclip.ethogram.output_tables import BudgetTable
from amclip.ethogram.scores import WindowScores


def scores_of(video: str, probabilities: list[list[float]]) -> WindowScores:
    """Windows of 2 s, one behind the other, at 10 frames per second."""
    first = 20 * np.arange(len(probabilities))
    extent = Extent(10.0, 20 * len(probabilities), 2.0 * len(probabilities))
    classes = ("walking", "resting", "pecking", "eating")
    values = np.array(probabilities, np.float32)
    return WindowScores(video, classes, first, first + 20, first / 10, first / 10 + 2, values, extent)


def said(folder: Path, videos: list[WindowScores]) -> list[str]:
    settings = {"walking": BoutSettings(0.5), "resting": BoutSettings(0.1)}
    settings |= {"pecking": BoutSettings(0.2), "eating": BoutSettings(0.9)}
    watched = Watched()
    with BudgetTable.open(folder / "time_budget.csv", False) as table:
        for one in watched.passing(videos):
            table.add(time_budget(one, find_bouts(timeline(one), settings)))
    return watched.words(folder / "time_budget.csv", settings, 2.0)


def test_never_and_nearly_always_have_a_line_each(tmp_path: Path) -> None:
    videos = [scores_of(f"{i}.mp4", [[0.6, 0.3, 0.4, 0.899], [0.2, 0.2, 0.3, 0.1]]) for i in range(2)]
    never, always, advice = said(tmp_path, videos)
    assert never.endswith("threshold: eating (at most 0.89, threshold 0.90)")
    assert always.endswith("time: resting (100%, threshold 0.10), pecking (100%, threshold 0.20)")
    assert "--threshold sets that of all behaviours, --settings FILE those of single ones" in advice


def test_nothing_is_said_of_behaviours_that_come_and_go_and_videos_of_one_window_are_told(tmp_path: Path) -> None:
    come_and_go = [[0.6, 0.3, 0.4, 0.95], [0.2, 0.01, 0.0, 0.1]]
    assert said(tmp_path, [scores_of("a.mp4", come_and_go)]) == []
    single = said(tmp_path, [scores_of(f"{i}.mp4", [row]) for i, row in enumerate(come_and_go)])
    assert len(single) == 1
    assert single[0].startswith("no video is longer than one window (2 s), so that each bout is a whole video")
