"""The ``amclip`` command: Lightning's fit, validate, test and predict, and plain commands beside them."""

import io
import os
import sys
import time
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from amclip.advice import advice, is_out_of_memory
from amclip.interrupt import run_stoppable
from amclip.quick_import import import_torchmetrics, uncollected
from amclip.text import printable

__all__ = ["main"]

OVERVIEW = """\
amclip turns animal video into behaviour labels.

usage: amclip COMMAND [options]        amclip COMMAND --help shows a command's options

First steps
  demo       draw synthetic animals, train on them, test, predict: the whole way in a few minutes
  doctor     what is installed, which devices and backends are there, what is missing

Your own videos
  new        write a commented config from what lies in a folder of videos and labels: amclip new FOLDER
  check      go over a data set before training: amclip check --config configs/own_videos.yaml \\
               --data.source.labels TABLE.csv --data.source.root FOLDER
  fit        train:    amclip fit --config configs/own_videos.yaml --data.source.labels TABLE.csv \\
               --data.source.root FOLDER
  prepare    encode the videos once, so that training reads them several times as fast:
               amclip prepare --config configs/own_videos.yaml --data.source.labels TABLE.csv --output FOLDER
  embed      with a frozen image tower: keep its embeddings, so that trainings take seconds:
               amclip embed --config configs/own_videos.yaml --data.embeddings.folder FOLDER …
  validate   score a checkpoint on the validation clips
  test       score a checkpoint on the test clips:  amclip test --ckpt_path X.ckpt --data.source.labels TABLE.csv
  predict    probabilities for every video of a folder: amclip predict --ckpt_path X.ckpt --data.source.root FOLDER

Long videos
  annotate   behaviours over time, window by window: amclip annotate VIDEOS --checkpoint X.ckpt --output FOLDER
  watch      a camera or a stream as it runs, for experiments that answer behaviour: amclip watch X.ckpt 0
  report     the page to look at, correct and download what was found: amclip report FOLDER
  suggest    what to label next: amclip suggest VIDEOS --checkpoint X.ckpt --output FOLDER
  evaluate   how far an annotation agrees with labels, or two coders with each other:
               amclip evaluate PREDICTED LABELS [--output agreement]
  tune       bout thresholds and lengths that fit labelled videos: amclip tune FOLDER LABELS --output bouts.yaml

Tools
  convert    labels to amclip's table from BORIS, DeepEthogram, FERAL, SimBA, EthoVision, ELAN and others, and to
               some of them: amclip convert SOURCE TARGET [--to boris] [--fps 25] [--window 2]
  export     the network for programs without amclip: amclip export X.ckpt --output model.onnx
  flow       optical flow of a video, to look at or to store: amclip flow VIDEO --output flow.mp4
  boris      amclip inside BORIS, as plug-ins: amclip boris install
  synth      write the synthetic animals as videos with a table of labels
  tracks     what files of SLEAP, DeepLabCut, COCO, MOT or CVAT hold, and as one table: amclip tracks FILES \\
               --output tracks.csv

`amclip fit --data.help amclip.VideoDataModule` and `--model.help amclip.BehaviourTask` explain every setting of data
and model; `amclip fit --config FILE --print_config` prints them all as a config file.
"""

LIGHTNING_COMMANDS = ("fit", "validate", "test", "predict")
PLAIN_COMMANDS = (
    *("annotate", "boris", "check", "convert", "demo", "doctor", "embed"),
    *("evaluate", "export", "flow", "new", "prepare", "report", "suggest", "synth", "tracks", "tune", "watch"),
)


def main(args: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        args: Words of the command line without the program's name; default: those the program was called with.

    Raises:
        SystemExit: With 2 and a message where something about the input is wrong, 1 where a check failed, 128 + the
            signal's number where one ended the command (:mod:`amclip.interrupt`). With the environment variable
            ``AMCLIP_DEBUG=1`` errors are raised as they are, with their traceback.
    """
    words = list(sys.argv[1:] if args is None else args)
    if not words or words[0] in ("-h", "--help", "help"):
        print(OVERVIEW)
        return
    if words[0] == "--version":
        from amclip.version import __version__

        print(f"amclip {__version__}")
        return
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be no UTF-8: show them, in place of an error
        sys.stdout.reconfigure(errors="backslashreplace")
    _warn_in_words()
    command, rest = words[0], words[1:]
    if command not in (*LIGHTNING_COMMANDS, *PLAIN_COMMANDS):
        print(OVERVIEW, file=sys.stderr)
        raise SystemExit(f"amclip: there is no command {command!r}; see the list above")
    run_stoppable(command, lambda: _run_or_explain(command, rest))


def _warn_in_words() -> None:
    """Print warnings of our own without the line of code that gave them; those of others stay as they are."""
    of_others = warnings.formatwarning
    if getattr(of_others, "in_words", False):
        return
    own = os.path.dirname(os.path.abspath(__file__)) + os.sep

    def in_words(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if os.path.abspath(filename).startswith(own):
            return f"warning: {message}\n"
        return of_others(message, category, filename, lineno, line)

    in_words.in_words = True  # type: ignore[attr-defined]
    warnings.formatwarning = in_words


def _run_or_explain(command: str, rest: list[str]) -> None:
    """Run a command; where something about the input is wrong, say so in place of a traceback."""
    if os.environ.get("AMCLIP_DEBUG") == "1":
        _run(command, rest)
        return
    try:
        _run(command, rest)
    except _input_errors() as error:
        _refuse(command, _message(error), error)
    except MemoryError as error:
        _refuse(command, str(error) or "out of memory", error)
    except RuntimeError as error:
        from amclip.guard import explain_lost_process, explain_lost_worker

        message = explain_lost_worker(error) or explain_lost_process(error)
        if message is None and is_out_of_memory(error):
            message = str(error).partition("\n")[0]
        if message is None:
            _tell_unknown(command)
            raise
        if "Terminated" in message:
            time.sleep(1.0)  # was the whole group of processes told to end? Then this one hears of it now
        _refuse(command, message, error)
    except Exception:
        _tell_unknown(command)
        raise


def _tell_unknown(command: str) -> None:
    """Say what to do about an error that nobody thought of, whose traceback follows."""
    print(
        f"amclip {command}: an error came up that amclip has no words for; it is told below. Files that were there are "
        "as they were. Please report it, with the command and what `amclip doctor` says",
        file=sys.stderr,
    )


# Errors of libraries that are about the input too.
_LIBRARY_ERRORS = (
    ("torch", "OutOfMemoryError"),
    ("lightning.fabric.utilities.exceptions", "MisconfigurationException"),
    ("amclip.data.video_file", "VideoError"),
)


def _input_errors() -> tuple[type[Exception], ...]:
    """Errors that are explained without a traceback.

    A library that is not loaded cannot have raised one, and loading it for the name of its error would take seconds.
    """
    loaded = [(sys.modules[module], name) for module, name in _LIBRARY_ERRORS if module in sys.modules]
    return (ValueError, OSError, ModuleNotFoundError, *(getattr(module, name) for module, name in loaded))


def _refuse(command: str, message: str, error: Exception) -> NoReturn:
    if next_step := advice(command, error):
        message = f"{message}\n{next_step}"
    print(f"amclip {command}: {printable(message)}\n(AMCLIP_DEBUG=1 shows where this was raised)", file=sys.stderr)
    raise SystemExit(2) from error


def _message(error: BaseException) -> str:
    """What an error says; where jsonargparse wrapped one of ours in a report on types, ours."""
    while "Does not validate against" in str(error) and error.__cause__ is not None:
        error = error.__cause__
    return str(error)


def _run(command: str, args: list[str]) -> None:
    if os.getcwd() not in sys.path:  # last: classes of the user's own, in the folder where the command is started
        sys.path.append(os.getcwd())
    if command in (*LIGHTNING_COMMANDS, "check", "embed", "prepare"):
        from amclip.commands.given_files import refuse_missing_words

        refuse_missing_words(args)
    if command in LIGHTNING_COMMANDS:
        with uncollected():
            import_torchmetrics()
            from amclip.commands.lightning import AmclipCLI

        AmclipCLI.run(command, args)
    elif command == "check":
        from amclip.commands.check_words import run_check

        run_check(args)
    elif command == "embed":
        from amclip.commands.embed_words import run_embed

        run_embed(args)
    elif command == "prepare":
        from amclip.commands.prepare import run_prepare

        run_prepare(args)
    elif command in ("annotate", "convert", "export", "report", "suggest", "watch"):
        from amclip.commands.parsing import run_command

        run_command(command, args)
    else:
        from jsonargparse import auto_cli

        # Every plain command is one function, or several, in the module of its name; their docstrings are the help.
        function = getattr(import_module(f"amclip.commands.{command}"), command)
        auto_cli(function, args=args, prog=f"amclip {command}", as_positional=True)
