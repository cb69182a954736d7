"""What is left out of what Lightning says."""

import io
import logging
import warnings

from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn

from amclip.commands.lightning_noise import leave_out_noise


def test_noise_is_left_out_and_nothing_else() -> None:
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    before, level, told = list(logger.filters), logger.level, io.StringIO()
    handler = logging.StreamHandler(told)
    logger.addHandler(handler)  # other tests may have set what comes further up
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                leave_out_noise("fit")
            assert len(logger.filters) <= len(before) + 1
            rank_zero_info("TPU available: False, using: 0 TPU cores")
            rank_zero_info("💡 Tip: For seamless cloud logging and experiment tracking, try installing [litlogger]")
            rank_zero_info("GPU available: False, used: False")
            rank_zero_info("GPU available: True (cuda), used: False")
            rank_zero_info("Restoring states from the checkpoint path at a.ckpt")
            rank_zero_info("Restored all states from the checkpoint at a.ckpt")
            rank_zero_warn("The 'val_dataloader' does not have many workers which may be a bottleneck.")
            rank_zero_warn("Found 74 module(s) in eval mode at the start of training. This may lead to ...")
            rank_zero_warn("The dirpath has changed from 'a' to 'b'")
            rank_zero_warn("your loss is no number")
    finally:
        logger.filters[:] = before
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert told.getvalue().splitlines() == [
        "GPU available: True (cuda), used: False",
        "Restored all states from the checkpoint at a.ckpt",
    ]
    assert [str(one.message) for one in caught] == ["The dirpath has changed from 'a' to 'b'", "your loss is no number"]


def test_of_its_other_loggers_the_seed_and_how_checkpoints_are_saved_are_left_out() -> None:
    names = ("lightning.fabric.utilities.seed", "lightning.pytorch.trainer.connectors.checkpoint_connector")
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    loggers = [logging.getLogger(name) for name in names]
    before = [(list(one.filters), one.level) for one in loggers]
    try:
        with warnings.catch_warnings():
            leave_out_noise("fit")
        for one in loggers:
            one.addHandler(handler)
            one.setLevel(logging.INFO)
            one.info("Seed set to 0")
            one.info("`weights_only` was not set, defaulting to `False`.")
            one.info("what is no noise")
    finally:
        for one, (filters, level) in zip(loggers, before, strict=True):
            one.filters[:] = filters
            one.removeHandler(handler)
            one.setLevel(level)
    assert told.getvalue().splitlines() == ["what is no noise"] * 2
