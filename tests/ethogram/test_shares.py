"""Which process annotates which video: one plan for all, whatever each of them sees."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amclip.ethogram import annotator
from amclip.ethogram.annotator import VideoShares
from amclip.ethogram.inputs import Source


class Together:
    """What the first of several processes says, heard by all."""

    def __init__(self) -> None:
        self.said: Any = None

    def broadcast(self, words: Any) -> Any:
        self.said = words if self.said is None else self.said
        return self.said


def process(rank: int, processes: int, sources: list[Source], together: Together) -> VideoShares:
    shares = VideoShares(sources)
    shares.trainer = SimpleNamespace(global_rank=rank, world_size=processes, strategy=together)  # type: ignore[assignment]
    return shares


@pytest.mark.parametrize("processes", [2, 3])
def test_a_file_that_grows_is_taken_once(processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [Source(name, Path("/videos", name)) for name in "abcde"]
    looks = 0

    def size(path: Path) -> int:
        nonlocal looks
        looks += 1
        return 100 * looks if path.name == "a" else 250 + ord(path.name)  # grows from look to look

    monkeypatch.setattr(annotator, "_size", size)
    together = Together()
    taken = [process(rank, processes, list(sources), together).share() for rank in range(processes)]
    assert sorted(number for share in taken for number in share) == [0, 1, 2, 3, 4]


def test_a_file_that_comes_meanwhile_moves_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotator, "_size", lambda path: 1)
    together = Together()
    first = [Source(name, Path("/videos", name)) for name in "bcd"]
    later = [Source(name, Path("/videos", name)) for name in "abcd"]  # one more, before all others
    one, other = process(0, 2, first, together), process(1, 2, later, together)
    names = [one.sources[n].name for n in one.share()] + [other.sources[n].name for n in other.share()]
    assert sorted(names) == ["b", "c", "d"]
    assert later == first  # the annotator holds the same list
