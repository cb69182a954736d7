"""`amclip fit|validate|test|predict|check`: LightningCLI with amclip's classes, links and rules for checkpoints."""

import argparse
import difflib
import inspect
import logging
import os
import re
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import Namespace
from lightning.fabric.plugins.io import CheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from amclip.atomic import refuse_overwriting
from amclip.callbacks import FlowStrength, PredictionWriter, TensorBoardPictures
from amclip.checkpoint import DATA_KEY, TASK_KEY, SealedCheckpointIO, check_complete, read_checkpoint
from amclip.commands.check import check_data, report_table_errors
from amclip.data.datamodule import VideoDataModule
from amclip.data.several import files_read
from amclip.data.table import LabelError
from amclip.guard import Guard
from amclip.score_table import ScoreTable
from amclip.task import BehaviourTask

__all__ = ["AmclipCLI", "run_check"]

# The network's shape follows the data's: said once, in `data`.
LINKED = ("classes", "num_segments", "positions_per_segment", "num_views", "image_size")


# What the weights of a checkpoint were made for: another value could not load them, or would mean something else.
FIXED = {
    "model": (
        "backbone",
        "head",
        "cross_frame",
        "message_init",
        "temporal",
        "temporal_layers",
        "temporal_heads",
        "video_prompt_layers",
        "video_prompt_heads",
        "share_classifiers",
        "aggregation",
        "lora_rank",
        "lora_alpha",
    ),
    "data": ("modality", "image_size", "positions_per_segment"),
}

CHECK_HELP = """\
usage: amclip check [--config FILE] --data.labels TABLE.csv [--data.root FOLDER] [--report FILE] [--thorough]

Go over a data set before training: files that are missing, unreadable, empty or too short, times outside a video,
classes without examples, the same recording in two splits. Prints what it finds, writes the whole list, and exits with
1 where training would be wrong.

  --report FILE   where the list goes: .csv or .json (default: check_report.csv)
  --thorough      decode every video from end to end, which finds damage in the middle of a file
  --data.labels   one table, several "[a.csv,b.csv]", or one per split "{train: a.csv, val: b.csv}"
  others          as for `amclip fit`: the same config and --data options describe the same data set"""


class Parser(LightningArgumentParser):
    """Says what was wrong in the words given, without the usage of two hundred options and the parser's inner types."""

    NOISE = ( "Does not validate", "Subtypes:", "Errors:", "Expected a <class 'NoneType'>", "Given value",
             "Problem with given class_path")  # fmt: skip

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print and exit with 2."""
        if os.environ.get("AMCLIP_DEBUG") == "1" and ex is not None:
            raise ex
        lines = [re.sub(r'^Parser key "([\w.]+)":', _as_typed, line.strip(" -")) for line in message.splitlines()]
        telling = [
            line for line in lines if line not in ("", "--model:", "--data:") and not line.startswith(self.NOISE)
        ]
        if "File does not exist" in message:
            telling = [message.replace('Parser key "config": ', "--config: ")]
        for name in re.findall(r"Option '(\w+)' is not accepted", message):
            known = {*inspect.signature(VideoDataModule).parameters, *inspect.signature(BehaviourTask).parameters}
            if close := difflib.get_close_matches(name, known, n=2):
                telling.append(f"did you mean {' or '.join(close)}?")
        if re.search(r"Expected a <class 'str'>. Got value: (False|True|None|[\d.]+)", message):
            telling.append('YAML reads no and yes as false and true, null as nothing: put such names in quotes, ["no"]')
        text = "\n  ".join(dict.fromkeys(telling)) or message
        sys.stderr.write(f"amclip: {text}\n(`amclip --help` says where every setting is explained)\n")
        raise SystemExit(2)


def _as_typed(match: re.Match[str]) -> str:
    """The option that a key of the parser is typed as: of those of data and model the parser names the last part."""
    name = match[1]
    for part, made in (("data", VideoDataModule), ("model", BehaviourTask)):
        if name in inspect.signature(made).parameters:
            return f"--{part}.{name}:"
    return f"--{name}:"


class SaveFitConfig(SaveConfigCallback):
    """Saves the configuration beside what training writes; the other commands change nothing worth saving."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save at the start of a training."""
        if stage == "fit":
            super().setup(trainer, pl_module, stage)


class AmclipCLI(LightningCLI):
    """LightningCLI for :class:`BehaviourTask` and :class:`VideoDataModule`, or subclasses of them by ``class_path``.

    With ``--ckpt_path`` the checkpoint's settings of data and model take the place of the defaults; a config file and
    the command line go before them. So a checkpoint alone is enough to test or predict, and a file still rules.
    """

    @classmethod
    def run(cls, command: str, args: list[str]) -> "AmclipCLI":
        """Parse and carry out one command.

        Args:
            command: fit, validate, test or predict.
            args: The words after it.
        """
        logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_concerns_users)
        with warnings.catch_warnings():
            # Nobody who runs a command can act on these.
            warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
            warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`")
            if command != "fit":  # where training left its checkpoints matters to no other command
                warnings.filterwarnings("ignore", message="The dirpath has changed")
            # Ours are gathered by their metrics; averaging them over processes would be wrong.
            warnings.filterwarnings("ignore", message="It is recommended to use `self.log.*sync_dist=True`")
            warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
            return cls(
                BehaviourTask,
                VideoDataModule,
                save_config_callback=SaveFitConfig,
                save_config_kwargs={"overwrite": True},
                subclass_mode_model=True,
                subclass_mode_data=True,
                auto_configure_optimizers=False,
                # Hyperparameters stay plain: amclip rebuilds its classes from them itself.
                load_from_checkpoint_support=False,
                parser_class=Parser,
                parser_kwargs={"prog": "amclip"},
                args=[command, *args],
            )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Link the model to the data and add amclip's callbacks, each with settings of its own."""
        parser.set_defaults(
            {
                "model": {"class_path": "amclip.BehaviourTask", "init_args": {}},
                "data": {"class_path": "amclip.VideoDataModule", "init_args": {}},
                "trainer.logger": {
                    "class_path": "lightning.pytorch.loggers.TensorBoardLogger",
                    "init_args": {"save_dir": "runs", "name": "", "default_hp_metric": False},
                },
                "seed_everything": 0,
            }
        )
        for name in LINKED:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        # Not save_last: that writes the last epoch only where it was the best so far, and resuming would repeat epochs.
        parser.add_lightning_class_args(ModelCheckpoint, "last_checkpoint")
        parser.add_lightning_class_args(PredictionWriter, "predictions")
        parser.add_lightning_class_args(TensorBoardPictures, "pictures")
        parser.set_defaults(
            {
                "checkpoint.monitor": "val/mAP_macro",
                "checkpoint.mode": "max",
                "checkpoint.filename": "best",
                "checkpoint.auto_insert_metric_name": False,
                "last_checkpoint.filename": "last",
                "last_checkpoint.enable_version_counter": False,
            }
        )

    def before_instantiate_classes(self) -> None:
        """Refuse predictions that would be written over what the command reads."""
        config = self.config[self.subcommand]
        for option, command in (("path", "predict"), ("test_path", "test")):
            target = config["predictions"][option]
            if self.subcommand == command and target is not None:
                refuse_overwriting(f"--predictions.{option}", target, files_named(config))

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse; where a checkpoint is named, parse again with its settings in place of the defaults."""
        for name in ("validate", "test"):  # ScoreTable says the same in a form for people
            self._subcommand_parsers[name].set_defaults({"verbose": False})
        super().parse_arguments(parser, args)
        command = self.config["subcommand"]
        config = self.config[command]
        path = config.get("ckpt_path")
        if command != "fit" and not path and config["model"]["init_args"].get("zero_shot"):
            if config["data"]["init_args"].get("classes") is None and config["data"]["init_args"].get("labels") is None:
                raise ValueError("data.classes: zero-shot knows no behaviours but those you name: --data.classes [a,b]")
            return
        if command != "fit" and path in (None, "best", "last", "hpc", "registry"):
            said = f"the path of a checkpoint, not {path!r}" if path else "a checkpoint written by `amclip fit`"
            raise ValueError(f"--ckpt_path: `amclip {command}` needs {said}")
        if not path or path in ("best", "last", "hpc", "registry"):
            return
        own = config["data"]["init_args"].get("flow")
        checkpoint = read_checkpoint(path, [own["class_path"]] if isinstance(own, dict) and "class_path" in own else [])
        check_complete(path, checkpoint, resume=command == "fit")
        if command == "fit" and config.get("config") is None:
            args = [command, *_run_again(Path(path)), *args[1:]]
        subparser = self._subcommand_parsers[command]
        subparser.set_defaults(
            {
                "model": _with_defaults(config["model"], checkpoint[TASK_KEY], leave_out=LINKED),
                "data": _with_defaults(
                    config["data"], checkpoint[DATA_KEY], leave_out=_own_data(command, config["data"]["init_args"])
                ),
            }
        )
        super().parse_arguments(parser, args)
        for part, key in (("model", TASK_KEY), ("data", DATA_KEY)):
            for name in FIXED[part]:
                now, trained = self.config[command][part]["init_args"].get(name), checkpoint[key].get(name)
                if now != trained:
                    raise ValueError(
                        f"{part}.{name} is {now!r}, but {path} was trained with {trained!r}: leave it out or train anew"
                    )
        losses = [self.config[command]["model"]["init_args"].get("loss"), checkpoint[TASK_KEY].get("loss")]
        if len({loss == "cross_entropy" for loss in losses}) > 1:  # softmax or sigmoid: other probabilities
            raise ValueError(
                f"model.loss is {losses[0]!r}, but {path} was trained with {losses[1]!r}: the probabilities would be "
                "others; leave it out or train anew"
            )

    def _parse_ckpt_path(self) -> None:
        """LightningCLI would let the checkpoint overrule file and command line here; see :meth:`parse_arguments`."""

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the callbacks that need no settings; what only predicts or validates writes no log."""
        if self.subcommand in ("predict", "validate"):
            kwargs["logger"] = False
        keys = self._parser(self.subcommand).callback_keys
        if self.subcommand != "fit" and "checkpoint" in keys:
            keys.remove("checkpoint")  # it would only warn that the run's folder is another one now
        callbacks: list[Any] = [Guard(), ScoreTable(), FlowStrength()]
        if self.subcommand == "fit" and self._get(self.config_init, "trainer")["logger"]:
            callbacks.append(LearningRateMonitor(logging_interval="step"))
        self.trainer_defaults["callbacks"] = callbacks
        plugins = self._get(self.config_init, "trainer").get("plugins") or []
        plugins = list(plugins) if isinstance(plugins, list | tuple) else [plugins]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            kwargs["plugins"] = [*plugins, SealedCheckpointIO()]
        return super().instantiate_trainer(**kwargs)


def run_check(args: list[str]) -> None:
    """`amclip check`: go over a data set as a config describes it; takes what `amclip fit` takes.

    Args:
        args: The words after ``check``; ``--report FILE`` says where the report goes.

    Raises:
        SystemExit: With 1 where training would be wrong.
    """

    class DataOnly(AmclipCLI):
        def instantiate_classes(self) -> None:
            chosen = self.config["fit"]["data"]
            home, _, name = chosen["class_path"].rpartition(".")
            self.datamodule = getattr(import_module(home), name)(**chosen["init_args"].as_dict())

        def _run_subcommand(self, subcommand: str) -> None:
            pass

        def after_instantiate_classes(self) -> None:
            pass

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--report", default="check_report.csv")
    parser.add_argument("--thorough", action="store_true")
    if not args or "-h" in args or "--help" in args:
        print(CHECK_HELP)
        return
    mine, rest = parser.parse_known_args(args)
    try:
        given = DataOnly.run("fit", rest)
        data = given.datamodule
        refuse_overwriting("--report", mine.report, files_named(given.config["fit"]))
        refuse_overwriting("--report", mine.report, [] if data.labels is None else files_read(data.labels))
        table = data.read_table()
    except LabelError as error:
        report = report_table_errors(error)
    else:
        if Path(mine.report).exists():
            refuse_overwriting("--report", mine.report, (data.root_folder / video for video in table.videos()))
        report = check_data(
            table,
            data.root_folder,
            positions=data.num_positions,
            flow_gap=None if data.modality == "frames" else data.flow_gap,
            timeout=data.probe_timeout,
            cache=data.cache_dir,
            thorough=mine.thorough,
        )
    report.show()
    print(f"The whole list is in {report.write_report(mine.report)}")
    if report.fatal:
        raise SystemExit(1)


def files_named(config: Any) -> list[Path]:
    """Every file that a setting names, wherever it stands: what a command may read."""
    if isinstance(config, Namespace):
        config = vars(config)
    if isinstance(config, dict):
        return [path for key, value in config.items() if key != "predictions" for path in files_named(value)]
    if isinstance(config, list | tuple):
        return [path for value in config for path in files_named(value)]
    if isinstance(config, str | os.PathLike) or hasattr(config, "absolute"):  # jsonargparse has paths of its own
        with suppress(OSError, ValueError):
            path = Path(str(config))
            return [path] if path.is_file() else []
    return []


def _with_defaults(chosen: Any, trained: dict[str, Any], leave_out: tuple[str, ...]) -> dict[str, Any]:
    kept = {key: value for key, value in trained.items() if key not in leave_out}
    return {"class_path": chosen["class_path"], "init_args": kept}


def _run_again(checkpoint: Path) -> list[str]:
    """What makes a training go on as it was begun, in its own folder: a checkpoint holds nothing of the trainer."""
    run = checkpoint.resolve().parents[1]
    if not (run / "config.yaml").is_file():
        raise ValueError(
            f"--ckpt_path: how {checkpoint} was trained (epochs, devices, precision) stands in the config.yaml of its "
            f"run, and there is none in {run}: add --config FILE"
        )
    words = [f"--config={run / 'config.yaml'}"]
    if run.name.startswith("version_"):
        words.append(f"--trainer.logger.init_args.version={run.name}")
    return words


def _concerns_users(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    return "Tip: For seamless" not in said and "Detected KeyboardInterrupt" not in said  # ours says what is kept


def _own_data(command: str, chosen: Any) -> tuple[str, ...]:
    """Which of the checkpoint's data settings must not be taken over: those of labels, where others are meant."""
    if command == "predict" or chosen.get("labels") is not None:
        return ("labels", "root", "label_fps", "observations", "num_workers", "cache_dir")
    return ("num_workers", "cache_dir")
