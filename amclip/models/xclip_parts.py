"""X-CLIP's own parts of a segment classifier, from a published checkpoint."""

from collections.abc import Mapping

from torch import Tensor, nn

from amclip.models.config import NetworkConfig
from amclip.models.segments import SegmentClassifier
from amclip.models.xclip import XClipWeights
from amclip.models.xclip_layers import MultiFrameIntegration

__all__ = ["left_out", "load_xclip_parts", "refuse_other_heads"]


def refuse_other_heads(config: NetworkConfig) -> None:
    """Refuse attention heads other than those that a published X-CLIP was trained with.

    Raises:
        ValueError: If they are others.
    """
    temporal, head, published = config.temporal, config.head, (config.architecture or {}).get("xclip", {})
    for option, name, value, used in (
        ("temporal.heads", "temporal_heads", temporal.heads, temporal.kind == "mit"),
        ("head.video_prompt_heads", "video_prompt_heads", head.video_prompt_heads, head.video_prompt_layers > 0),
    ):
        if used and published.get(name, value) != value:
            raise ValueError(f"network.{option}: the X-CLIP checkpoint was trained with {published[name]}, not {value}")


def load_xclip_parts(classifier: SegmentClassifier, video: XClipWeights) -> list[str]:
    """Take over the multi-frame integration and the video-specific prompting, where a classifier has them.

    Args:
        classifier: Of a segment.
        video: The published weights.

    Returns:
        In words, what was left out or changed to fit.

    Raises:
        ValueError: If a part does not fit; the error lists the weights.
    """
    notes = []
    integrations = [part for part in classifier.temporal.modules() if isinstance(part, MultiFrameIntegration)]
    for part in integrations:
        notes += _load_integration(part, video.temporal)
    if not integrations:
        notes.append(left_out("integration", video.temporal, "temporal.kind is not mit"))
    if classifier.prompts is not None:
        _load(classifier.prompts, video.prompts, "video-specific prompting")
    else:
        notes.append(left_out("prompting", video.prompts, "head.video_prompt_layers is 0"))
    return notes


def left_out(what: str, weights: Mapping[str, Tensor], why: str) -> str:
    """That the weights of a part are not used."""
    return f"the {len(weights)} weights of the {what} are left out ({why})"


def _load_integration(part: MultiFrameIntegration, weights: dict[str, Tensor]) -> list[str]:
    table = weights.get("position", part.position)
    resized = {"position": part.resized_position(table)} if "position" in weights else {}
    _load(part, {**weights, **resized}, "integration")
    if len(table) == len(part.position):
        return []
    return [
        f"the table of {len(table)} positions in time is interpolated to the {len(part.position)} images of a segment"
    ]


def _load(part: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    own = part.state_dict()
    wrong = sorted(weights.keys() ^ own.keys())
    wrong += [name for name in sorted(weights.keys() & own.keys()) if weights[name].shape != own[name].shape]
    if wrong:
        raise ValueError(f"the weights of the {what} do not fit: {wrong}")
    part.load_state_dict(weights)
