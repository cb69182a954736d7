import threading
from collections.abc import Iterator

import pytest

from amclip.ethogram.ahead import read_ahead


class Source:
    """Numbers, and how many of them were made."""

    def __init__(self, count: int, error: BaseException | None = None) -> None:
        self.made, self.closed, self.thread = 0, False, ""
        self.count, self.error = count, error
        self.grown = threading.Condition()

    def numbers(self) -> Iterator[int]:
        try:
            for number in range(self.count):
                self.thread = threading.current_thread().name
                with self.grown:
                    self.made = number + 1
                    self.grown.notify_all()
                yield number
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True

    def await_made(self, number: int) -> bool:
        with self.grown:
            return self.grown.wait_for(lambda: self.made >= number, timeout=10)


def reading() -> bool:
    return any(thread.name == "amclip reads ahead" for thread in threading.enumerate())


def test_items_come_in_order_made_ahead_and_no_more_than_there_is_room_for() -> None:
    source = Source(50)
    for number, item in enumerate(read_ahead(source.numbers(), most=3)):
        assert item == number
        assert source.await_made(min(50, number + 3))  # the one at hand and two more
        assert source.made <= number + 3
    assert number == 49
    assert source.thread == "amclip reads ahead"
    assert not reading()


@pytest.mark.parametrize("error", [ValueError("a frame is broken"), KeyboardInterrupt()], ids=["error", "interruption"])
def test_an_error_comes_behind_what_was_made_before_it(error: BaseException) -> None:
    found = []
    with pytest.raises(type(error)) as raised:
        found += read_ahead(Source(4, error).numbers())
    assert raised.value is error
    items = read_ahead(Source(4, error).numbers())
    assert [next(items) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(type(error)):
        next(items)
    assert not reading()


def test_a_loop_that_is_interrupted_leaves_no_thread_and_nothing_open() -> None:
    source = Source(1000)

    def loop() -> None:
        for item in read_ahead(source.numbers()):
            if item == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop()
    assert not reading()
    assert source.closed
    assert source.made <= 9
    with pytest.raises(ValueError, match="2 items or more at once, got 1"):
        next(read_ahead(Source(1).numbers(), most=1))
