"""By what stored embeddings are found: another video, moment, pixel or weight is another key."""

import os
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from amclip.augmentation import Augmentation
from amclip.data.stored.keys import augmentation_tag, position_keys, seen_pixels, weights_digest
from amclip.data.stored.videos import video_digests
from amclip.inputs import CropInput, FlowInput, MotionInput, NetworkInput

VIDEO = b"v" * 16
FRAMES, PARTNERS = np.array([3, 7]), np.array([4, 8])
CROPS = np.array([[[0, 0, 9]], [[1, 1, 9]]])
SPEEDS = np.array([[1.0], [2.0]], np.float32)


def keys(**changed: Any) -> set[bytes]:
    given = {"video": VIDEO, "frames": FRAMES, "partners": PARTNERS, "crops": CROPS, "speeds": SPEEDS, **changed}
    return {key.tobytes() for key in position_keys(**given).reshape(-1, 16)}


@pytest.mark.parametrize(
    "changed",
    [
        {"video": b"w" * 16},
        {"frames": FRAMES + 1},
        {"partners": PARTNERS + 1},
        {"partners": None},
        {"crops": CROPS + 1},
        {"crops": None},
        {"speeds": SPEEDS + 1},
        {"speeds": None},
        {"tag": b"t" * 16},
        {"views": 3},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_makes_another_embedding_makes_another_key(changed: dict[str, Any]) -> None:
    assert len(keys()) == 2
    assert not keys() & keys(**changed)


def test_a_position_has_one_key_whichever_clip_it_is_sampled_for() -> None:
    assert keys() == {
        key
        for place in (0, 1)
        for key in keys(
            frames=FRAMES[[place]], partners=PARTNERS[[place]], crops=CROPS[[place]], speeds=SPEEDS[[place]]
        )
    }
    assert len(keys(views=3)) == 6


OTHER: dict[str, Any] = {
    **{"frame_size": (64, 64), "resize": "crop", "modality": "flow", "image_size": 96},
    **{"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "crop": CropInput()},
    "flow": None,
}
SAME: dict[str, Any] = {
    "scheme": "sparse",
    "num_segments": 3,
    "positions_per_segment": 5,
    "segment_overlap": 0.5,
}
OTHER_FLOW: dict[str, Any] = {
    **{"preset": "fast", "options": {"warps": 3}, "image": "uvm", "bound": 3.0, "unit": "body lengths"},
    "method": {"class_path": "amclip.flow.RAFT"},
    "motion": MotionInput(),
}
SAME_FLOW: dict[str, Any] = {"gap": "4/25", "backend": "reference"}


def test_every_setting_of_the_input_is_known_to_change_pixels_or_not() -> None:
    """One that is added must be entered here, and is taken to change pixels until the keys say otherwise."""
    input = NetworkInput()
    assert {f.name for f in fields(NetworkInput)} == OTHER.keys() | SAME.keys()
    assert {f.name for f in fields(FlowInput)} == OTHER_FLOW.keys() | SAME_FLOW.keys()
    for name, value in OTHER.items():
        if value is not None:
            assert seen_pixels(replace(input, **{name: value})) != seen_pixels(input), name
    for name, value in SAME.items():
        assert seen_pixels(replace(input, **{name: value})) == seen_pixels(input), name
    cropped = replace(input, crop=CropInput())
    for name, value in OTHER_FLOW.items():
        changed = replace(cropped, flow=replace(input.flow, **{name: value}))
        assert seen_pixels(changed) != seen_pixels(cropped), name
    for name, value in SAME_FLOW.items():
        assert seen_pixels(replace(input, flow=replace(input.flow, **{name: value}))) == seen_pixels(input), name
    for crop in (CropInput(margin=2.0), CropInput(fixed="position")):  # the squares are in each position's own key
        assert seen_pixels(replace(input, crop=crop)) == seen_pixels(cropped)
    assert seen_pixels(replace(input, crop=CropInput(context=2.0))) != seen_pixels(cropped)


def test_frames_alone_do_not_depend_on_flow() -> None:
    input = NetworkInput(modality="frames")
    assert seen_pixels(replace(input, flow=FlowInput(bound=3.0))) == seen_pixels(input)
    assert seen_pixels(replace(input, flow=FlowInput(motion=MotionInput()))) != seen_pixels(input)


def test_a_version_of_a_clip_has_a_tag_of_its_own() -> None:
    flipped = Augmentation(flip=0.4)
    assert (
        len({augmentation_tag(Augmentation(), 0), augmentation_tag(Augmentation(), 1), augmentation_tag(flipped, 0)})
        == 3
    )


def test_weights_are_told_apart_by_name_kind_shape_and_value() -> None:
    weights = {"a": torch.zeros(2, 2), "b": torch.ones(3)}
    others = [
        {"a": torch.zeros(2, 2), "c": torch.ones(3)},
        {"a": torch.zeros(4), "b": torch.ones(3)},
        {"a": torch.zeros(2, 2), "b": torch.ones(3).bfloat16()},
        {"a": torch.zeros(2, 2), "b": torch.tensor([1.0, 1.0, 1.0000001])},
    ]
    digests = [weights_digest(one) for one in (weights, *others)]
    assert len(set(digests)) == 5
    assert weights_digest(dict(reversed(weights.items()))) == digests[0]


def test_a_video_is_known_by_its_content_and_read_again_where_it_may_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amclip.data.stored import videos

    read: list[Path] = []
    digest = videos._digest
    monkeypatch.setattr(videos, "_digest", lambda path: read.append(path) or digest(path))
    one, two, store = tmp_path / "one.mp4", tmp_path / "two.mp4", tmp_path / "store"
    one.write_bytes(b"x" * 1000)
    shutil.copy(one, two)
    found = video_digests([one, two, tmp_path / "none.mp4"], store)
    assert found.keys() == {one, two}
    assert found[one] == found[two]
    assert video_digests([one, two], store) == found
    assert len(read) == 2  # the second time they are remembered
    os.utime(two, (1, 1))
    assert video_digests([one, two], store) == found  # as content, it is the same
    assert read[2:] == [two]
    state = one.stat()
    one.write_bytes(b"y" + b"x" * 999)
    os.utime(one, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert video_digests([one], store)[one] != found[one]
    if os.name == "posix":  # another video of the same size, put there with the old one's time
        state, before = one.stat(), video_digests([one], store)[one]
        one.write_bytes(b"z" + b"x" * 999)
        os.utime(one, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert video_digests([one], store)[one] != before
    (store / "videos.json").write_text("[broken")
    assert video_digests([two], store)[two] == found[two]


def test_a_folder_of_images_is_a_video_too(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(bytes([number]))
    first = video_digests([folder], tmp_path / "store")[folder]
    (folder / "2.png").write_bytes(b"other")
    second = video_digests([folder], tmp_path / "store")[folder]
    (folder / "3.png").write_bytes(b"more")
    assert len({first, second, video_digests([folder], tmp_path / "store")[folder]}) == 3
