"""Where a training goes on, by what Lightning's loops say of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from amclip.data.place import Place


def trainer(started: int, processed: int, completed: int, batches: int, last: bool) -> Any:
    epochs = SimpleNamespace(started=started, processed=processed, completed=completed)
    progress = SimpleNamespace(current=SimpleNamespace(processed=batches), is_last_batch=last)
    loop = SimpleNamespace(
        epoch_progress=SimpleNamespace(current=epochs), epoch_loop=SimpleNamespace(batch_progress=progress)
    )
    return SimpleNamespace(fit_loop=loop, world_size=2)


@pytest.mark.parametrize(
    ("of", "place"),
    [
        (trainer(2, 1, 1, 3, False), (1, 3)),  # within the second epoch
        (trainer(2, 1, 1, 5, True), (2, 0)),  # in the validation behind it
        (trainer(2, 2, 1, 5, True), (2, 0)),  # where its end is saved
        (trainer(2, 2, 1, 3, False), (2, 0)),  # the same, where a limit of steps has ended it early
        (trainer(2, 2, 2, 5, True), (2, 0)),  # behind the training
        (trainer(0, 0, 0, 0, False), (0, 0)),  # before it
    ],
)
def test_the_place_is_that_of_the_next_clip(of: Any, place: tuple[int, int]) -> None:
    assert Place.of(of, batch_size=4) == (*place, 8)


def test_other_batches_are_refused_within_an_epoch_alone() -> None:
    Place(3, 0, 8).refuse_other_batches(16)
    Place(3, 2, 8).refuse_other_batches(8)
    with pytest.raises(
        ValueError, match=r"within epoch 3, of which 2 batches of 8 clips are done, and now a batch is 16"
    ):
        Place(3, 2, 8).refuse_other_batches(16)
