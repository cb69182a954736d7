"""`amclip fit|validate|test|predict|check`: LightningCLI with amclip's classes, links and rules for checkpoints."""

import itertools
import os
import warnings
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io import CheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, ModelSummary, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback

from amclip.atomic import refuse_overwriting
from amclip.callbacks import FlowStrength, PredictionWriter, StepSize, TensorBoardPictures
from amclip.checkpoint import DATA_KEY, TASK_KEY, SealedCheckpointIO, check_complete, described, read_checkpoint
from amclip.commands.lightning_noise import leave_out_noise
from amclip.commands.settings_parser import LINKED, Parser
from amclip.commands.settings_words import add_input, configs_first, files_named, nulls_as_config
from amclip.data.datamodule import VideoDataModule
from amclip.data.source import LabelSource
from amclip.epoch_times import EpochTimes
from amclip.guard import Guard
from amclip.inputs import NetworkInput
from amclip.last_checkpoint import LastCheckpoint
from amclip.plain import from_plain
from amclip.score_table import ScoreTable
from amclip.task import BehaviourTask
from amclip.trainer import AmclipTrainer, NetworkSize, PatientBar

__all__ = ["AmclipCLI", "DataOnly"]

DEFAULT_CLASSES = ("amclip.BehaviourTask", "amclip.VideoDataModule")
RUNS = "runs"
RUN_LOGGER: dict[str, Any] = {
    "class_path": "amclip.trainer.RunLogger",
    "init_args": {"save_dir": RUNS, "name": "", "default_hp_metric": False},
}


class SaveFitConfig(SaveConfigCallback):
    """Saves the configuration beside what training writes; the other commands change nothing worth saving."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Save at the start of a training."""
        if stage == "fit":
            super().setup(trainer, pl_module, stage)


class AmclipCLI(LightningCLI):
    """LightningCLI for :class:`BehaviourTask` and :class:`VideoDataModule`, or subclasses of them by ``class_path``.

    With ``--ckpt_path`` the checkpoint's settings of data and model take the place of the defaults; a config file and
    the command line override them. So a checkpoint alone is enough to test or predict, and a file still rules.
    """

    @classmethod
    def run(cls, command: str, args: list[str]) -> "AmclipCLI":
        """Parse and carry out one command.

        Args:
            command: fit, validate, test or predict.
            args: The words after it.
        """
        with warnings.catch_warnings():
            leave_out_noise(command)
            return cls(
                command,
                BehaviourTask,
                VideoDataModule,
                trainer_class=AmclipTrainer,
                save_config_callback=SaveFitConfig,
                save_config_kwargs={"overwrite": True},
                subclass_mode_model=True,
                subclass_mode_data=True,
                auto_configure_optimizers=False,
                # Hyperparameters stay plain: amclip rebuilds its classes from them itself.
                load_from_checkpoint_support=False,
                parser_class=Parser,
                parser_kwargs={"prog": "amclip"},
                args=[command, *nulls_as_config(configs_first(args))],
            )

    def __init__(self, command: str, *given: Any, **settings: Any) -> None:
        self._command = command
        super().__init__(*given, **settings)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """The one that is run: setting up the parsers of the other three would take 0.15 s."""
        return {self._command: LightningCLI.subcommands()[self._command]}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Link the model to the data and add amclip's callbacks, each with settings of its own."""
        parser.set_defaults(
            {
                "model": {"class_path": DEFAULT_CLASSES[0], "init_args": {}},
                "data": {"class_path": DEFAULT_CLASSES[1], "init_args": {}},
                "trainer.logger": RUN_LOGGER,
                "seed_everything": 0,
            }
        )
        add_input(parser, "data", "model")
        parser.link_arguments("data.classes", "model.init_args.classes", apply_on="instantiate")
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(LastCheckpoint, "last_checkpoint")
        parser.add_lightning_class_args(PredictionWriter, "predictions")
        parser.add_lightning_class_args(TensorBoardPictures, "pictures")
        parser.add_lightning_class_args(StepSize, "step")
        parser.set_defaults(
            {
                "checkpoint.monitor": "val/mAP_macro",
                "checkpoint.mode": "max",
                "checkpoint.filename": "best",
                "checkpoint.auto_insert_metric_name": False,
            }
        )

    def before_instantiate_classes(self) -> None:
        """Test beside the checkpoint; refuse predictions that would be written over what the command reads."""
        config = self.config[self.subcommand]
        if self.subcommand == "test":
            _beside_checkpoint(config)
        for option, command in (("path", "predict"), ("test_path", "test")):
            target = config["predictions"][option]
            if self.subcommand == command and target is not None:
                refuse_overwriting(f"--predictions.{option}", target, files_named(config))

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse; where a checkpoint is named, parse again with its settings in place of the defaults."""
        if self._command in ("validate", "test"):  # ScoreTable says the same in a form for people
            self._subcommand_parsers[self._command].set_defaults({"verbose": False})
        super().parse_arguments(parser, args)
        command = self.config["subcommand"]
        config = self.config[command]
        path = config.get("ckpt_path")
        source = config["data"]["init_args"]["source"]["init_args"]
        if command != "fit" and not path and config["model"]["init_args"].get("zero_shot"):
            if source.get("classes") is None and source.get("labels") is None:
                raise ValueError(
                    "data.source.classes: zero-shot knows no behaviours but those you name: --data.source.classes [a,b]"
                )
            return
        if command != "fit" and path in (None, "best", "last", "hpc", "registry"):
            said = f"the path of a checkpoint, not {path!r}" if path else "a checkpoint written by `amclip fit`"
            raise ValueError(f"--ckpt_path: `amclip {command}` needs {said}")
        if not path or path in ("best", "last", "hpc", "registry"):
            return
        own = (config["input"]["flow"]["method"] or {}).get("class_path")
        checkpoint = read_checkpoint(path, [own] if own else [])
        check_complete(path, checkpoint, resume=command == "fit")
        if command == "fit" and not any(config.get("config") or ()):  # null: given as text, see nulls_as_config
            args = [command, *_run_again(Path(path)), *args[1:]]
        others = command == "predict" or source.get("labels") is not None
        self._subcommand_parsers[command].set_defaults(
            {
                "input": checkpoint[TASK_KEY].get("input", {}),
                "model": _as_trained(config["model"], checkpoint[TASK_KEY]),
                "data": _as_trained(config["data"], checkpoint[DATA_KEY], others),
            }
        )
        super().parse_arguments(parser, args)
        if command == "fit" and "input" in checkpoint[TASK_KEY]:
            now = from_plain(NetworkInput, self.config[command]["input"].as_dict())
            for name, (new, old) in now.differences(NetworkInput.from_dict(checkpoint[TASK_KEY]["input"])).items():
                raise ValueError(
                    f"--ckpt_path goes on with a training whose input.{name} is {old!r}, and {new!r} is asked for "
                    "now: part of it would be on the one, part on the other. Leave the setting out, or begin a new "
                    "training without --ckpt_path"
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
        callbacks: list[Any] = [Guard(), EpochTimes(), ScoreTable(), FlowStrength()]
        trainer = self._get(self.config_init, "trainer")
        if self.subcommand == "fit" and trainer["logger"]:
            callbacks.append(LearningRateMonitor(logging_interval="step"))
        for ours, kind, wanted in (
            (PatientBar, ProgressBar, "enable_progress_bar"),
            (NetworkSize, ModelSummary, "enable_model_summary"),
        ):
            given = any(isinstance(callback, kind) for callback in _as_list(trainer["callbacks"]))
            if trainer[wanted] is not False and not trainer["barebones"] and not given:
                callbacks.append(ours())
        if not trainer["barebones"]:
            kwargs["enable_model_summary"] = False  # Lightning would add its own, or say that it does not
        self.trainer_defaults["callbacks"] = callbacks
        plugins = _as_list(trainer.get("plugins"))
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            kwargs["plugins"] = [*plugins, SealedCheckpointIO()]
        return super().instantiate_trainer(**kwargs)


class DataOnly(AmclipCLI):
    """Makes the data module that `amclip fit` would train on, and nothing else."""

    def instantiate_classes(self) -> None:
        """Make it."""
        self.datamodule = from_plain(VideoDataModule, self.config["fit"]["data"].as_dict())

    def after_instantiate_classes(self) -> None:
        """There is no model to refuse."""

    def _run_subcommand(self, subcommand: str) -> None:
        pass


def _as_trained(chosen: Any, trained: dict[str, Any], others: bool = False) -> dict[str, Any]:
    """Defaults of model or data that are a checkpoint's; of its class, unless another one is chosen.

    Args:
        chosen: Class and arguments without the checkpoint.
        trained: What the checkpoint holds.
        others: Whether other videos or labels are meant than those of the training.
    """
    defaults = described({name: value for name, value in trained.items() if name not in LINKED})
    if others and "source" in defaults["init_args"]:
        source = defaults["init_args"]["source"]
        kept = {name: value for name, value in source["init_args"].items() if name not in LabelSource.OF_THESE_LABELS}
        defaults["init_args"]["source"] = {**source, "init_args": kept}
    if chosen["class_path"] not in DEFAULT_CLASSES:
        defaults["class_path"] = chosen["class_path"]
    return defaults


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


def _beside_checkpoint(config: Any) -> None:
    """Let a test write into its training's run, as ``test``, ``test_2``, …, unless another folder is asked for.

    A ``version_N`` of its own would stand among the trainings, and not say which of them it is of.
    """
    logger, checkpoint = config["trainer"]["logger"], config.get("ckpt_path")
    settings = logger.get("init_args") if hasattr(logger, "get") else None
    if not checkpoint or settings is None or logger.get("class_path") != RUN_LOGGER["class_path"]:
        return
    chosen = {name: settings.get(name) for name in ("save_dir", "name", "version")}
    folder = Path(checkpoint).resolve().parent
    if chosen != {"save_dir": RUNS, "name": "", "version": None} or folder.name != "checkpoints":
        return
    run = Path(os.path.relpath(folder.parent)) if folder.is_relative_to(Path.cwd()) else folder.parent
    if not os.access(run, os.W_OK):
        return
    names = itertools.chain(["test"], (f"test_{number}" for number in itertools.count(2)))
    settings["save_dir"] = str(run)
    settings["version"] = next(name for name in names if not (run / name).exists())


def _as_list(given: Any) -> list[Any]:
    """None, one or several, as Lightning's trainer takes them."""
    return list(given) if isinstance(given, list | tuple) else [given] if given else []
