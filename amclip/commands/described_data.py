"""Which data set words and config files describe, for commands that need no network."""

from typing import Any

from jsonargparse import ArgumentParser, Namespace

from amclip.commands.settings_words import add_input, configs_first, nulls_as_config
from amclip.data.video_data import VideoData
from amclip.plain import class_path, from_plain

__all__ = ["OTHER_GROUPS", "described_data"]

#: Groups of a config file that say nothing of a data set.
OTHER_GROUPS = (
    *("checkpoint", "ckpt_path", "last_checkpoint", "model", "pictures", "predictions", "seed_everything", "step"),
    *("trainer", "weights_only"),
)
_NOT_DATA = tuple(f"--{group}" for group in OTHER_GROUPS)


def described_data(args: list[str]) -> tuple[Any, VideoData]:
    """All settings, and the data set that they describe.

    Words that say more than what data there is, or that are wrong, are for the parser of `amclip fit`, which takes
    seconds to load.
    """
    config = _data_settings(args)
    if config is None:
        from amclip.commands.lightning import DataOnly

        given = DataOnly.run("fit", args)
        return given.config["fit"], given.datamodule
    return config, from_plain(VideoData, config["data"].as_dict())


def _data_settings(args: list[str]) -> Namespace | None:
    """The settings of words that describe data alone; None where there are others."""
    if any(word.startswith(_NOT_DATA) or word.partition("=")[0].endswith(".help") for word in args):
        return None
    parser = ArgumentParser(exit_on_error=False, print_config=None)
    parser.add_argument("-c", "--config", action="config")
    for group in OTHER_GROUPS:
        parser.add_argument(f"--{group}", type=Any)
    parser.add_subclass_arguments(VideoData, "data", fail_untyped=False, required=True)
    parser.set_defaults({"data": {"class_path": class_path(VideoData), "init_args": {}}})
    add_input(parser, "data")
    try:
        return parser.parse_args(nulls_as_config(configs_first(args)))
    except Exception:  # of whatever kind: the other parser says what is wrong
        return None
