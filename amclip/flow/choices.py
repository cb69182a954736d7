"""The closed choices of optical flow, which a command line offers without loading what computes."""

from typing import Literal

__all__ = ["PRESETS", "Backend", "FlowImage", "Preset"]

Backend = Literal["auto", "numba", "opencv", "reference", "cuda"]
Preset = Literal["fast", "default", "opencv"]
FlowImage = Literal["wheel", "uvm"]

#: What each preset changes against :class:`amclip.flow.TVL1`'s own defaults; docs/flow.md has the measurements.
PRESETS: dict[Preset, dict[str, float]] = {
    "fast": {"warps": 2},
    "default": {},
    # OpenCV's: its five levels of 0.8 shrink the image only 2.4 times, so motion beyond about 8 pixels is missed.
    "opencv": {"scale_step": 0.8, "outer_iterations": 10, "epsilon": 0.01},
}
