"""`--decoder gpu` of `amclip annotate` and `amclip suggest`: as on the CPU, or on the CPU, and never both in one video.

The GPU is the CPU here, and torchcodec a stand-in that decodes by amclip's own reader.
"""

import csv
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_torchcodec import fake_torchcodec
from numbered_files import encode
from untrained import make_checkpoint

from amclip.cli import main
from amclip.commands import doctor
from amclip.commands.options import ScoringOptions
from amclip.data.gpu_reader import why_no_torchcodec
from amclip.data.probe import probe
from amclip.ethogram import annotator, outputs
from amclip.ethogram.stream import open_windows, stream_windows
from amclip.inference import load_model

pytestmark = pytest.mark.usefixtures("one_thread")
LATE = {"picture": lambda frame: frame + 3 * (frame > 60)}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("model"), {"modality": "frames"}, knowledge={"clip_seconds": 1.2})


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that torchcodec reads, long enough for a second look, and one that it does not."""
    folder = tmp_path_factory.mktemp("recordings")
    encode(folder / "a.mp4", "libx264", range(240), rate=15, options={"g": "15", "sc_threshold": "0"})
    encode(folder / "b.avi", "mpeg4", range(40), rate=15, options={"g": "12"})
    return folder


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU passes for a GPU that decodes."""
    monkeypatch.setattr(ScoringOptions, "refuse_no_decoder", lambda self: None)
    monkeypatch.setattr(outputs._Figure, "draw", lambda *_: None)


def run(command: str, videos: Path, checkpoint: Path, output: Path, *words: str) -> tuple[int, list[str]]:
    """Exit status, and what was warned of."""
    fixed = (f"--checkpoint={checkpoint}", f"--output={output}", "--hop=0.4", "--accelerator=cpu", "--precision=32")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            main([command, str(videos), *fixed, *words])
            status = 0
        except SystemExit as error:
            status = int(error.code or 0)
    return status, [str(one.message) for one in seen if "decoded on the CPU" in str(one.message)]


def table(path: Path, video: str = "") -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if video in row.get("video", "")]


def scores_of(folder: Path, video: str) -> np.ndarray:
    rows = table(folder / "windows.csv", video)
    return np.array([[float(row[name]) for name in ("grooming", "eating", "still")] for row in rows])


def decoders(folder: Path) -> dict[str, str]:
    """What each video's journal says that it was decoded by."""
    lines = [json.loads(path.open("rb").readline()) for path in (folder / ".journal").glob("*.scores")]
    return {Path(line["path"]).name: line["decoder"] for line in lines}


@pytest.fixture(scope="module")
def on_cpu(checkpoint: Path, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("on_cpu")
    assert run("annotate", recordings, checkpoint, output) == (0, [])
    return output


@pytest.mark.usefixtures("gpu")
def test_scores_are_nearly_those_of_the_cpu_and_what_cannot_be_decoded_is_said(
    checkpoint: Path, recordings: Path, on_cpu: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fake_torchcodec() as fake:
        status, told = run("annotate", recordings, checkpoint, tmp_path, "--decoder=gpu")
    assert status == 0
    assert fake.opened == 1
    assert told == ["b.avi: decoded on the CPU, since AVI does not keep when its frames are shown"]
    assert "decoded on the GPU, where that is certain" in capsys.readouterr().out
    assert decoders(tmp_path) == {"a.mp4": "gpu", "b.avi": "cpu"}
    np.testing.assert_array_equal(scores_of(tmp_path, "b.avi"), scores_of(on_cpu, "b.avi"))
    found, want = scores_of(tmp_path, "a.mp4"), scores_of(on_cpu, "a.mp4")
    assert 0 < np.abs(found - want).mean() < 0.1 * np.ptp(want, axis=0).max()
    assert np.ptp(want, axis=0).max() > 0.2
    # An annotation has one decoder.
    assert run("annotate", recordings, checkpoint, tmp_path)[0] == 2
    assert "holds an annotation made with --decoder gpu" in capsys.readouterr().err
    with fake_torchcodec() as fake:  # nothing is scored again
        assert run("annotate", recordings, checkpoint, tmp_path, "--decoder=gpu") == (0, [])
    assert fake.opened == 0


@pytest.mark.usefixtures("gpu")
def test_a_decoder_that_errs_on_the_way_leaves_nothing_behind(
    checkpoint: Path, recordings: Path, on_cpu: Path, tmp_path: Path
) -> None:
    with fake_torchcodec(**LATE):
        status, (told, _) = run("annotate", recordings, checkpoint, tmp_path, "--decoder=gpu")
    assert status == 0
    assert "a.mp4: decoded on the CPU, since frame " in told
    assert decoders(tmp_path) == {"a.mp4": "cpu", "b.avi": "cpu"}
    assert table(tmp_path / "windows.csv") == table(on_cpu / "windows.csv")


@pytest.mark.usefixtures("gpu")
def test_a_run_that_was_stopped_goes_on_with_its_decoder(
    checkpoint: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, words = recordings / "a.mp4", ("--decoder=gpu",)
    with fake_torchcodec():
        assert run("annotate", video, checkpoint, tmp_path / "at_once", *words) == (0, [])

    def stops(*arguments: Any) -> Any:
        for number, scores in enumerate(stream_windows(*arguments)):
            if number == 20:
                raise KeyboardInterrupt
            yield scores

    with fake_torchcodec(), monkeypatch.context() as patch:
        patch.setattr(annotator, "stream_windows", stops)
        assert run("annotate", video, checkpoint, tmp_path / "stopped", *words)[0] == 130
    with fake_torchcodec() as fake:
        assert run("annotate", video, checkpoint, tmp_path / "stopped", *words) == (0, [])
    assert min(map(min, fake.batches)) > 60  # from where it stood
    assert table(tmp_path / "stopped" / "windows.csv") == table(tmp_path / "at_once" / "windows.csv")
    # The file is left to the CPU now, as by another GPU: all of its windows are scored anew.
    monkeypatch.setattr(annotator, "stream_windows", stops)
    with fake_torchcodec():
        assert run("annotate", video, checkpoint, tmp_path / "other", *words)[0] == 130
    monkeypatch.undo()
    monkeypatch.setattr(ScoringOptions, "refuse_no_decoder", lambda self: None)
    with fake_torchcodec(about={"codec": "other"}):
        status, told = run("annotate", video, checkpoint, tmp_path / "other", *words)
    assert (status, len(told)) == (0, 1)
    assert run("annotate", video, checkpoint, tmp_path / "cpu") == (0, [])
    assert table(tmp_path / "other" / "windows.csv") == table(tmp_path / "cpu" / "windows.csv")


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("faults", [{}, LATE], ids=["right", "errs"])
def test_suggest_decodes_so_too(checkpoint: Path, recordings: Path, tmp_path: Path, faults: dict[str, Any]) -> None:
    with fake_torchcodec(**faults) as fake:
        status, told = run("suggest", recordings, checkpoint, tmp_path, "--decoder=gpu", "--count=4")
    assert status == 0
    assert fake.opened == 1
    assert len(told) == (2 if faults else 1)
    assert len(table(tmp_path / "suggestions.csv")) == 4


@pytest.mark.skipif(bool(why_no_torchcodec()), reason=why_no_torchcodec() or "it is here")
def test_torchcodec_itself_gives_the_scores_of_the_cpu(checkpoint: Path, recordings: Path) -> None:
    model, path = load_model(checkpoint), recordings / "a.mp4"
    info: Any = probe([path], progress=False)[path]
    scores = []
    for decoder in ("cpu", "gpu"):
        with open_windows(model, path, info, 1.2, 0.4, decoder) as (video, plan):  # type: ignore[arg-type]
            scores.append(np.concatenate([some.probabilities for some in stream_windows(model, video, plan)]))
    assert 0 < np.abs(scores[0] - scores[1]).mean() < 0.1 * np.ptp(scores[0], axis=0).max()


@pytest.mark.parametrize("command", ["annotate", "suggest"])
def test_without_torchcodec_or_gpu_the_command_says_what_to_do(
    command: str,
    checkpoint: Path,
    recordings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "out"
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    assert run(command, recordings, checkpoint, output, "--decoder=gpu")[0] == 2
    said = capsys.readouterr().err
    assert "--decoder gpu: torchcodec is missing: pip install 'amclip[gpu-decode]'" in said
    assert "Without the option videos are decoded on the CPU" in said
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with fake_torchcodec():
        assert run(command, recordings, checkpoint, output, "--decoder=gpu")[0] == 2
    assert "--decoder gpu: PyTorch finds no GPU of CUDA" in capsys.readouterr().err
    with fake_torchcodec(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.cuda.is_available", lambda: True)
        patch.setattr("amclip.data.gpu_reader._loads", lambda library: True)
        with pytest.raises(ValueError, match="--accelerator cpu leaves the GPU out"):
            ScoringOptions(accelerator="cpu", decoder="gpu").refuse_no_decoder()
        ScoringOptions(decoder="gpu").refuse_no_decoder()
    assert not output.exists()


def test_doctor_says_whether_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torchcodec", None)
        assert doctor._decoding_on_gpu().startswith("not by --decoder gpu: torchcodec is missing")
    with fake_torchcodec():
        assert doctor._decoding_on_gpu().endswith("is here; no GPU to decode on")
        assert doctor.decoding_fails("cpu") == ""
    with fake_torchcodec(picture=lambda frame: frame + 2):
        assert "the CPU's" in doctor.decoding_fails("cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("amclip.data.gpu_reader._loads", lambda library: True)
    for reason, said in (("", "works"), ("no such codec", "does not decode here: no such codec")):
        monkeypatch.setattr(doctor, "decoding_fails", lambda device, reason=reason: reason)
        with fake_torchcodec():
            assert doctor._decoding_on_gpu().endswith(said)
