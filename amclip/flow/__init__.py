"""Optical flow: TV-L1 on several backends, RAFT, and flow as images."""

from amclip.flow.image import FlowImage, encode_flow, end_point_error, read_flo, write_flo
from amclip.flow.method import FlowMethod, make_flow
from amclip.flow.raft import RAFT
from amclip.flow.tvl1 import PRESETS, TVL1, Backend, Preset

__all__ = [
    "PRESETS",
    "RAFT",
    "TVL1",
    "Backend",
    "FlowImage",
    "FlowMethod",
    "Preset",
    "encode_flow",
    "end_point_error",
    "make_flow",
    "read_flo",
    "write_flo",
]
