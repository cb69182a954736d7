"""Demo animals, drawn by the package itself: behaviours that differ in how things move, with known bouts."""

from amclip.data.synthetic.clips import ClipPlan, draw_clip, iterate_frames, iterate_poses, labels_of, plan_clip
from amclip.data.synthetic.dataset import SPLITS, split_of, write_dataset
from amclip.data.synthetic.motion import BEHAVIOURS, Bout

__all__ = [
    "BEHAVIOURS",
    "SPLITS",
    "Bout",
    "ClipPlan",
    "draw_clip",
    "iterate_frames",
    "iterate_poses",
    "labels_of",
    "plan_clip",
    "split_of",
    "write_dataset",
]
