"""Every kind of file shows the right frame, at the right time, the right way up, in any order of reading."""

import numpy as np
import pytest
from numbered import Reading, draw_number, read_number
from numbered_files import CASES, Numbered

from amclip.data.probe import probe
from amclip.data.video import Video, VideoInfo

Files = dict[str, tuple[Numbered, VideoInfo]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """All files, written and probed at once: a worker process takes longer to start than to probe them."""
    folder = tmp_path_factory.mktemp("numbered")
    made = {name: make(folder / name) for name, make in CASES.items()}
    found = probe([numbered.path for numbered in made.values()], cache=None, progress=False)
    return {name: (numbered, found[numbered.path]) for name, numbered in made.items()}


def right(numbered: Numbered) -> list[Reading]:
    return [Reading(number, numbered.turned) for number in numbered.numbers]


def readings(frames: np.ndarray, numbered: Numbered) -> list[Reading]:
    return [read_number(frame, numbered.shown) for frame in frames]


@pytest.mark.parametrize("name", CASES)
def test_probe_knows_count_and_shape(files: Files, name: str) -> None:
    numbered, info = files[name]
    assert isinstance(info, VideoInfo), info
    assert info.num_frames == len(numbered.numbers)
    assert (info.height, info.width) == numbered.shown


@pytest.mark.parametrize("name", CASES)
def test_frames_at_random_are_those_asked_for(files: Files, name: str) -> None:
    numbered, info = files[name]
    expected = right(numbered)
    order = np.random.default_rng(0).permutation(len(expected))
    video = Video(numbered.path, info=info)
    single = [read_number(video.read_array([int(index)])[0]) for index in order[:40]]
    assert single == [expected[index] for index in order[:40]]
    for part in np.array_split(order, 5):
        batch = np.sort(part)
        assert readings(video.read_array(batch), numbered) == [expected[index] for index in batch]


@pytest.mark.parametrize("name", CASES)
def test_frames_in_order_are_those_asked_for(files: Files, name: str) -> None:
    numbered, info = files[name]
    video = Video(numbered.path, info=info)
    found = readings(np.stack(list(video.read_in_order(range(video.num_frames)))), numbered)
    assert found == right(numbered)


@pytest.mark.parametrize("name", CASES)
def test_times_and_shape_are_those_of_a_player(files: Files, name: str) -> None:
    numbered, info = files[name]
    video = Video(numbered.path, info=info)
    np.testing.assert_allclose(video.timestamps(), numbered.times, atol=1.001e-3)
    assert (video.height, video.width) == numbered.shown


def test_frames_are_scaled_and_cut_the_right_way_up(files: Files) -> None:
    numbered, info = files["turned_90.mp4"]
    stretched = Video(numbered.path, (64, 48), info=info).read_array([3, 40])
    assert readings(stretched, numbered) == [Reading(3, 3), Reading(40, 3)]
    cut = Video(numbered.path, (64, 64), "crop", info).read_array([3, 40])
    assert [read_number(frame) for frame in cut] == [Reading(3, 3), Reading(40, 3)]


@pytest.mark.parametrize("shape", [(240, 320), (120, 90), (16, 16), (67, 101)])
def test_a_number_survives_turning_and_stretching(shape: tuple[int, int]) -> None:
    for number in (0, 1, 1023, 1365, 2047):
        frame = draw_number(number, *shape)
        for turned in range(8):
            seen = np.ascontiguousarray(np.rot90(frame[:, ::-1] if turned > 3 else frame, turned % 4))
            assert read_number(seen) == Reading(number, turned)


def test_a_mixture_of_two_frames_is_no_third() -> None:
    for number in range(0, 2000, 37):
        mixture = draw_number(number, 64, 64) // 2 + draw_number(number + 11, 64, 64) // 2
        assert read_number(mixture).number in (-1, number, number + 11)
