"""The last frame is looked for without decoding pictures: that finds, damage by damage, what decoding them finds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawn import draw_video
from hypothesis import example, given, settings
from hypothesis import strategies as st

import amclip.data._probe_worker as worker
from amclip.data._h264 import is_disposable, length_width, without_pictures
from amclip.data._last_frame import last_frame_decodes
from amclip.data._packets import Scan
from amclip.data._reader import FrameReader
from amclip.data._thin import Thinner

FRAMES = 40
Damage = Callable[[bytearray, list[tuple[int, int]]], None]


@pytest.fixture(scope="module", params=["one_key.mp4", "two_keys.mkv"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that refer to each other across the whole file, with B-frames and weights, as x264 writes them."""
    path = tmp_path_factory.mktemp("clips") / request.param
    return draw_video(path, FRAMES, keyframe_every=250 if path.suffix == ".mp4" else 25)


def found(path: Path, pictures: bool) -> dict[str, Any]:
    """What probing the ends finds; or what it finds where pictures are decoded, all since the key frame."""
    with pytest.MonkeyPatch.context() as patch:
        if pictures:
            patch.setattr(Thinner, "works", False, raising=False)
            patch.setattr(Thinner, "thin", lambda self, packet, decides: packet)
            patch.setattr(worker, "last_frame_decodes", lambda *of: False)
        return worker.answer({"path": str(path), "step": "ends", "timeout": 60.0})


def places(path: Path) -> list[tuple[int, int]]:
    with Scan(path) as scanned:
        return [(place, size) for place, size in scanned.packets.places.tolist()]


def cut(data: bytearray, _: object, fraction: float) -> None:
    del data[int(len(data) * fraction) :]


def zeros(data: bytearray, packets: list[tuple[int, int]], first: int, count: int, skip: int) -> None:
    """Some packets become zeros, behind so many bytes of each."""
    for place, size in packets[first : first + count]:
        begin = min(place + skip, place + size)
        data[begin : place + size] = bytes(place + size - begin)


def flip(data: bytearray, packets: list[tuple[int, int]], bits: list[tuple[int, int]]) -> None:
    """Bits of packets, most of them in headers."""
    for number, bit in bits:
        place, size = packets[number % len(packets)]
        if (at := place + (bit >> 3) % size) < len(data):  # it may have been cut off before
            data[at] ^= 1 << (bit & 7)


def swap(data: bytearray, packets: list[tuple[int, int]], one: int, other: int) -> None:
    """Two packets change places, as far as the shorter one reaches."""
    (first, size), (second, length) = packets[one % len(packets)], packets[other % len(packets)]
    size = min(size, length)
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]


numbers = st.integers(0, FRAMES - 1) | st.integers(FRAMES - 5, FRAMES - 1) | st.just(0)
damages = st.one_of(
    st.floats(0.3, 1).map(lambda fraction: (cut, fraction)),
    st.tuples(st.just(zeros), numbers, st.integers(1, FRAMES), st.integers(0, 60)),
    st.lists(st.tuples(numbers, st.integers(0, 200) | st.integers(0, 1 << 14)), min_size=1, max_size=6).map(
        lambda bits: (flip, bits)
    ),
    st.tuples(st.just(swap), numbers, numbers),
)


@settings(max_examples=30, derandomize=True)
@given(st.lists(damages, min_size=1, max_size=2))
@example([(zeros, 0, 1, 0)])
@example([(zeros, 0, 1, 40)])
@example([(zeros, 10, FRAMES - 13, 0)])
@example([(zeros, FRAMES - 3, 3, 5)])
def test_damage_is_found_as_by_decoding(clip: Path, tmp_path_factory: pytest.TempPathFactory, damage: Any) -> None:
    path = clip.with_name(f"damaged{clip.suffix}")
    data, packets = bytearray(clip.read_bytes()), places(clip)
    for how, *words in damage:
        how(data, packets, *words)
    path.write_bytes(data)
    assert found(path, pictures=False) == found(path, pictures=True)


def test_no_picture_of_a_sound_clip_is_decoded(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrameReader, "frames", lambda *of: pytest.fail("it is read"))
    assert "info" in found(clip, pictures=False)
    with Scan(clip) as scanned:
        thin = [scanned.thinner.thin(packet, decides=False) for _, packet in scanned.group]
        assert scanned.thinner.works
        assert max(packet.size for packet in thin if packet is not None) < 1000  # parameters and x264's own words
        assert sum(packet is None for packet in thin) > 5
        assert sum(packet is not None and packet.size <= 60 for packet in thin) > 5
        assert last_frame_decodes(scanned, scanned.packets.pts.argsort())
        wrong = scanned.packets.pts.argsort()
        wrong[-12:-2] = wrong[-12:-2][::-1].copy()
        assert not last_frame_decodes(scanned, wrong)
        late = scanned.packets.pts.argsort()
        late[[-1, -3]] = late[[-3, -1]]
        assert not last_frame_decodes(scanned, late)


SLICE, KEY, OTHER = b"\x41" + bytes(range(1, 100)), b"\x65" + bytes(range(1, 100)), b"\x06" + bytes(range(1, 100))


def unit(data: bytes, width: int = 4) -> bytes:
    return len(data).to_bytes(width, "big") + data


@pytest.mark.parametrize("width", [1, 2, 4])
def test_slices_are_cut_and_other_units_are_not(width: int) -> None:
    data = unit(OTHER, width) + unit(KEY, width) + unit(SLICE[:5], width)
    assert without_pictures(data, width, 10) == unit(OTHER, width) + unit(KEY[:10], width) + unit(SLICE[:5], width)
    assert without_pictures(data, width, 1000) == data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (unit(SLICE)[:-1], "longer than the packet"),
        (unit(SLICE) + b"\0\0", "not a whole length"),
        (b"\0\0\0\0" + unit(SLICE), "a unit of nothing"),
        (b"\0\0\0\1" + SLICE, "a start code"),
        (unit(SLICE + b"\0\0\1\x65"), "a start code inside"),
        (unit(SLICE + b"\0\0\0\7"), "three zeros"),
        (unit(SLICE + b"\0\0\2\7"), "a number that is kept free"),
        (unit(SLICE + b"\0\0\3\7" + b"\0\0"), "zeros at the end"),
    ],
)
def test_what_is_not_made_of_whole_units_is_left_to_the_decoder(data: bytes, why: str) -> None:
    assert without_pictures(data, 4, 10) is None, why


def test_two_zeros_are_no_start_code() -> None:
    data = unit(SLICE + b"\0\0\3\1" + b"\0\0\7\0\0\x35\0\0\3\0\0\3\1")
    assert without_pictures(data, 4, 1000) == data


def test_slices_that_no_frame_needs() -> None:
    assert is_disposable(unit(b"\x01abc"), 4)
    for data in (unit(SLICE), unit(KEY), unit(b"\x01abc") * 2, unit(OTHER) + unit(b"\x01abc"), unit(b"\x81abc")):
        assert not is_disposable(data, 4)


def test_the_width_of_lengths() -> None:
    assert [length_width(bytes([1, 100, 0, 30, last, 225, 0])) for last in (0xFC, 0xFD, 0xFF)] == [1, 2, 4]
    assert [length_width(data) for data in (None, b"", b"\1\0\0", b"\0\0\0\1\x67abcd")] == [0, 0, 0, 0]
