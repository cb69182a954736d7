#!/usr/bin/env bash
# torch.export saves a program that takes a dimension of size 0 apart, and cannot load it again.
#
# What is run   torch 2.14.1: `torch.export` of a module with `x[:, :0].unbind(1)`, as a loop over optional inputs has it
#               when there are none; run, saved with `torch.export.save`, loaded with `torch.export.load`. The same with
#               `split([], 1)`, and with a dimension of size 3.
# Expected      What was saved without an error can be loaded, or saving refuses it.
# Seen          Export, the exported program's own answer and saving succeed. Loading ends with "RuntimeError: We ran into
#               an error when deserializing the saved file": an IndexError in `deserialize_multiple_outputs`, which looks at
#               the first of the node's outputs, and there is none. With size 3 it is loaded.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "torch==2.14.1" "numpy<3"
"$work/venv/bin/python" - <<'PY'
import io
import logging

import torch

logging.disable(logging.CRITICAL)  # the tracebacks that loading prints


class Total(torch.nn.Module):
    def __init__(self, take):
        super().__init__()
        self.take = take

    def forward(self, x):
        total = x.sum(1)
        for part in self.take(x):
            total = total + part.reshape(len(x))
        return total


def outcome(take):
    x = torch.ones(2, 3)
    program = torch.export.export(Total(take), (x,))
    right = torch.equal(program.module()(x), Total(take)(x))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    try:
        loaded = torch.export.load(file).module()
    except RuntimeError as error:
        return right, str(error).split(".")[0]
    return right, torch.equal(loaded(x), Total(take)(x))


failed = "We ran into an error when deserializing the saved file"
found = {
    "unbind of size 0": outcome(lambda x: x[:, :0].unbind(1)),
    "split of size 0": outcome(lambda x: x[:, :0].split([], 1)),
    "unbind of size 3": outcome(lambda x: x.unbind(1)),
}
for name, (right, loaded) in found.items():
    print(f"{name}: exported, {'right' if right else 'wrong'}; loaded: {loaded}")
raise SystemExit(0 if list(found.values()) == [(True, failed), (True, failed), (True, True)] else 1)
PY
