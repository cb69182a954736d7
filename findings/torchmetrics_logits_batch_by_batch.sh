#!/usr/bin/env bash
# torchmetrics decides anew in every batch whether scores are logits: the same logits have another average precision in
# other batches.
#
# What is run   torchmetrics 1.9.0, MultilabelAveragePrecision(average="micro", thresholds=None), on eight logits of a
#               clip each and two behaviours. Logits are a form of scores that its documentation allows.
# Expected      One value, however the clips are divided into batches: it is computed when all have been seen.
# Seen          0.8708 of one batch and 0.5125 of batches of one clip: where all logits of a batch lie between 0 and 1 they
#               are kept as probabilities, and the others are mapped by the sigmoid, which changes their order among each
#               other. No warning. With probabilities both are 0.8708.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "torch==2.13.0" "torchmetrics==1.9.0" "numpy<3"
"$work/venv/bin/python" - <<'PY'
import torch
from torchmetrics.classification import MultilabelAveragePrecision

logits = torch.tensor([[0.9, 0.1], [2.0, -1.0], [0.8, 0.7], [1.2, 0.3], [-2.0, 1.1], [0.2, 0.6], [1.5, -0.5], [0.4, 0.9]])
labels = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 0], [0, 1], [0, 0], [1, 0], [1, 0]])


def score(values, size):
    metric = MultilabelAveragePrecision(num_labels=2, average="micro", thresholds=None)
    for first in range(0, len(values), size):
        metric.update(values[first : first + size], labels[first : first + size])
    return round(metric.compute().item(), 4)


whole, single = score(logits, 8), score(logits, 1)
probabilities = score(logits.sigmoid(), 8), score(logits.sigmoid(), 1)
print("logits, one batch:", whole, "; batches of one:", single, "; probabilities:", *probabilities)
raise SystemExit(0 if whole != single and probabilities == (whole, whole) else 1)
PY
