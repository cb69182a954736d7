"""What a loop will need next, made by a thread of its own while the loop works on what it has."""

import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["read_ahead"]

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item], most: int = 3) -> Generator[Item, None, None]:
    """The same items in the same order, made ahead by a thread.

    An error in making an item is raised in its place, behind all items before it. Where the loop ends early, by an
    error or an interruption of its own, the thread ends with the item that it is at, and the items are closed.

    Args:
        items: Made one by one, in the thread.
        most: Items that there are at once at most, with the one that the loop works on; 2 or more.

    Yields:
        The items.

    Raises:
        ValueError: If there may be less than two at once.
    """
    if most < 2:
        raise ValueError(f"most: expected 2 items or more at once, got {most}")
    room, stopped = threading.Semaphore(most), threading.Event()
    made: SimpleQueue[tuple[list[Item], BaseException | None]] = SimpleQueue()

    def make() -> None:
        try:
            while True:
                room.acquire()
                if stopped.is_set():
                    return
                made.put(([next(items)], None))
        except StopIteration:
            made.put(([], None))
        except BaseException as error:  # for the loop to see, whatever it is
            made.put(([], error))

    thread = threading.Thread(target=make, name="amclip reads ahead", daemon=True)
    thread.start()
    try:
        while True:
            one, error = made.get()
            if error is not None:
                raise error
            if not one:
                return
            yield one.pop()
            room.release()
    finally:
        stopped.set()
        room.release()
        thread.join()
        close: Any = getattr(items, "close", None)
        if close is not None:
            with suppress(Exception):  # the loop's own error counts
                close()
