"""From the settings of a config to a flow method: TV-L1 with a preset and changes to it, or another by its class."""

import inspect
from collections.abc import Mapping
from typing import Any

from amclip.flow.method import FlowMethod, make_flow
from amclip.flow.tvl1 import PRESETS, TVL1, Backend, Preset

__all__ = ["configure_flow"]


def configure_flow(
    other: Mapping[str, Any] | None, preset: Preset, changes: Mapping[str, float], backend: Backend
) -> FlowMethod:
    """The flow method that a config asks for.

    Args:
        other: Another method than TV-L1, as :func:`amclip.flow.method.make_flow` takes it.
        preset: TV-L1's preset.
        changes: Parameters of TV-L1 that differ from the preset.
        backend: What computes TV-L1.

    Raises:
        ValueError: If there is no such method, preset or parameter, or both TV-L1's settings and another method.
    """
    if other is not None:
        if changes or preset != "default" or backend != "auto":
            raise ValueError(
                "flow: flow_preset, flow_options and flow_backend are TV-L1's; give them or flow, not both"
            )
        return make_flow(other)
    if preset not in PRESETS:
        raise ValueError(f"flow_preset: expected one of {', '.join(PRESETS)}, got {preset!r}")
    known = inspect.signature(TVL1).parameters.keys() - {"backend"}
    if unknown := changes.keys() - known:
        raise ValueError(f"flow_options: TV-L1 has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    counts = {key: int(value) if float(value).is_integer() else value for key, value in changes.items()}
    return TVL1(**{**PRESETS[preset], **counts}, backend=backend)  # type: ignore[arg-type]
