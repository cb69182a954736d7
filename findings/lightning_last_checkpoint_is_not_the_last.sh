#!/usr/bin/env bash
# `ModelCheckpoint(monitor=..., save_last=True)` leaves a last.ckpt of the epoch that was best so far, not of the last.
#
# What is run   lightning 2.6.6 with torch 2.13.0: four epochs whose monitored score falls after the first,
#               save_top_k=1, save_last=True; then the `epoch` that best.ckpt and last.ckpt hold.
# Expected      last.ckpt holds epoch 3: the documentation says that it is saved whenever a checkpoint file is saved,
#               and its name and the advice to resume from it let one think of the last epoch.
# Seen          both hold epoch 0, so that resuming from last.ckpt repeats three epochs. A second ModelCheckpoint
#               without `monitor` (save_top_k=1, every epoch) has epoch 3.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "torch==2.13.0" "lightning==2.6.6" "numpy<3"
cat > "$work/run.py" <<'PY'
import logging
import sys
import warnings
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.simplefilter("ignore")


class Linear(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, index):
        return self.layer(batch[0]).mean()

    def validation_step(self, batch, index):
        self.log("score", 1.0 - 0.1 * self.current_epoch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


folder = Path(sys.argv[1])
data = DataLoader(TensorDataset(torch.ones(4, 1)), batch_size=2)
watching = ModelCheckpoint(folder, "best", monitor="score", mode="max", save_top_k=1, save_last=True)
plain = ModelCheckpoint(folder, "every", save_top_k=1)
quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
Trainer(accelerator="cpu", max_epochs=4, callbacks=[watching, plain], **quiet).fit(Linear(), data, data)
found = {name: torch.load(folder / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last", "every")}
print("epoch in each file:", found)
sys.exit(found != {"best": 0, "last": 0, "every": 3})
PY
"$work/venv/bin/python" "$work/run.py" "$work"
