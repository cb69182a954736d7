"""Which frame rates a data set has, and whether the flow gap fits them, in words."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError
from amclip.frame_times import flow_partners
from amclip.text import counted

__all__ = ["describe_rates", "describe_slow", "explain_slow", "gap_in_frames", "too_slow", "too_slow_rate"]

_MOST_RATES = 6
# A partner that lies this many gaps away shows more motion than the network was trained on.
_SLOW = 1.5

Found = Mapping[Path, VideoInfo | VideoError]


def gap_in_frames(fps: float, flow_gap: float) -> int:
    """Frames from a frame to its flow partner at an even rate.

    Args:
        fps: Frames per second.
        flow_gap: Seconds.
    """
    return int(flow_partners(np.arange(2 + math.ceil(flow_gap * fps)) / fps, np.zeros(1, np.int64), flow_gap)[0])


def too_slow(info: VideoInfo, flow_gap: float) -> bool:
    """Whether the next frame of a video lies, on average, more than 1.5 flow gaps (seconds) away."""
    return info.num_frames > 1 and too_slow_rate(info.fps, flow_gap)


def too_slow_rate(fps: float, flow_gap: float) -> bool:
    """Whether frames follow each other in more than 1.5 flow gaps (seconds)."""
    return 1 / fps > _SLOW * flow_gap * (1 + 1e-6)


def describe_rates(found: Found, flow_gap: float) -> str:
    """The frame rates of videos, and the flow gap in frames at each; empty where all have one rate.

    Args:
        found: What probing found. Rates that round to one whole number (below 10: to the same two digits) are one.
        flow_gap: Seconds.
    """
    videos = [info for info in found.values() if isinstance(info, VideoInfo) and info.num_frames > 1]
    counts = Counter(float(f"{info.fps:.2g}") if info.fps < 10 else float(round(info.fps)) for info in videos)
    if len(counts) < 2:
        return ""
    rates = sorted(rate for rate, _ in counts.most_common(_MOST_RATES))
    listed = [f"{rate:g} ({counted(counts[rate], 'video')})" for rate in rates]
    gaps = [str(gap_in_frames(rate, flow_gap)) for rate in rates]
    if rest := sorted(set(counts) - set(rates)):
        listed.append(f"others from {rest[0]:g} to {rest[-1]:g} ({sum(counts[rate] for rate in rest)})")
        gaps.append("…")
    return f"frame rates: {', '.join(listed)}; the flow gap of {flow_gap:.4g} s is {', '.join(gaps)} frames"


def describe_slow(found: Found, flow_gap: float) -> str:
    """Say once for all videos which are too slow for the flow gap, and what to do; empty where none is.

    Args:
        found: What probing found.
        flow_gap: Seconds.
    """
    videos = {path: info for path, info in found.items() if isinstance(info, VideoInfo)}
    slow = {path: info for path, info in videos.items() if too_slow(info, flow_gap)}
    if not slow:
        return ""
    path, slowest = min(slow.items(), key=lambda item: item[1].fps)
    return (
        f"too slow for the flow gap of {flow_gap:.4g} s: {len(slow)} of {counted(len(videos), 'video')}. "
        f"{path.name} {explain_slow(slowest.fps, flow_gap)}"
    )


def explain_slow(fps: float, flow_gap: float) -> str:
    """What is wrong with a video that is too slow, with the numbers, and what to do."""
    interval = 1 / fps
    remedy = (
        f"set --input.flow.gap 1/{fps:.3g} in training, if all videos are like this"
        if interval < 1
        else "train with --input.modality frames: motion over so long a time is no flow"
    )
    return (
        f"has {fps:.3g} frames/s: the next frame comes after {interval:.3g} s, {interval / flow_gap:.2g} times "
        f"the gap, and shows so much more motion; {remedy}"
    )
