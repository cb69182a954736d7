#!/usr/bin/env bash
# A second training in one process no longer notices that a DataLoader worker was killed: Lightning resets the handler
# of SIGCHLD when the first one ends, and torch sets it only once per process.
#
# What is run   lightning 2.6.6 with torch 2.13.0: `Trainer.fit` of a linear layer twice, with one DataLoader worker each
#               time. After each, the handler of SIGCHLD; and beside it one plain DataLoader, without Lightning.
# Expected      torch's handler stays: it raises "DataLoader worker (pid ...) is killed by signal" at once.
# Seen          before the first training: the default. While it runs: torch's own. After it, and in the second
#               training: the default again, so that a killed worker shows only when the loader's time-out is over, and
#               never where there is none. Without Lightning the handler stays over two loaders.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "torch==2.13.0" "lightning==2.6.6" "numpy<3"
cat > "$work/run.py" <<'PY'
import logging
import signal
import sys
import warnings

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.simplefilter("ignore")


def loader():
    return DataLoader(TensorDataset(torch.ones(4, 1)), batch_size=2, num_workers=1)


def torchs():
    return callable(signal.getsignal(signal.SIGCHLD))


class Linear(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen = []

    def training_step(self, batch, index):
        self.seen.append(torchs())
        return self.layer(batch[0]).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def fit():
    model = Linear()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    Trainer(accelerator="cpu", max_epochs=1, **quiet).fit(model, loader())
    return all(model.seen), torchs()


if sys.argv[1] == "plain":
    found = []
    for _ in range(2):
        list(loader())
        found.append(torchs())
    print("torch's handler after each of two plain loaders:", found)
    sys.exit(found != [True, True])
first, second = fit(), fit()
print("torch's handler while the first training runs, and after it:", first)
print("torch's handler while the second training runs, and after it:", second)
sys.exit((first, second) != ((True, False), (False, False)))
PY
"$work/venv/bin/python" "$work/run.py" plain
"$work/venv/bin/python" "$work/run.py" lightning
