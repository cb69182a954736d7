"""``amclip annotate``: from long videos to scores of windows, bouts and the files of other tools."""

import hashlib
import json
import logging
import re
import sys
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, get_args

from amclip.atomic import refuse_overwriting
from amclip.commands.annotated_in_words import Watched
from amclip.commands.given_files import refuse_missing
from amclip.commands.options import BoutOptions, ScoringOptions
from amclip.commands.parsing import VIDEOS, CommandWords
from amclip.interrupt import say_what_is_kept
from amclip.precision import InferencePrecision
from amclip.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from amclip.inference import TrainedModel

__all__ = ["WORDS", "annotate"]

# Processes wait for the slowest of them at the end, which may have hours more to do.
_BARRIER_TIMEOUT = timedelta(days=30)


WORDS = CommandWords(VIDEOS, {"restart": "Throw away what earlier runs scored, and begin anew."}, several=True)


@dataclass(frozen=True)
class ZeroShotOptions:
    """Class names in place of a checkpoint.

    Args:
        classes: Names of behaviours with commas between, in place of a checkpoint: zero-shot, by a published CLIP.
        backbone: Its image tower, as for `amclip fit`. Default: that of configs/zero_shot.yaml.
        pretrained: Its weights: a name that open_clip knows, or a file. Default: those of configs/zero_shot.yaml.
    """

    classes: str | None = None
    backbone: str | None = None
    pretrained: str | None = None


@dataclass(frozen=True)
class MachineOptions:
    """What the work is spread over.

    Args:
        devices: GPUs (or, on a CPU, processes) to share the videos out among, per machine.
        nodes: Machines, where a scheduler such as SLURM starts the command on each; all must see videos and output.

    Raises:
        ValueError: If a number is below 1.
    """

    devices: int = 1
    nodes: int = 1

    def __post_init__(self) -> None:
        for name in ("devices", "nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name}: expected 1 or more, got {getattr(self, name)}")


def annotate(
    videos: list[str],
    output: str,
    checkpoint: str | None = None,
    tracks: str | list[str] | None = None,
    restart: bool = False,
    zero_shot: ZeroShotOptions = ZeroShotOptions(),
    scoring: ScoringOptions = ScoringOptions(),
    bouts: BoutOptions = BoutOptions(),
    machines: MachineOptions = MachineOptions(),
) -> None:
    """Find bouts of behaviours in long videos; the same command goes on where an earlier one ended.

    Windows slide over each video and are scored; the scores are cut into bouts. Only the cutting is done again where a
    finished annotation is run with other thresholds or times. Windows are a quarter of their length apart, where
    --hop does not say.

    Args:
        videos: Videos, folders of videos, or patterns in quotes.
        output: Folder for the results, new or of this very annotation.
        checkpoint: A checkpoint of `amclip fit`; classes, sampling, flow and crops come with it.
        tracks: Where each animal is, as a file or folder, or several: [FILE, FILE]; each tracked animal is scored. For
            a checkpoint that was trained on animals cut out, and for zero-shot.
        restart: Throw away what earlier runs scored, and begin anew.
        zero_shot: Class names in place of a checkpoint.
        scoring: How windows are scored.
        bouts: How scores are cut into bouts.
        machines: What the work is spread over.

    Raises:
        ValueError: If a setting does not fit, or the folder holds an annotation made otherwise.
        FileNotFoundError: If a video or the checkpoint does not exist.
        SystemExit: With 1 where videos could not be annotated; all others are.
    """
    from amclip.commands.video_tracks import fingerprint_of, refuse_lone_tracks, tracks_of_sources
    from amclip.data.tracks import track_files
    from amclip.data.video import READING_RULES
    from amclip.ethogram.annotation_file import Scoring
    from amclip.ethogram.inputs import find_sources
    from amclip.ethogram.output_folder import OutputFolder
    from amclip.ethogram.outputs import FILES, write_outputs
    from amclip.version import __version__

    refuse_missing(checkpoint, bouts.settings)
    scoring.refuse_no_decoder()
    sources = find_sources(videos)
    given = filter(None, (checkpoint, bouts.settings, zero_shot.pretrained))
    inputs: list[str | Path] = [*(source.path for source in sources), *given]
    inputs += [] if tracks is None else track_files(tracks)
    for name in FILES:
        refuse_overwriting("--output", Path(output) / name, inputs)
    boxes = None if tracks is None else tracks_of_sources(tracks, sources)
    model, identity = _model(checkpoint, zero_shot, cropped=boxes is not None)
    refuse_lone_tracks(model.input, boxes)
    # Here, since wrong options are answered without Lightning.
    from amclip.ethogram.annotator import AnnotateConfig, Annotator, VideoShares, collect_scores, errors_of

    begun = {} if restart else OutputFolder.begun_with(Path(output))
    precision, why = _precision(scoring, begun)
    cutting = bouts.for_model(model)
    model.compute_in(precision)
    window, hop = scoring.windows(model, 0.25)
    fingerprint = {
        "checkpoint": identity,
        "window": window,
        "hop": hop,
        "precision": precision,
        "decoder": scoring.decoder,
        "reading_rules": READING_RULES,
        "version": __version__,
    }
    if boxes is not None:
        fingerprint["tracks"] = fingerprint_of(boxes)
    config = AnnotateConfig(window, hop, scoring.batch, fingerprint, scoring.probe_timeout, boxes, scoring.decoder)
    trainer = _trainer("gpu" if scoring.gpu else "cpu", machines)
    say_what_is_kept("What was scored is kept: the same command goes on from there.")
    output_folder = OutputFolder(Path(output))
    with output_folder.claimed(fingerprint, restart, first=trainer.is_global_zero):
        if trainer.is_global_zero:
            words = _plan_in_words(model, len(sources), window, hop, scoring.window is None)
            print(f"{words}; precision {precision}{why}{_decoder_in_words(scoring)}")
            for note in () if boxes is None else boxes.notes:
                print(printable(note), file=sys.stderr)
        annotator = Annotator(model, sources, output_folder.journals, config)
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
        errors = errors_of(sources, output_folder.journals, fingerprint)
        scored_by = str(Path(checkpoint).absolute()) if checkpoint else _published(model)
        how = Scoring(scored_by, window, hop, model.input.flow.gap_seconds)
        paths = {source.name: str(source.path) for source in sources}
        seen = Watched()
        scores = collect_scores(sources, output_folder.journals, fingerprint)
        first = next(scores, None)
        if first is not None:
            watched = seen.passing(chain([first], scores))
            errors.update(write_outputs(output, watched, cutting, how, paths, errors, boxes, model.used))
    if first is None:  # tables would be empty
        output_folder.discard()
        _end(f"None of {counted(len(sources), 'video')} could be annotated; nothing was written to {output}:", errors)
    print(f"{output}: {len(sources) - len(errors)} of {counted(len(sources), 'video')} annotated")
    for line in _used(output):
        print(printable(f"  {line}"))
    for who in seen.unscored:
        print(printable(f"  {who} has boxes in half of the frames of no window, and so no scores"))
    for line in seen.words(Path(output) / "time_budget.csv", cutting, window) if len(errors) < len(sources) else ():
        print(printable(f"  {line}"))
    if (page := Path(output) / "report.html").exists():
        print(printable(f"  {page} still shows what was there before; amclip report {output} writes it anew"))
    if errors:
        _end(f"{len(errors)} could not be annotated, or not to the end:", errors)


def _end(words: str, errors: "Mapping[str, str]") -> NoReturn:
    print(printable(words), file=sys.stderr)
    for name, reason in errors.items():
        print(printable(f"  {name}: {reason}"), file=sys.stderr)
    raise SystemExit(1)


def _used(folder: str) -> "list[str]":
    """Which of the videos the training saw, in words."""
    from amclip.ethogram.annotation_file import find_run
    from amclip.ethogram.used import describe_uses, uses_of_run

    run = find_run(folder)
    return [] if run is None else describe_uses(uses_of_run(run) or [])


def _model(checkpoint: str | None, zero_shot: ZeroShotOptions, cropped: bool) -> "tuple[TrainedModel, str]":
    """The network, and its fingerprint; zero-shot looks at animals cut out where there are tracks."""
    from amclip.data.class_name_rules import refuse_class_names
    from amclip.plain import to_plain

    if (checkpoint is None) == (zero_shot.classes is None):
        raise ValueError("give --checkpoint, or --classes 'walking,eating' for zero-shot, and not both")
    if checkpoint is not None:
        if zero_shot.backbone or zero_shot.pretrained:
            raise ValueError("--backbone and --pretrained are for zero-shot; the checkpoint has its own network")
        from amclip.inference import load_model

        return load_model(checkpoint), _digest(Path(checkpoint))
    names = [name.strip() for name in (zero_shot.classes or "").split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"--classes: expected different names with commas between, got {zero_shot.classes!r}")
    refuse_class_names(names, "--classes")
    from amclip.inference import zero_shot_model
    from amclip.inputs import CropInput

    try:
        crop = CropInput() if cropped else None
        model = zero_shot_model(names, zero_shot.backbone, zero_shot.pretrained, crop)
    except ValueError as error:  # names the settings of `amclip fit`, and here they are options
        message = re.sub(r"^(?:network\.)?(backbone|pretrained): ", r"--\1: ", str(error))
        raise ValueError(message.replace("--model.network.pretrained", "--pretrained")) from error
    config = model.network.config
    settings = json.dumps(to_plain([config, model.input, model.classes]), sort_keys=True)
    file = _digest(Path(config.pretrained)) if config.pretrained and Path(config.pretrained).is_file() else ""
    return model, f"zero-shot {hashlib.sha256((settings + file).encode()).hexdigest()}"


def _published(model: "TrainedModel") -> str:
    config = model.network.config
    return f"zero-shot: {config.backbone} {config.pretrained or ''}".rstrip()


def _precision(scoring: ScoringOptions, begun: dict[str, Any]) -> tuple[InferencePrecision, str]:
    """The precision, and in words why; one left open is that of the annotation that was begun, on any machine."""
    precision, why = scoring.chosen_precision
    before: Any = begun.get("precision")
    if scoring.precision == "auto" and before in get_args(InferencePrecision)[1:] and before != precision:
        return before, " (auto: as this annotation was begun)"
    return precision, why


def _decoder_in_words(scoring: ScoringOptions) -> str:
    return "; decoded on the GPU, where that is certain" if scoring.decoder == "gpu" else ""


def _trainer(accelerator: str, machines: MachineOptions) -> Any:
    from lightning.pytorch import Trainer
    from lightning.pytorch.strategies import DDPStrategy

    from amclip.commands.lightning_noise import leave_out_noise
    from amclip.guard import Guard

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # what it says of devices and loops helps nobody
    leave_out_noise("annotate")
    return Trainer(
        accelerator=accelerator,
        devices=machines.devices,
        num_nodes=machines.nodes,
        strategy=DDPStrategy(timeout=_BARRIER_TIMEOUT) if machines.devices * machines.nodes > 1 else "auto",
        callbacks=[Guard()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,  # the data module shares out whole videos
    )


def _plan_in_words(model: "TrainedModel", videos: int, window: float, hop: float, default: bool) -> str:
    where = ""
    if default:
        known = model.clip_seconds is not None
        where = ", as long as its training clips" if known else "; the checkpoint does not say what it was trained on"
    network = model.network
    shared = "" if network.images_alone else "; each window's images are embedded anew"
    between = f"; {hop - window:g} s between windows are not sampled" if hop > window else ""
    cut = "" if model.input.crop is None else "; each tracked animal is cut out"
    return f"{counted(videos, 'video')}, windows of {window:g} s{where}, every {hop:g} s{between}{shared}{cut}"


def _digest(path: Path) -> str:
    """A checkpoint's fingerprint, wherever it lies."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
