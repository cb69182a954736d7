"""Train the image tower of ``amclip-tiny``: to read an animal's pose from a frame and its motion from a flow image.

    python docs/pretrain_tiny.py

CLIP's towers come pretrained; a tower that starts from noise learns too slowly to show anything in a demo of minutes.
This one learns from single images of synthetic animals drawn with another seed than any demo: where the animal's parts
are (frames) and how they move from one frame to the next (flow images). It sees no behaviour label, no clip and no
order in time. The result is ``amclip/models/tiny.safetensors``; the last lines printed say how well it reads.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from amclip.data.synthetic import ClipSettings, draw_clip, iterate_poses
from amclip.flow import TVL1, encode_flow
from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import describe_backbone

SEED = 20_000  # of the pretraining clips; demo and tests use small seeds
SIZE = 64
BOUND = 3.0  # pixels of flow at the ends of the scale, as in configs/demo.yaml
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
POSE = ("x", "facing", "rise", "head", "tail", "stride sine", "stride cosine")
MOTION = ("x", "rise", "head", "tail", "turn", "forward")
MIRRORED = {"pose": (0, 1), "motion": (0, 4)}  # values that change sign in a mirror image


def clip_pairs(index: int, positions: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frame pairs uint8 ``[n, 2, S, S, 3]`` of one clip, with pose and motion of the animal in front."""
    import cv2

    cv2.setNumThreads(1)
    frames, _ = draw_clip(ClipSettings(SEED), index)
    poses = list(iterate_poses(ClipSettings(SEED), index))
    chosen = np.random.default_rng([SEED, index]).choice(len(frames) - 1, positions, replace=False)
    small = {t: cv2.resize(frames[t], (SIZE, SIZE), interpolation=cv2.INTER_AREA) for t in {*chosen, *(chosen + 1)}}
    pose, motion = [], []
    for t in chosen:
        a, b = poses[t], poses[t + 1]
        pose.append([a.x, a.facing, a.rise, a.head, a.tail, np.sin(a.stride), np.cos(a.stride)])
        step = b.x - a.x
        motion.append(
            [step * SIZE, (b.rise - a.rise) * 10, (b.head - a.head) * 3, (b.tail - a.tail) * 3, b.facing - a.facing,
             step * SIZE * a.facing]
        )  # fmt: skip
    return np.stack([[small[t], small[t + 1]] for t in chosen]), np.array(pose), np.array(motion)


def prepare(clips: int, positions: int) -> dict[str, Tensor]:
    """Frames, flow (pixels, half precision) and the values to read, for all clips."""
    began = time.time()
    with ProcessPoolExecutor() as pool:
        parts = list(pool.map(partial(clip_pairs, positions=positions), range(clips), chunksize=8))
    pairs = torch.from_numpy(np.concatenate([part[0] for part in parts])).permute(0, 1, 4, 2, 3).contiguous()
    flow_of = TVL1.preset("fast")
    flow = torch.cat([flow_of(chunk).half() for chunk in pairs.split(256)])
    print(f"{len(pairs)} pairs from {clips} clips in {time.time() - began:.0f} s")
    values = {name: np.concatenate([part[i] for part in parts]) for i, name in ((1, "pose"), (2, "motion"))}
    return {
        "frames": pairs[:, 0].clone(),
        "flow": flow,
        **{name: torch.from_numpy(value).float() for name, value in values.items()},
    }


def batch(data: dict[str, Tensor], rows: Tensor, augment: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Normalised frames then flow images ``[2n, 3, S, S]``, and the standardised values to read."""
    frames, flow = data["frames"][rows].float() / 255, data["flow"][rows].float()
    values = {name: data[name][rows].clone() for name in ("pose", "motion")}
    if augment:
        mirror = torch.rand(len(rows)) < 0.5
        frames[mirror], flow[mirror] = frames[mirror].flip(-1), flow[mirror].flip(-1)
        flow[mirror, 0] *= -1
        for name, columns in MIRRORED.items():
            for column in columns:
                values[name][mirror, column] *= -1
        light = 1 + 0.4 * (torch.rand(len(rows), 1, 1, 1) - 0.5)
        frames = (frames * light + 0.2 * (torch.rand(len(rows), 3, 1, 1) - 0.5)).clamp(0, 1)
        frames, flow = zoom(frames, flow)
    # Both ways to draw flow, so that the tower serves either setting.
    kinds = [encode_flow(flow[::2], "uvm", BOUND), encode_flow(flow[1::2], "wheel", BOUND)]
    pictures = torch.empty_like(frames)
    pictures[::2], pictures[1::2] = kinds
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    return (torch.cat([frames, pictures]) - mean) / std, values


def zoom(frames: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """The same random crop of a frame and its flow, scaled back: 80 to 100 % of the side."""
    n = len(frames)
    scale = 1 - 0.2 * torch.rand(n)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = (2 * torch.rand(n, 2) - 1) * (1 - scale[:, None])
    grid = F.affine_grid(theta, [n, 3, SIZE, SIZE], align_corners=False)
    both = F.grid_sample(torch.cat([frames, flow], 1), grid, padding_mode="border", align_corners=False)
    return both[:, :3].clamp(0, 1), both[:, 3:] / scale.view(n, 1, 1, 1)


class Reader(nn.Module):
    """The tower with two linear maps that are thrown away afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = ImageEncoder(describe_backbone("amclip-tiny", None, SIZE))
        self.pose = nn.Linear(self.tower.width, len(POSE))
        self.motion = nn.Linear(self.tower.width, len(MOTION))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Pose from the first half of the images (frames), motion from the second (flow images)."""
        frames, pictures = self.tower(images).chunk(2)
        return self.pose(frames), self.motion(pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--positions", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    home = Path(__file__).parents[1] / "amclip/models/tiny.safetensors"
    parser.add_argument("--output", type=Path, default=home)
    parser.add_argument("--cache", type=Path, help="file that keeps the drawn images between runs")
    options = parser.parse_args()
    torch.manual_seed(0)
    if options.cache and options.cache.exists():
        data = torch.load(options.cache)
    else:
        data = prepare(options.clips, options.positions)
        if options.cache:
            torch.save(data, options.cache)
    held_out = len(data["frames"]) // 20 // 2 * 2
    rows = torch.arange(len(data["frames"]))
    train, test = rows[held_out:], rows[:held_out]
    centre = {name: data[name][train].mean(0) for name in ("pose", "motion")}
    for name, columns in MIRRORED.items():
        centre[name][list(columns)] = 0
    spread = {name: data[name][train].std(0) for name in ("pose", "motion")}

    reader = Reader()
    optimizer = torch.optim.AdamW(reader.parameters(), options.rate, weight_decay=0.01, betas=(0.9, 0.98))
    steps = options.epochs * (len(train) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.rate, total_steps=steps + 1, pct_start=0.05)

    def loss_of(images: Tensor, values: dict[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
        read = dict(zip(("pose", "motion"), reader(images), strict=True))
        errors = [read[name] - (values[name] - centre[name]) / spread[name] for name in read]
        return sum(
            (error.abs().clamp(max=1) ** 2 / 2 + (error.abs() - 1).clamp(min=0)).mean() for error in errors
        ), errors

    began = time.time()
    for epoch in range(options.epochs):
        reader.train()
        total = 0.0
        order = train[torch.randperm(len(train))]
        for step in range(len(train) // options.batch):
            loss, _ = loss_of(*batch(data, order[step * options.batch : (step + 1) * options.batch], True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        reader.eval()
        with torch.no_grad():
            parts = [loss_of(*batch(data, chunk, False))[1] for chunk in test.split(256)]
        explained = [1 - torch.cat([part[i] for part in parts]).pow(2).mean(0) for i in range(2)]
        scores = [
            ", ".join(f"{n} {v:.2f}" for n, v in zip(names, values, strict=True))
            for names, values in zip((POSE, MOTION), explained, strict=True)
        ]
        mean_loss = total / (len(train) // options.batch)
        print(f"epoch {epoch}: loss {mean_loss:.3f}, {time.time() - began:.0f} s; share of variance explained in the")
        print(f"  pose: {scores[0]}\n  motion: {scores[1]}", flush=True)
        state = reader.tower.visual.state_dict()
        weights = {f"visual.{name}": value.half().contiguous() for name, value in state.items()}
        save_file(weights, options.output)
    print(f"wrote {options.output}, {options.output.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
