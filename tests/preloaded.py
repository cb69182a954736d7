"""What the processes of ``forked.py`` begin with: the libraries, and the compiled optical flow."""

import kornia  # noqa: F401
import lightning.pytorch  # noqa: F401
import open_clip  # noqa: F401
import pyarrow.parquet  # noqa: F401
import torch
import torchvision.transforms.v2  # noqa: F401

import amclip.commands.embed
import amclip.commands.lightning
import amclip.ethogram.figure
import amclip.ethogram.outputs  # noqa: F401
from amclip.flow import TVL1

torch.set_num_threads(1)
TVL1.preset("fast")(torch.zeros(1, 2, 1, 32, 32, dtype=torch.uint8))
