"""What Lightning says that nobody who runs a command can act on: left out, message by message, and nothing else."""

import logging
import warnings

__all__ = ["leave_out_noise"]

_SAID = (
    "Tip: For seamless",  # of services of its makers'
    "TPU available",
    "GPU available: False, used: False",  # said with the precision; one that is there and not used stays told
    "Seed set to",  # it stands in the run's config.yaml
    "Restoring states from the checkpoint path",  # what follows says that it was done
    "`weights_only` was not set",  # of saving; what amclip opens are plain values and tensors
    "Loading `train_dataloader` to estimate",
    "Detected KeyboardInterrupt",  # ours says what is kept
)
_WARNED = (
    "LightningCLI's args parameter",
    "Be aware that when using `ckpt_path`",
    # It is: the data module knows the next clip.
    ".*your dataloader is not resumable",
    # Ours are gathered by their metrics; averaging them over processes would be wrong.
    "It is recommended to use `self.log.*sync_dist=True`",
    ".*isinstance.treespec, LeafSpec.* is deprecated",
    # amclip chooses them by the machine; `amclip check --estimate` says what is slow.
    ".*does not have many workers",
    "The number of training batches .* is smaller than the logging interval",
    # Image towers that do not learn.
    r"Found \d+ module\(s\) in eval mode at the start of training",
)
_ELSEWHERE = "The dirpath has changed"  # where training left its checkpoints matters to no other command
_LOGGERS = (
    *("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero"),
    *("lightning.fabric.utilities.seed", "lightning.pytorch.trainer.connectors.checkpoint_connector"),
)


def leave_out_noise(command: str) -> None:
    """Leave it out from now on; of warnings, as long as the block of ``warnings.catch_warnings`` that this is in.

    Args:
        command: Whose noise it is.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_concerns_users)  # added once, however often this is called
    for message in _WARNED:
        warnings.filterwarnings("ignore", message=message)
    if command != "fit":
        warnings.filterwarnings("ignore", message=_ELSEWHERE)


def _concerns_users(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    return not any(noise in said for noise in _SAID)
