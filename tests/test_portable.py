"""A network that leaves amclip answers as it did."""

import importlib
import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import untrained

from amclip.calibration import Calibrator
from amclip.cli import main
from amclip.inference import TrainedModel, load_model
from amclip.inputs import MotionInput
from amclip.portable import AGREEMENT, PortableNetwork, describe, example_clips, write_pt2

DOCS = Path(__file__).parents[1] / "docs"
KNOWN = Calibrator((8.0, 4.0, 1.0), (0.3, -0.2, 0.0), (0.5, 0.4, 0.6), (0.0,) * 3).to_dict()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames, flow images and numbers of motion, joined late; all but sure of its answers."""
    data = {"flow_motion": MotionInput(), "num_segments": 1, "positions_per_segment": 2}
    path = untrained.make_checkpoint(tmp_path_factory.mktemp("portable"), data, {"calibrator": KNOWN})
    content = torch.load(path, weights_only=True)
    content["state_dict"]["network.classifiers.0.head.linear.weight"] *= 8
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> TrainedModel:
    return load_model(checkpoint)


def test_what_leaves_is_what_amclip_gives_calibrated(model: TrainedModel) -> None:
    clips = example_clips(model, 2)
    assert list(clips) == ["images", "segments", "motion"]
    with torch.inference_mode():
        logits = model.network(*clips.values())
        expected = model.calibrate(model.log_odds(logits))
        found = PortableNetwork(model)(*clips.values())
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert float(logits.max()) > 17  # a probability of 1 in float32, of which nothing could be calibrated
    by_hand = 1 / (1 + np.exp(-(logits.double().numpy() / KNOWN["temperatures"] + KNOWN["biases"])))
    np.testing.assert_allclose(found.numpy(), by_hand, rtol=0, atol=1e-7)


def test_what_it_takes_is_described(model: TrainedModel) -> None:
    said = json.loads(json.dumps(describe(model)))
    assert said["classes"] == list(model.classes)
    assert said["thresholds"] == [0.5, 0.4, 0.6]
    assert said["streams"] == ["frame", "flow image"]
    assert said["segments"] == [[0, 1]]
    shapes = {name: tuple(one["shape"][1:]) for name, one in said["inputs"].items()}
    assert shapes == {name: tuple(one.shape[1:]) for name, one in example_clips(model, 1).items()}
    assert said["settings"] == model.input.to_dict() | {"frame_size": [36, 36]} | {
        name: list(getattr(model.input, name)) for name in ("mean", "std")
    }


def test_a_program_of_torch_export_takes_any_number_of_clips(
    model: TrainedModel, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.pt2"
    main(["export", str(checkpoint), "--output", str(target)])
    assert "differ from amclip's by" in capsys.readouterr().out
    assert json.loads((tmp_path / "model.json").read_text()) == json.loads(json.dumps(describe(model)))
    loaded, clips = torch.export.load(target).module(), example_clips(model, 5, seed=9)
    with torch.inference_mode():
        torch.testing.assert_close(
            loaded(*clips.values()), PortableNetwork(model)(*clips.values()), rtol=0, atol=AGREEMENT
        )


def test_onnxruntime_gives_what_amclip_gives(checkpoint: Path, model: TrainedModel, tmp_path: Path) -> None:
    runtime: ModuleType = pytest.importorskip("onnxruntime", reason="pip install 'amclip[export]'")
    pytest.importorskip("onnxscript", reason="pip install 'amclip[export]'")
    main(["export", str(checkpoint), "--output", str(tmp_path / "model.onnx")])
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    clips = example_clips(model, 5, seed=9)
    assert [one.name for one in session.get_inputs()] == list(clips)
    (found,) = session.run(["probabilities"], {name: value.numpy() for name, value in clips.items()})
    with torch.inference_mode():
        expected = PortableNetwork(model)(*clips.values())
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=AGREEMENT)


@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_what_the_guide_shows_gives_what_amclip_gives(
    kind: str, checkpoint: Path, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxruntime", reason="pip install 'amclip[export]'")
        pytest.importorskip("onnxscript", reason="pip install 'amclip[export]'")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/best.ckpt").write_bytes(checkpoint.read_bytes())
    untrained.write_animals(tmp_path / "clip.mp4", seconds=2.0)
    main(["export", "checkpoints/best.ckpt", "--output", f"model.{kind}"])
    shown = re.findall(r"```python\n(.*?)```", (DOCS / "export.md").read_text("utf-8"), re.S)
    (block,) = (one for one in shown if f'"model.{kind}"' in one)
    left: dict[str, object] = {}
    exec(block, left)
    seen, segments = model.see("clip.mp4", 0.0, 2.0)
    with torch.inference_mode():
        expected = PortableNetwork(model)(seen.images, segments, seen.motion)[0]
    found = np.asarray(left["probabilities"]).reshape(-1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=AGREEMENT)


def test_the_page_has_every_kind_of_network_and_the_guide_all_that_are_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "benchmarks"))
    benchmark = importlib.import_module("export")

    def table(page: str, heading: str) -> list[list[str]]:
        rows = (DOCS / page).read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.startswith("|")][2:]

    page = [*table("benchmarks/export.md", "Networks"), *table("benchmarks/export.md", "Towers")]
    kinds = [*benchmark.KINDS, benchmark.SURE, benchmark.EXCLUSIVE, *benchmark.tiny_towers()]
    assert [row[0] for row in page] == kinds
    measured = re.compile(r"\de[-+]\d\d")
    refused = [row[0] for row in page if not all(measured.fullmatch(cell) for cell in row[1:3])]
    assert [row[0] for row in table("export.md", "Which networks")] == refused


def test_a_network_that_cannot_be_followed_leaves_no_file(
    model: TrainedModel, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_value(logits: torch.Tensor) -> torch.Tensor:
        return logits if float(logits.sum()) > 0 else -logits

    monkeypatch.setattr(type(model.loss), "log_odds", lambda self, logits: by_value(logits))
    with pytest.raises(ValueError, match=r"torch\.export cannot follow this network \(\w+: .*"):
        write_pt2(model, tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []


def test_other_names_and_the_checkpoint_itself_are_refused(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, reason in (("model.pt", "expected a name that ends in .onnx or .pt2"), ("model", "ends in .onnx")):
        with pytest.raises(SystemExit):
            main(["export", str(checkpoint), "--output", name])
        assert reason in capsys.readouterr().err
