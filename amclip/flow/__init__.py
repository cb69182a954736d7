"""Optical flow: TV-L1 on several backends, and flow as images."""

from amclip.flow.image import FlowImage, encode_flow, end_point_error, read_flo, write_flo
from amclip.flow.tvl1 import PRESETS, TVL1, Backend, Preset

__all__ = [
    "PRESETS",
    "TVL1",
    "Backend",
    "FlowImage",
    "Preset",
    "encode_flow",
    "end_point_error",
    "read_flo",
    "write_flo",
]
