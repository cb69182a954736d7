"""Optical flow: TV-L1 on several backends, RAFT, and flow as images."""

from typing import TYPE_CHECKING

from amclip.flow.choices import PRESETS, Backend, FlowImage, Preset
from amclip.lazy import lazy_names

if TYPE_CHECKING:
    from amclip.flow.image import encode_flow, end_point_error, read_flo, write_flo
    from amclip.flow.method import FlowMethod, make_flow
    from amclip.flow.raft import RAFT
    from amclip.flow.tvl1 import TVL1

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

_HOMES = {
    "FlowMethod": "amclip.flow.method",
    "RAFT": "amclip.flow.raft",
    "TVL1": "amclip.flow.tvl1",
    "encode_flow": "amclip.flow.image",
    "end_point_error": "amclip.flow.image",
    "make_flow": "amclip.flow.method",
    "read_flo": "amclip.flow.image",
    "write_flo": "amclip.flow.image",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
