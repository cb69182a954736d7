"""Demo animals, drawn by the package itself: behaviours that differ in how things move, with known bouts."""

from amclip.data.synthetic.clips import ClipPlan, draw_clip, iterate_frames, iterate_poses, labels_of, plan_clip
from amclip.data.synthetic.dataset import SPLITS, split_of, write_dataset
from amclip.data.synthetic.group import group_tracks, iterate_group, seen_bouts, seen_spans
from amclip.data.synthetic.group_plan import GroupPlan, plan_group, subject_names
from amclip.data.synthetic.motion import BEHAVIOURS, Bout
from amclip.data.synthetic.settings import ClipSettings

__all__ = [
    "BEHAVIOURS",
    "SPLITS",
    "Bout",
    "ClipPlan",
    "ClipSettings",
    "GroupPlan",
    "draw_clip",
    "group_tracks",
    "iterate_frames",
    "iterate_group",
    "iterate_poses",
    "labels_of",
    "plan_clip",
    "plan_group",
    "seen_bouts",
    "seen_spans",
    "split_of",
    "subject_names",
    "write_dataset",
]
