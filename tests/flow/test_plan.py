"""The plan of kernels: regions that cover every pixel once, and sizes within what a GPU allows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amclip.flow import _cuda, _cut
from amclip.flow._cut import Device, choose_cut
from amclip.flow._plan import At, make_plan, workspace_elements
from amclip.flow.choices import PRESETS
from amclip.flow.reference import Parameters

#: Shared memory per block: sm_75; sm_86 and 89; sm_80; sm_90 and 100; sm_120.
PORTABLE, EVERY = tuple(range(2, 9)), tuple(range(2, 17))
DEVICES = [Device(64 << 10), Device(99 << 10), Device(163 << 10), Device(227 << 10, EVERY), Device(99 << 10, PORTABLE)]
DEVICES += [Device(227 << 10, (2, 4, 8))]
sides = st.integers(1, 1500)


def spans(length: int, region: int, halo: int, tiles: int) -> list[tuple[int, int, int, int]]:
    """Region and own part of each block, restated from ``span`` in tvl1.cu."""
    result = []
    for block in range(tiles):
        start = length - region - (tiles - 1 - block) * (region - 2 * halo)
        own = (start + (halo if block else 0), start + region - (halo if block + 1 < tiles else 0))
        result.append((start, start + region, max(own[0], 0), max(own[1], 0)))
    return result


@settings(deadline=None, max_examples=300)
@given(sides, sides, st.integers(1, 60), st.booleans(), st.sampled_from(DEVICES))
def test_every_pixel_belongs_to_one_block_and_is_right_when_its_halo_is_used_up(
    height: int, width: int, iterations: int, stops: bool, device: Device
) -> None:
    cut = choose_cut(height, width, iterations, stops, device)
    assert cut.columns * cut.rows <= _cut.MOST_THREADS[cut.pixel_rows]
    counted = cut.iterations if stops else 0
    assert _cut.bytes_of_block(cut.columns, cut.rows, cut.pixel_rows, counted) <= device.shared_bytes
    assert cut.cluster == 1 or (cut.cluster in device.clusters and cut.tiles == (1, 1))
    wide = -(-width // 4) * 4
    assert cut.halo[0] % 4 == 0
    for length, region, halo, tiles in (
        (wide, 4 * cut.columns, cut.halo[0], cut.tiles[0]),
        (height, cut.pixel_rows * cut.rows, cut.halo[1], cut.tiles[1] * cut.cluster),
    ):
        if cut.tiles[0] * cut.tiles[1] > 1 and tiles > 1:
            assert halo >= min(cut.iterations, iterations)
        covered = 0
        for _, end, own_from, own_to in spans(length, region, halo, tiles):
            assert end > 0  # no region without a pixel
            assert own_from == covered
            covered = own_to
        assert covered == length


@settings(deadline=None, max_examples=60)
@given(sides, sides, st.integers(1, 5), st.sampled_from(DEVICES), st.sampled_from(list(PRESETS)))
def test_memory_is_what_the_formula_says(height: int, width: int, count: int, device: Device, preset: str) -> None:
    parameters = Parameters(**PRESETS[preset])  # type: ignore[arg-type, index]
    plan = make_plan(count, 3, True, height, width, parameters, device)
    assert sum(plan.buffers.values()) == count * workspace_elements(height, width, parameters, device)
    for launch in plan.launches:
        assert max(launch.grid[1:]) <= 65535
        assert launch.shared <= device.shared_bytes
        assert launch.block[0] * launch.block[1] <= 256
        assert launch.block[0] % 32 == 0
        for argument in launch.arguments:
            if isinstance(argument, At) and argument.buffer not in ("pairs", "result"):
                assert argument.offset < plan.buffers[argument.buffer]


def test_plans_are_short() -> None:
    def launches(side: int, device: Device, **parameters: float) -> int:
        return len(make_plan(128, 3, True, side, side, Parameters(**parameters), device).launches)  # type: ignore[arg-type]

    # Four levels; grey, three coarser levels, the result; per level upsampling and texels; per warp three kernels.
    assert launches(224, DEVICES[3]) == 1 + 3 + 1 + 4 * (2 + 5 * 3)
    assert launches(224, DEVICES[3], warps=2) == 1 + 3 + 1 + 4 * (2 + 2 * 3)
    assert launches(56, DEVICES[1]) == 1 + 1 + 1 + 2 * (2 + 5 * 3)


def test_only_the_first_and_the_last_kernel_see_what_callers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # So the graph between them is the same for every call, and nothing is copied into or out of it.
    monkeypatch.setattr(_cuda, "_prepare", lambda launch, index: launch)
    for parameters in (Parameters(), Parameters(nscales=1, epsilon=0.01)):
        plan = make_plan(3, 3, True, 61, 90, parameters, DEVICES[3])
        call = _cuda.Call(plan, 0, _cuda.Lane(None))
        assert call.launches == plan.launches == call.first + call.middle + call.last
        seen = [
            {argument.buffer for launch in part for argument in launch.arguments if isinstance(argument, At)}
            for part in (call.first, call.middle, call.last)
        ]
        assert ("pairs" in seen[0], "result" in seen[2]) == (True, True)
        assert not {"pairs", "result"} & seen[1]
        assert len(call.first) == len(call.last) == 1


def test_images_too_high_for_a_grid_are_refused_in_words() -> None:
    make_plan(1, 1, True, 524_280, 2, Parameters(), DEVICES[0])
    with pytest.raises(ValueError, match="up to 524280 pixels high, not 524281"):
        make_plan(1, 1, True, 524_281, 2, Parameters(), DEVICES[0])


def test_a_tiny_gpu_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="1024 bytes of shared memory per block is too small"):
        choose_cut(100, 100, 30, False, Device(1024))
