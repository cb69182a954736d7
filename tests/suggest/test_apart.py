"""Windows to label that overlap each other would show the same twice."""

from pathlib import Path

import numpy as np
import pytest

from amclip.ethogram.extent import Extent
from amclip.ethogram.inputs import Source
from amclip.ethogram.scores import WindowScores
from amclip.suggest.pool import Labelled, PoolVideo, choose_from
from amclip.suggest.windows import EmbeddedWindows


def video(
    name: str, starts: list[float], unsure: list[float], window: float = 2.0, subject: str = "", alone: bool = True
) -> PoolVideo:
    start = np.array(starts)
    frames = (start * 25).astype(np.int64)
    probabilities = np.array(unsure, np.float32)[:, None] / 2
    scores = WindowScores(
        *(name, ("a",), frames, frames + 50, start, start + window, probabilities, Extent(25.0, 260, 10.4)),
        subject=subject,
    )
    embeddings = np.random.default_rng(0).random((len(starts), 4)).astype(np.float32)
    return PoolVideo(Source(name, Path("/videos", name)), EmbeddedWindows(scores, embeddings), alone)


@pytest.mark.parametrize(
    ("unsure", "kept"), [([1, 1, 1, 1, 0.9, 0.2], 8.0), ([1, 1, 1, 1, 0.2, 0.9], 8.4), ([0, 0, 0, 0, 0, 0], 8.0)]
)
@pytest.mark.parametrize("count", [5, 6, 50])
def test_of_the_last_two_of_a_video_the_more_unsure_is_suggested(unsure: list[float], kept: float, count: int) -> None:
    pool = [video("x.mp4", [0, 2, 4, 6, 8, 8.4], unsure)]
    chosen, free = choose_from(pool, {}, count, seed=0)
    assert free == 5
    assert sorted(one.start for one in chosen) == [0, 2, 4, 6, kept]


def test_one_that_is_labelled_leaves_the_other() -> None:
    pool = [video("x.mp4", [0, 2, 4, 6, 8, 8.4], [1] * 6)]
    taken = {Path("/videos/x.mp4").resolve(): [Labelled(8.0, 8.2)]}
    assert sorted(one.start for one in choose_from(pool, taken, 50, 0)[0]) == [0, 2, 4, 6, 8.4]


def test_windows_that_overlap_by_wish_may_both_be_chosen() -> None:
    pool = [video("x.mp4", [0, 1, 2, 3], [1] * 4), video("y.mp4", [0, 1], [1, 1])]
    assert choose_from(pool, {}, 50, 0, apart=False)[1] == 6


def test_a_window_of_each_animal_is_a_candidate_and_is_taken_by_labels_of_its_own() -> None:
    starts: list[float] = [0, 2, 4]
    pool = [video("x.mp4", starts, [1] * 3, subject=name, alone=False) for name in ("Ada", "Bo")]

    def left(*labels: Labelled) -> list[tuple[str, float]]:
        chosen, free = choose_from(pool, {Path("/videos/x.mp4").resolve(): labels}, 50, 0)
        assert free == len(chosen)
        return sorted((one.video.windows.scores.subject, one.start) for one in chosen)

    every = [(name, start) for name in ("Ada", "Bo") for start in starts]
    assert left() == every
    assert left(Labelled(2.5, 3.0, "Bo")) == [one for one in every if one != ("Bo", 2)]
    assert left(Labelled(0.0, 10.0, "Cy"), Labelled(0.0, 2.0)) == every  # of nobody here; of both, or of either
    alone = [video("x.mp4", starts, [1] * 3, subject="Ada")]
    taken = {Path("/videos/x.mp4").resolve(): [Labelled(0.0, 2.0)]}
    assert [one.start for one in choose_from(alone, taken, 50, 0)[0]] == [2, 4]  # it must have been of this one
    scene = [video("x.mp4", starts, [1] * 3)]
    taken = {Path("/videos/x.mp4").resolve(): [Labelled(0.0, 2.0, "Bo")]}
    assert [one.start for one in choose_from(scene, taken, 50, 0)[0]] == [2, 4]
