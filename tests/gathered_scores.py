"""A process of two: scores its share of some clips and writes what all of them together give."""

import json

import numpy as np
import torch
from torch import distributed

from amclip.class_groups import class_groups_by_count
from amclip.metrics import AveragePrecision


def main(rank: int, rendezvous: str, clips: str, output: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    data = np.load(clips)
    rows = np.arange(len(data["labels"]))
    mine = rows[rank::2] if len(rows) % 2 else rows[: len(rows) // 3] if rank == 0 else rows[len(rows) // 3 :]
    metric = AveragePrecision(data["labels"].shape[1])
    for part in np.array_split(mine, 7):  # processes hand in unequal numbers of clips
        metric.update(*(torch.from_numpy(values) for values in (data["scores"][part], data["labels"][part], part)))
    scores = metric.compute()
    segments = scores.by_class_group(class_groups_by_count(data["counts"].tolist()))
    result = [scores.macro, scores.micro, scores.micro_batches, *(value for value, _ in segments.values())]
    if rank == 0:
        with open(output, "w") as file:
            json.dump(result, file)
    distributed.destroy_process_group()
