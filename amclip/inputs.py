"""What the network sees of a clip: which frames, at which size, and as which images. One value, written once.

The data module, the task, the checkpoint and the trained model all hold the same :class:`NetworkInput`; configs and the
command line have it as the group ``input``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from amclip.flow.choices import PRESETS, Backend, FlowImage, Preset
from amclip.frame_times import DEFAULT_FLOW_GAP, flow_gap_seconds
from amclip.plain import from_plain, to_plain
from amclip.sampling import Scheme, num_positions, segment_indices

if TYPE_CHECKING:
    from torch import Tensor

    from amclip.flow.method import FlowMethod

__all__ = ["CropInput", "FlowInput", "Modality", "MotionInput", "NetworkInput"]

Modality = Literal["interleaved", "frames", "flow", "motion"]
_Fixed = Literal["window", "position"]
_Unit = Literal["pixels", "body lengths"]
_Resize = Literal["stretch", "crop"]  # as amclip.data.video has it, which starts without torch

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class CropInput:
    """How one animal is cut out of the full-resolution frame, before it is shrunk to `frame_size`.

    A crop is a square around the animal's boxes, in whole pixels. Its side is the animal's body length and the margin
    on both sides of it, so that the scale stays the same, whatever the animal does; it grows where it would not cover
    the boxes, as those of an animal that runs through a whole window.

    Args:
        margin: Body lengths added on each side of the animal: 0.7 makes 168 pixels for a fly of 70.
        context: Margin of a second, wider crop of the same place, such as 2, for behaviours between animals; null:
            none. It doubles what the network sees of each position: frame, flow, wider frame, wider flow.
        fixed: window has one crop for a whole clip, so that flow is the animal's motion past what stands still.
            position has one per sampled frame, which its flow partner shares, so that an animal that runs stays in the
            middle at its full size.

    Raises:
        ValueError: If a value is out of range.
    """

    margin: float = 0.7
    context: float | None = None
    fixed: _Fixed = "window"

    def __post_init__(self) -> None:
        if not 0 <= self.margin < float("inf"):
            raise ValueError(f"input.crop.margin: expected body lengths, 0 or more, got {self.margin}")
        if self.context is not None and not self.margin < self.context < float("inf"):
            raise ValueError(
                f"input.crop.context: expected body lengths above the margin, {self.margin}, or null, got "
                f"{self.context}"
            )
        if self.fixed not in get_args(_Fixed):
            raise ValueError(f"input.crop.fixed: expected one of {', '.join(get_args(_Fixed))}, got {self.fixed!r}")

    @property
    def margins(self) -> tuple[float, ...]:
        """Margins of the ``G`` crops of a position: the animal's, then the wider one's."""
        return (self.margin,) if self.context is None else (self.margin, self.context)


@dataclass(frozen=True)
class MotionInput:
    """Which numbers the network is told of the motion at each position, see :func:`amclip.motion.motion_statistics`.

    Args:
        cells: Speed and velocity also in each cell of a grid of n × n, so that it is known where it moves; 0: none.
        moving: Speed from which on something moves: in sides of the frame per second, or with input.crop in body
            lengths per second. null: 0.01 and 0.1.

    Raises:
        ValueError: If a value is out of range.
    """

    cells: int = 0
    moving: float | None = None

    def __post_init__(self) -> None:
        if self.cells < 0:
            raise ValueError(
                f"input.flow.motion.cells: expected 0 (no grid) or more cells along a side, got {self.cells}"
            )
        if self.moving is not None and not 0 < self.moving < float("inf"):
            raise ValueError(f"input.flow.motion.moving: expected a speed above 0 or null, got {self.moving}")


@dataclass(frozen=True)
class FlowInput:
    """How optical flow is computed and becomes a picture, and on request numbers.

    Args:
        gap: Flow runs from a sampled frame to the one this many seconds later: a number, or a fraction such as 1/25,
            one frame at 25 frames per second. The next frame at least, however slow the video.
        preset: Preset of TV-L1: fast, default, or opencv (OpenCV's own settings).
        options: Changes to the preset by TVL1's parameter names, such as {warps: 3}.
        backend: auto takes the best for the device; or numba, opencv, reference, cuda.
        method: Another flow method than TV-L1: {class_path: amclip.flow.RAFT, init_args: {size: small}} or your own
            subclass of amclip.flow.FlowMethod. The three settings above are TV-L1's and must then be left alone.
        image: wheel (direction is hue, speed is saturation) or uvm (u, v and magnitude as channels).
        bound: Flow that gives the strongest colour, in pixels (at image_size: half as many at half the size) or as the
            unit says; longer vectors are clipped.
        unit: pixels, from a frame to its partner; or body lengths, per second: one bound then serves near and far
            animals, and any frame rate. Body lengths need input.crop.

    Raises:
        ValueError: If a value is out of range.
    """

    gap: float | str = DEFAULT_FLOW_GAP
    preset: Preset = "default"
    options: dict[str, float] = field(default_factory=dict)
    backend: Backend = "auto"
    method: dict[str, Any] | None = None
    image: FlowImage = "wheel"
    bound: float = 10.0
    unit: _Unit = "pixels"
    motion: MotionInput | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "gap", flow_gap_seconds(self.gap, "input.flow.gap"))
        if self.unit not in get_args(_Unit):
            raise ValueError(f"input.flow.unit: expected one of {', '.join(get_args(_Unit))}, got {self.unit!r}")
        if self.bound <= 0:
            raise ValueError(f"input.flow.bound: expected {self.unit} above 0, got {self.bound}")
        if self.image not in get_args(FlowImage):
            raise ValueError(f"input.flow.image: expected one of {', '.join(get_args(FlowImage))}, got {self.image!r}")

    @property
    def gap_seconds(self) -> float:
        """The gap as a number."""
        return float(self.gap)

    def make(self) -> "FlowMethod":
        """The flow method.

        Raises:
            ValueError: If there is no such method, preset or parameter, or both TV-L1's settings and another method.
        """
        from amclip.flow.method import make_flow  # here: what a clip's frames are is asked without flow, too
        from amclip.flow.reference import Parameters
        from amclip.flow.tvl1 import TVL1

        if self.method is not None:
            if self.options or self.preset != "default" or self.backend != "auto":
                raise ValueError("input.flow: preset, options and backend are TV-L1's; give them or method, not both")
            return make_flow(self.method)
        if self.preset not in PRESETS:
            raise ValueError(f"input.flow.preset: expected one of {', '.join(PRESETS)}, got {self.preset!r}")
        known = {field.name for field in fields(Parameters)}
        if unknown := self.options.keys() - known:
            raise ValueError(
                f"input.flow.options: TV-L1 has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}"
            )
        # Counts of iterations come as 3.0 where all options are floats.
        options = {key: int(value) if float(value).is_integer() else value for key, value in self.options.items()}
        return TVL1(**{**PRESETS[self.preset], **options}, backend=self.backend)


@dataclass(frozen=True)
class NetworkInput:
    """What the network sees of a clip.

    Args:
        scheme: How the segments share out the clip. dense: each looks at a part of its own. semi-dense: half of its
            frames in its part, half in the rest of the clip. sparse: each looks at the whole clip.
        num_segments: Segments per clip, M.
        positions_per_segment: Sampled positions per segment, P.
        segment_overlap: Fraction of its own part that a dense or semi-dense segment has in common with the next one's.
        frame_size: Height and width in pixels that videos are decoded to.
        resize: stretch keeps the whole picture, crop keeps its proportions and cuts the longer side.
        crop: One animal is cut out at full resolution, such as {margin: 0.7}; needs data.source.tracks. null: whole
            frames.
        modality: Which images: interleaved (frames and flow images), frames, flow, or motion (none: the numbers of
            flow.motion alone, for which no image is embedded).
        image_size: Side of the square images that flow is computed on and the network sees, in pixels.
        flow: How flow is computed and becomes a picture, and on request numbers.
        mean: Channel means of the normalisation, for values in [0, 1]; CLIP's own by default.
        std: Channel deviations of the normalisation; CLIP's own by default.

    Raises:
        ValueError: If a value is out of range, or values do not go together.
    """

    scheme: Scheme = "dense"
    num_segments: int = 2
    positions_per_segment: int = 8
    segment_overlap: float = 0.0
    frame_size: tuple[int, int] = (256, 256)
    resize: _Resize = "stretch"
    crop: CropInput | None = None
    modality: Modality = "interleaved"
    image_size: int = 224
    flow: FlowInput = field(default_factory=FlowInput)
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD

    #: What the weights of a network were trained for: with another value they do not fit, or mean something else.
    FIXED: ClassVar[tuple[str, ...]] = (
        *("modality", "image_size", "positions_per_segment"),
        *("crop", "crop.context", "flow.unit"),
        *("flow.motion", "flow.motion.cells", "flow.motion.moving"),
    )

    def __post_init__(self) -> None:
        for name, kind in (("modality", Modality), ("resize", _Resize)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(
                    f"input.{name}: expected one of {', '.join(get_args(kind))}, got {getattr(self, name)!r}"
                )
        if len(self.frame_size) != 2 or min(self.frame_size) < 1 or self.image_size < 1:
            raise ValueError(
                f"input.frame_size and input.image_size: expected 1 or more, got {self.frame_size} and "
                f"{self.image_size}"
            )
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(
                f"input.mean and input.std: expected three values each, std above 0, got {self.mean} and {self.std}"
            )
        for name in ("frame_size", "mean", "std"):  # lists, where a YAML file or a checkpoint gives them
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.crop is None and self.flow.unit != "pixels":
            raise ValueError("input.flow.unit: body lengths are those of animals that are cut out; set input.crop too")
        if self.crop is not None and self.frame_size[0] != self.frame_size[1]:
            raise ValueError(f"input.frame_size: crops are squares; expected two equal sides, got {self.frame_size}")
        if self.crop is not None and self.resize != "stretch":
            raise ValueError("input.resize: input.crop cuts squares, of which nothing is left to cut; leave it out")
        if self.modality == "motion" and self.flow.motion is None:
            raise ValueError(
                "input.modality: motion shows no image, only the numbers of input.flow.motion: set that, {}"
            )
        self.num_positions  # noqa: B018 (refuses what the segments cannot be)

    @property
    def num_positions(self) -> int:
        """Positions of a clip, ``K``, each counted once however many segments use it."""
        return num_positions(self.scheme, self.num_segments, self.positions_per_segment, self.segment_overlap)

    @property
    def num_crops(self) -> int:
        """Pictures of a frame, ``G``: 2 with a wider crop, else 1, a crop or the whole frame."""
        return 1 if self.crop is None else len(self.crop.margins)

    @property
    def num_streams(self) -> int:
        """Images per position, ``V``: of each crop 2 for frames with flow images, 1 for one of them.

        Their order is frame, flow image, frame of the wider crop, flow image of the wider crop.
        """
        return {"interleaved": 2, "frames": 1, "flow": 1, "motion": 0}[self.modality] * self.num_crops

    @property
    def shows_flow(self) -> bool:
        """Whether there are flow images."""
        return self.modality in ("interleaved", "flow")

    @property
    def needs_flow(self) -> bool:
        """Whether flow is computed: for images, or for numbers."""
        return self.shows_flow or self.flow.motion is not None

    @property
    def moving_speed(self) -> float:
        """Speed from which on something moves, in sides of the frame or body lengths per second."""
        usual = 0.01 if self.crop is None else 0.1  # an animal is about a tenth of a frame long
        motion = self.flow.motion
        return usual if motion is None or motion.moving is None else motion.moving

    @property
    def frames_per_position(self) -> Literal[1, 2]:
        """Frames decoded per position: 2, a frame and its flow partner, or 1 where there is no flow."""
        return 2 if self.needs_flow else 1

    @property
    def pictures_per_position(self) -> int:
        """Pictures that the data gives of each position: the frame and its partner, then both of the wider crop."""
        return self.frames_per_position * self.num_crops

    def segments(self) -> "Tensor":
        """Positions of each segment, int64 ``(M, P)``, see :func:`amclip.sampling.segment_indices`."""
        return segment_indices(self.scheme, self.num_segments, self.positions_per_segment, self.segment_overlap)

    def differences(self, trained: "NetworkInput") -> dict[str, tuple[Any, Any]]:
        """Where this differs from what a network was trained on: name to both values, this one's first.

        What computes TV-L1 does not count, since all backends give the same flow.
        """
        now, then = _flat(self), _flat(trained)
        names = (name for name in now if name in then and name != "flow.backend")
        return {name: (now[name], then[name]) for name in names if now[name] != then[name]}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a checkpoint holds them."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NetworkInput":
        """The value again.

        Raises:
            ValueError: If a name is not known, or a value out of range.
        """
        return from_plain(cls, values)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Settings by name, those of groups with dots between; of a group that may be left out also whether it is there."""
    found: dict[str, Any] = {}
    for name in (f.name for f in fields(value)):
        group = getattr(value, name)
        if not isinstance(group, CropInput | FlowInput | MotionInput):
            found[prefix + name] = group
            continue
        if not isinstance(group, FlowInput):
            found[prefix + name] = "set"
        found |= _flat(group, f"{prefix}{name}.")
    return found
