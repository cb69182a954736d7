"""A function in a process of its own that can hang or crash without taking its caller along."""

import multiprocessing
from collections.abc import Callable
from typing import Any

__all__ = ["Isolated"]


def _serve(function: Callable[..., Any], pipe: Any) -> None:
    while True:
        arguments = pipe.recv()
        pipe.send(function(*arguments))


class Isolated:
    """Calls a function in another process; one that hangs is ended and started anew.

    Args:
        function: What to call; its arguments and its result are pickled.
        patience: Seconds after which a call counts as hanging.
    """

    def __init__(self, function: Callable[..., Any], patience: float) -> None:
        self._function, self._patience = function, patience
        self._process: Any = None

    def call(self, *arguments: Any) -> Any:
        """The function's result.

        Raises:
            RuntimeError: If it hangs, or the process ended.
        """
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(self._function, theirs), daemon=True)
            self._process.start()
            theirs.close()
        self._pipe.send(arguments)
        try:
            if self._pipe.poll(self._patience):
                return self._pipe.recv()
            reason = f"hangs: no answer within {self._patience:g} s"
        except (EOFError, OSError):
            self._process.join(5)
            reason = f"ends the process, status {self._process.exitcode}"
        self.close()
        raise RuntimeError(reason)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
