"""``amclip annotate``: from long videos to scores of windows, bouts and the files of other tools."""

import hashlib
import json
import logging
import re
import sys
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from amclip.atomic import refuse_overwriting
from amclip.commands.parsing import run_command
from amclip.interrupt import say_what_is_kept
from amclip.text import printable

__all__ = ["annotate", "run_annotate"]

# Processes wait for the slowest of them at the end, which may have hours more to do.
_PATIENCE = timedelta(days=30)


def run_annotate(args: list[str]) -> None:
    """Parse the words after ``annotate`` and carry it out.

    Args:
        args: The words.
    """
    switches = {"restart": "Throw away what earlier runs scored, and begin anew."}
    run_command(annotate, args, ("videos", "Videos, folders of videos, or patterns in quotes."), switches, several=True)


def annotate(
    videos: list[str],
    output: str,
    checkpoint: str | None = None,
    classes: str | None = None,
    backbone: str | None = None,
    pretrained: str | None = None,
    window: float | None = None,
    hop: float | None = None,
    settings: str | None = None,
    threshold: float | None = None,
    off_threshold: float | None = None,
    smoothing: float | None = None,
    minimum_bout: float | None = None,
    minimum_gap: float | None = None,
    restart: bool = False,
    batch_size: int | None = None,
    accelerator: Literal["auto", "cpu", "gpu"] = "auto",
    devices: int = 1,
    nodes: int = 1,
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true",
    probe_timeout: float = 20.0,
) -> None:
    """Find bouts of behaviours in long videos; the same command goes on where an earlier one ended.

    Windows slide over each video and are scored; the scores are cut into bouts. Only the cutting is done again where a
    finished annotation is run with other thresholds or times.

    Args:
        videos: Videos, folders of videos, or patterns in quotes.
        output: Folder for the results, new or of this very annotation.
        checkpoint: A checkpoint of `amclip fit`; classes, sampling and flow come with it.
        classes: Names of behaviours with commas between, in place of a checkpoint: zero-shot, by a published CLIP.
        backbone: Its image tower, as for `amclip fit`. Default: that of configs/zero_shot.yaml.
        pretrained: Its weights: a name that open_clip knows, or a file. Default: those of configs/zero_shot.yaml.
        window: Length of a window in seconds. Default: the length of the clips that the checkpoint was trained on.
        hop: Seconds from the start of one window to the next. Default: a quarter of a window.
        settings: YAML or CSV file that says for each behaviour how bouts are cut: threshold, off_threshold, smoothing,
            minimum_bout, minimum_gap. It goes before the five options below, which hold for all behaviours.
        threshold: Probability that a bout must reach. Default: for each behaviour the one tuned on validation.
        off_threshold: Probability down to which it lasts, before and after. Default: the threshold.
        smoothing: Span in seconds of the moving average that smooths the probabilities. Default: 0, none.
        minimum_bout: Bouts shorter than this are dropped, in seconds. Default: 0.
        minimum_gap: Bouts with a shorter gap between them are joined, in seconds. Default: 0.
        restart: Throw away what earlier runs scored, and begin anew.
        batch_size: Windows scored at a time. Default: 1 on a CPU, 8 on a GPU.
        accelerator: auto takes a GPU where there is one.
        devices: GPUs (or, on a CPU, processes) to share the videos out among, per machine.
        nodes: Machines, where a scheduler such as SLURM starts the command on each; all must see videos and output.
        precision: bf16-mixed and 16-mixed are faster on GPUs, with slightly other scores.
        probe_timeout: Seconds without progress after which a video counts as unreadable.

    Raises:
        ValueError: If a setting does not fit, or the folder holds an annotation made otherwise.
        FileNotFoundError: If a video or the checkpoint does not exist.
        SystemExit: With 1 where videos could not be annotated; all others are.
    """
    import torch

    from amclip.data.video import READING_RULES
    from amclip.ethogram.annotator import Annotator, Settings, VideoShares, collect_scores, errors_of
    from amclip.ethogram.inputs import find_sources
    from amclip.ethogram.outputs import FILES, write_outputs
    from amclip.ethogram.plan import DEFAULT_WINDOW
    from amclip.ethogram.settings import bout_settings
    from amclip.ethogram.workplace import Workplace

    for name, value in (("devices", devices), ("nodes", nodes), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise ValueError(f"--{name}: expected 1 or more, got {value}")
    for name, seconds in (("window", window), ("hop", hop), ("probe_timeout", probe_timeout)):
        if seconds is not None and not 0 < seconds < float("inf"):
            raise ValueError(f"--{name}: expected seconds above 0, got {seconds}")
    sources = find_sources(videos)
    for name in FILES:
        inputs: list[str | Path] = [
            *(source.path for source in sources),
            *filter(None, (checkpoint, settings, pretrained)),
        ]
        refuse_overwriting("--output", Path(output) / name, inputs)
    model, identity = _model(checkpoint, classes, backbone, pretrained)
    given = {
        "threshold": threshold,
        "off_threshold": off_threshold,
        "smoothing": smoothing,
        "minimum_bout": minimum_bout,
        "minimum_gap": minimum_gap,
    }
    defaults = {name: value for name, value in given.items() if value is not None}
    cutting = bout_settings(model.classes, model.thresholds, settings, **defaults)
    chosen = window or model.clip_seconds or DEFAULT_WINDOW
    step = hop or chosen / 4
    made_by = {
        "checkpoint": identity,
        "window": chosen,
        "hop": step,
        "precision": precision,
        "reading_rules": READING_RULES,
    }
    if accelerator == "auto":
        accelerator = "gpu" if torch.cuda.is_available() else "cpu"
    how = Settings(chosen, step, batch_size or (1 if accelerator == "cpu" else 8), made_by, probe_timeout)
    trainer = _trainer(accelerator, devices, nodes, precision)
    say_what_is_kept("What was scored is kept: the same command goes on from there.")
    workplace = Workplace(Path(output))
    with workplace.claimed(made_by, restart, first=trainer.is_global_zero):
        if trainer.is_global_zero:
            print(_plan_in_words(model, len(sources), chosen, step, window is None))
        annotator = Annotator(model, sources, workplace.journals, how)
        try:
            trainer.predict(annotator, datamodule=VideoShares(sources), return_predictions=False)
        except SystemExit:  # what Lightning makes of an interruption
            if not trainer.interrupted:
                raise
            raise KeyboardInterrupt from None
        finally:
            annotator.close()
        trainer.strategy.barrier("videos annotated")
        if not trainer.is_global_zero:
            return
        errors = errors_of(sources, workplace.journals, made_by)
        details = {
            "checkpoint": str(Path(checkpoint).absolute()) if checkpoint else _published(model),
            "window": chosen,
            "hop": step,
            "flow_gap": model.sampling["flow_gap"],
            "paths": {source.name: str(source.path) for source in sources},
            "errors": [{"video": name, "reason": reason} for name, reason in errors.items()],
        }
        scores = collect_scores(sources, workplace.journals, made_by)
        errors.update(write_outputs(output, scores, cutting, details))
    print(f"{output}: {len(sources) - len(errors)} of {len(sources)} videos annotated")
    if errors:
        print(f"{len(errors)} could not be annotated, or not to the end:", file=sys.stderr)
        for name, reason in errors.items():
            print(printable(f"  {name}: {reason}"), file=sys.stderr)
        raise SystemExit(1)


def _model(
    checkpoint: str | None, classes: str | None, backbone: str | None, pretrained: str | None
) -> tuple[Any, str]:
    """The network, and what tells it from every other one."""
    from amclip.data.table import refuse_class_names
    from amclip.inference import load_model, zero_shot_model

    if (checkpoint is None) == (classes is None):
        raise ValueError("give --checkpoint, or --classes 'walking,eating' for zero-shot, and not both")
    if checkpoint is not None:
        if backbone or pretrained:
            raise ValueError("--backbone and --pretrained are for zero-shot; the checkpoint has its own network")
        return load_model(checkpoint), _digest(Path(checkpoint))
    names = [name.strip() for name in (classes or "").split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"--classes: expected different names with commas between, got {classes!r}")
    refuse_class_names(names, "--classes")
    try:
        model = zero_shot_model(names, backbone, pretrained)
    except ValueError as error:  # names the settings of `amclip fit`, and here they are options
        said = re.sub(r"^(?:model\.)?(backbone|pretrained): ", r"--\1: ", str(error))
        raise ValueError(said.replace("--model.pretrained", "--pretrained")) from error
    settings = json.dumps(dict(model.task.hparams), sort_keys=True, default=str)
    weights = str(model.task.hparams["pretrained"])
    file = _digest(Path(weights)) if Path(weights).is_file() else ""
    return model, f"zero-shot {hashlib.sha256((settings + file).encode()).hexdigest()}"


def _published(model: Any) -> str:
    return f"zero-shot: {model.task.hparams['backbone']} {model.task.hparams['pretrained'] or ''}".rstrip()


def _trainer(accelerator: str, devices: int, nodes: int, precision: Any) -> Any:
    from lightning.pytorch import Trainer
    from lightning.pytorch.strategies import DDPStrategy

    from amclip.guard import Guard

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # what it says of devices and loops helps nobody
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.* is deprecated")
    return Trainer(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        strategy=DDPStrategy(timeout=_PATIENCE) if devices * nodes > 1 else "auto",
        precision=precision,
        callbacks=[Guard()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,  # the data module shares out whole videos
    )


def _plan_in_words(model: Any, videos: int, window: float, hop: float, default: bool) -> str:
    where = ""
    if default:
        known = model.clip_seconds is not None
        where = ", as long as its training clips" if known else "; the checkpoint does not say what it was trained on"
    network = model.task.network
    shared = "" if not network.cross_frame and not network.prompted else "; each window's images are embedded anew"
    between = f"; {hop - window:g} s between windows are not looked at" if hop > window else ""
    return f"{videos} video(s), windows of {window:g} s{where}, every {hop:g} s{between}{shared}"


def _digest(path: Path) -> str:
    """What tells one checkpoint from another, wherever it lies."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
