"""Draw docs/images/synthetic.png: each behaviour of the demo data, frames above their flow to the next frame.

Run from the repository root: python docs/make_synthetic_figure.py
"""

from itertools import count
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray

from amclip.data.synthetic import BEHAVIOURS, ClipSettings, draw_clip, plan_clip
from amclip.flow import TVL1, encode_flow

SETTINGS = ClipSettings(seed=7, size=(144, 180))
BOUND = 6.0  # pixels per frame that give the full colour


def strip(behaviour: str) -> NDArray[np.uint8]:
    """Three moments of a bout, frames above flow images."""
    for index in count(len(BEHAVIOURS) * BEHAVIOURS.index(behaviour)):  # another block each: other animals
        plan = plan_clip(SETTINGS, index, num_bouts=1)
        if len(plan.up) == 1 and plan.bouts[0].behaviour == behaviour:
            break
    frames, (bout,) = draw_clip(SETTINGS, index, num_bouts=1)
    first, last = round(bout.start * 15), round(bout.stop * 15)
    moments = np.linspace(first, last - 1, 5)[1:4].round().astype(int)
    pairs = torch.from_numpy(np.stack([frames[moments], frames[moments + 1]], 1)).permute(0, 1, 4, 2, 3)
    flow = encode_flow(TVL1.preset("default")(pairs), "wheel", bound=BOUND)
    images = (flow.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    return np.concatenate([np.concatenate(list(row), axis=1) for row in (frames[moments], images)], axis=0)


def main() -> None:
    plt.rcParams["font.size"] = 11
    figure, axes = plt.subplots(3, 3, figsize=(13.5, 8.0), layout="constrained")
    for axis, behaviour in zip(axes.flat, BEHAVIOURS, strict=True):
        axis.imshow(strip(behaviour), interpolation="lanczos")
        axis.set_title(behaviour, pad=4)
        axis.set_axis_off()
    target = Path(__file__).parent / "images" / "synthetic.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=100)
    print(target)


if __name__ == "__main__":
    main()
