"""What the rest of amclip asks of an optical flow method, and how one is named in a config."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from amclip.plain import from_plain

__all__ = ["FlowMethod", "make_flow"]


class FlowMethod(nn.Module):
    """Optical flow of image pairs; subclass it to bring your own method to :class:`amclip.VideoDataModule`.

    A config names it by ``flow: {class_path: my_project.MyFlow, init_args: {...}}``. Arguments must be plain values
    (numbers, strings, lists, dicts), since checkpoints hold them. amclip calls it without gradients and outside of
    autocast, on images as the network will see them.
    """

    def prepare(self) -> None:
        """Fetch what the method needs, such as weights: called once per machine before processes share the work.

        A method that needs nothing leaves this as it is. One that does must also manage without the call, as streaming
        and single predictions make none.
        """

    def forward(self, pairs: Tensor) -> Tensor:
        """Optical flow of each pair.

        Args:
            pairs: Both images, earlier first, shape ``(N, 2, C, H, W)`` with C = 1 (grey) or 3 (RGB): uint8 in
                [0, 255] or floating point in [0, 1].

        Returns:
            ``(u, v)`` in pixels, x right and y down, shape ``(N, 2, H, W)``, float32, on the images' device: what is
            at ``(x, y)`` in the first image is at ``(x + u, y + v)`` in the second.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(pairs)")


def make_flow(description: Mapping[str, Any]) -> FlowMethod:
    """The flow method that a config names.

    Args:
        description: ``class_path``, such as ``"amclip.TVL1"``, and optionally ``init_args``.

    Raises:
        ValueError: If there is no such class, it is no :class:`FlowMethod`, or it does not take these arguments.
    """
    if description.keys() - {"class_path", "init_args"} or "." not in str(description.get("class_path", "")):
        raise ValueError(
            f"input.flow.method: expected {{class_path: PACKAGE.CLASS, init_args: {{...}}}}, got {dict(description)}"
        )
    try:
        return from_plain(FlowMethod, description)
    except ValueError as error:
        raise ValueError(f"input.flow.method: {error}") from error
