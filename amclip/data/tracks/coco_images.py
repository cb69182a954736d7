"""Which frame of which video an image of a COCO file is: by a number that it or its name has, where that is certain."""

import re
from pathlib import PurePosixPath
from typing import Any

from amclip.data.label_error import LabelError
from amclip.data.tracks.building import LARGEST_FRAME

__all__ = ["frames_of", "listed"]

_FRAMES = ("frame_index", "frame_id", "frame_number", "frame")
_NUMBER = re.compile(r"(\d+)\D*$")
_NO_NAME = re.compile(r"[_\-. ]*(?:(?:frames?|images?|img)[_\-. ]*)?$", re.IGNORECASE)


def listed(content: dict[str, Any], key: str, source: str) -> list[dict[str, Any]]:
    """A list of objects of the file.

    Raises:
        LabelError: If it is none.
    """
    values = content.get(key)
    if not isinstance(values, list):
        raise LabelError(f"{key}: expected a list, got {values!r:.80}", source)
    for index, value in enumerate(values):
        if not isinstance(value, dict):
            raise LabelError(f"{key}[{index}]: expected an object, got {value!r:.80}", source)
    return values


def frames_of(content: dict[str, Any], source: str, first: int | None) -> dict[int | str, tuple[str, int]]:
    """Video and frame, from 0, of each image by its id.

    Args:
        content: Of the file.
        source: Its name, for messages.
        first: Number of a video's first frame; ``None``: 0, in videos that have a frame of that number.

    Raises:
        LabelError: If an image has no number, two have the same, or nothing says what they count from.
    """
    videos = _videos(content, source)
    found: dict[int | str, tuple[str, int]] = {}
    numbers: dict[str, dict[int, str]] = {}
    for index, image in enumerate(listed(content, "images", source)):
        place = f"images[{index}]"
        key = image.get("id")
        if isinstance(key, bool) or not isinstance(key, int | str) or key in found:
            raise LabelError(f"{place}.id: {key!r:.80} is no number or name of this image alone", source)
        name, number = _place(image, source, place)
        if "video_id" in image:
            if image["video_id"] not in videos:
                raise LabelError(f"{place}.video_id: {image['video_id']!r:.80} is no video of the file", source)
            name = videos[image["video_id"]]
        other = numbers.setdefault(name, {}).setdefault(number, place)
        if other != place:
            raise LabelError(f"{place}: is frame {number} of {name or 'the video'!r}, as is {other}", source)
        found[key] = name, number
    firsts = {name: _first(name, min(known), source, first) for name, known in numbers.items()}
    return {key: (name, number - firsts[name]) for key, (name, number) in found.items()}


def _first(video: str, lowest: int, source: str, given: int | None) -> int:
    if given is not None:
        if lowest < given:
            raise LabelError(f"{video}: there is a frame {lowest}, below coco_first_frame, which is {given}", source)
        return given
    if lowest > 0:
        raise LabelError(
            f"{video}: its first image is number {lowest}, so frames may count from 0 or from 1, and nothing says "
            "which; say so: coco_first_frame (amclip tracks --coco_first_frame 0, or 1)",
            source,
        )
    return 0


def _videos(content: dict[str, Any], source: str) -> dict[Any, str]:
    if "videos" not in content:
        return {}
    names = {}
    for index, video in enumerate(listed(content, "videos", source)):
        name = video.get("name", video.get("file_name"))
        if not isinstance(name, str) or not isinstance(video.get("id"), int | str):
            raise LabelError(f"videos[{index}]: expected an id and a name, got {video!r:.80}", source)
        names[video["id"]] = name
    return names


def _place(image: dict[str, Any], source: str, place: str) -> tuple[str, int]:
    """Video and number by the image itself, and else by its name."""
    said = next((image[key] for key in _FRAMES if key in image), None)
    name = image.get("file_name")
    if name is not None and not isinstance(name, str):
        raise LabelError(f"{place}.file_name: expected a text, got {name!r:.80}", source)
    path = PurePosixPath((name or "").replace("\\", "/"))
    match = _NUMBER.search(path.stem)
    if said is None and match is None:
        raise LabelError(
            f"{place}: neither a frame_index nor a number in its file_name ({name!r:.80}) says which frame it is, and "
            "the order of images says nothing of time",
            source,
        )
    number = said if said is not None else int(match.group(1)[:20]) if match else 0
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < LARGEST_FRAME:
        raise LabelError(f"{place}: {number!r:.80} is not the number of a frame", source)
    before = _NO_NAME.sub("", path.stem[: match.start()]) if match else path.stem
    folder = path.parent.as_posix()
    return (before if folder == "." else folder if not before else f"{folder}/{before}"), number
