"""The process that encodes videos for :mod:`amclip.data.prepared.run`, so that a decoder that hangs hangs here.

A request is ``{"source", "target", "partial", "settings", "info", "timeout"}``; the answer ``{"size"}`` and
``{"fingerprint", "state", "bytes"}``, or ``{"error": …}`` of the video, or ``{"disk": [number, words]}`` where
nothing can be written.
"""

import errno
import os
from pathlib import Path
from typing import Any

from amclip.data._line_worker import alive_within, serve
from amclip.data.prepared.encode import encode_video, fingerprint
from amclip.data.prepared.manifest import state_of
from amclip.data.prepared.settings import PrepareSettings
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError

__all__ = ["answer", "main"]

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)  # what reading fails for is a VideoError


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Encode one video into a partial file, and give that the target's name when it is whole."""
    source, target, partial = (Path(request[name]) for name in ("source", "target", "partial"))
    settings, info = PrepareSettings(**request["settings"]), VideoInfo.from_json(request["info"])
    with alive_within(request["timeout"]) as alive:
        try:
            state = state_of(source)
            size = encode_video(source, partial, settings, info, alive)
            alive()
            content = fingerprint(source)
            if state_of(source) != state:
                return {"error": "changed while it was read; run the command again"}
            alive()
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)
            return {"size": size, "fingerprint": content, "state": state, "bytes": target.stat().st_size}
        except VideoError as error:
            return {"error": error.reason}
        except OSError as error:
            if not os.path.exists(source):
                return {"error": "does not exist any more"}
            return {"disk": [error.errno or 0, f"{error.strerror or error}"]}
        except Exception as error:  # PyAV's errors share no base class with our own
            number = getattr(error, "errno", 0)
            return (
                {"disk": [number, os.strerror(number)]}
                if number in _DISK
                else {"error": f"cannot be encoded ({error})"}
            )


def main() -> None:
    """Answer requests until the input ends."""
    serve(lambda request: answer(request))


if __name__ == "__main__":
    main()
