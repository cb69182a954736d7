"""JSON in the form of COCO: boxes or body points that say whose they are.

Pixels are measured from the image's top left corner. COCO knows images and no time, see :mod:`.coco_images`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amclip.data.formats import strict_json
from amclip.data.label_error import LabelError
from amclip.data.tracks.boxes import body_length, boxes_around
from amclip.data.tracks.building import LARGEST_PIXEL, BoxRows, Edges, checked_box, checked_subject
from amclip.data.tracks.coco_images import frames_of, listed
from amclip.data.tracks.track_format import Found, TextReader, TrackFormat, TrackReading

__all__ = ["FORMAT", "matches", "read"]

_OWNERS = ("object_id", "track_id", "instance_id")


def matches(text: str) -> bool:
    """Whether it is JSON with images and annotations."""
    return text.lstrip().startswith("{") and '"images"' in text and '"annotations"' in text


@dataclass(frozen=True)
class _Annotation:
    """An animal in an image: its box as the file has it, its body points ``[K, 2]``, NaN where one is missing."""

    frame: int
    box: Edges | None
    points: NDArray[np.float64] | None
    place: str


def read(text: str, source: str, reading: TrackReading) -> Found:
    """Read boxes; where there are only body points, the boxes round them.

    Raises:
        LabelError: If the file is not as COCO has it, no annotation says whose it is, or nothing says for certain which
            frame an image is; names the place.
    """
    content = strict_json.load(text, source)
    images = frames_of(content, source, reading.coco_first_frame)
    animals: dict[tuple[str, str], list[_Annotation]] = {}
    annotations, nobodys = listed(content, "annotations", source), 0
    for index, annotation in enumerate(annotations):
        place = f"annotations[{index}]"
        owner = _owner(annotation, source, place)
        if owner is None:
            nobodys += 1
            continue
        image = annotation.get("image_id")
        if not isinstance(image, int | str) or image not in images:
            raise LabelError(f"{place}.image_id: {image!r:.80} is no image of the file", source)
        video, frame = images[image]
        points = _points(annotation.get("keypoints"), source, f"{place}.keypoints")
        box = _box(annotation.get("bbox"), source, f"{place}.bbox")
        if box is None and points is None:
            raise LabelError(f"{place}: has neither a bbox nor keypoints that are there", source)
        animals.setdefault((video, owner), []).append(_Annotation(frame, box, points, place))
    if nobodys == len(annotations):
        reason = f"none of its {nobodys} annotations says whose it is"
        raise LabelError(f"{reason}: expected attributes.object_id or track_id in each", source)
    rows = BoxRows(source)
    for (video, owner), known in animals.items():
        length = _length([one.points for one in known if one.points is not None])
        for one in known:
            if one.box is not None:
                box = one.box
            else:
                assert one.points is not None
                left, top, right, bottom = boxes_around(one.points[None], length)[0].tolist()
                box = left, top, right, bottom
            rows.add(video, owner, one.frame, box, one.place, length)
    notes = [f"{nobodys} of {len(annotations)} annotations do not say whose they are, and are left out"] * (nobodys > 0)
    return Found(rows.tracks(), notes=notes)


def _owner(annotation: dict[str, Any], source: str, place: str) -> str | None:
    """Whose an annotation is, by its attributes or itself."""
    attributes = annotation.get("attributes")
    for holder in (attributes if isinstance(attributes, dict) else {}, annotation):
        for key in _OWNERS:
            said = holder.get(key)
            if said is None:
                continue
            if isinstance(said, bool) or not isinstance(said, int | str):
                raise LabelError(f"{place}: {key} is {said!r:.80}, neither a number nor a name", source)
            return checked_subject(str(said), source)
    return None


def _numbers(said: Any, source: str, place: str) -> list[float] | None:
    """A list of numbers; ``None`` for none at all."""
    if said is None or said == []:
        return None
    good = isinstance(said, list) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in said)
    if not good or not all(abs(one) <= LARGEST_PIXEL for one in said):
        raise LabelError(f"{place}: expected numbers of pixels, got {said!r:.80}", source)
    return [float(one) for one in said]


def _box(said: Any, source: str, place: str) -> Edges | None:
    numbers = _numbers(said, source, place)
    if numbers is None:
        return None
    if len(numbers) != 4:
        raise LabelError(f"{place}: expected left, top, width, height, got {said!r:.80}", source)
    x, y, width, height = numbers
    return checked_box(x, y, x + width, y + height, source, where=place)


def _points(said: Any, source: str, place: str) -> NDArray[np.float64] | None:
    """Body points; those that are not labelled stand at (0, 0), which is no place."""
    numbers = _numbers(said, source, place)
    if numbers is None:
        return None
    if len(numbers) % 3:
        raise LabelError(f"{place}: expected x, y, visibility for each point, got {len(numbers)} numbers", source)
    triples = np.array(numbers).reshape(-1, 3)
    points = np.where(triples[:, 2:] > 0, triples[:, :2], np.nan)
    return points if np.isfinite(points).any() else None


def _length(poses: Sequence[NDArray[np.float64]]) -> float | None:
    """Length of the body; annotations of fewer points than others are of another kind of animal, and are filled up."""
    if not poses:
        return None
    most = max(len(pose) for pose in poses)
    filled = [np.pad(pose, ((0, most - len(pose)), (0, 0)), constant_values=np.nan) for pose in poses]
    return body_length(np.stack(filled))


FORMAT = TrackFormat("JSON in the form of COCO with track ids", TextReader(matches, read))
