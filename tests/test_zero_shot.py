"""Class names and prompts alone: `amclip test` and `predict` against open_clip called by hand."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from build import make_data
from test_task import data, task, trainer
from torch.nn import functional as F

from amclip.cli import main
from amclip.data.synthetic import BEHAVIOURS
from amclip.losses import CrossEntropy

ROOT = Path(__file__).parents[1]
CLASSES = ["walking", "eating grass"]
TEMPLATES = ["a photo of an animal that is {}", "a video of an animal, {}", "an animal {} in the wild"]
BACKGROUND = ["a photo of an animal", "a video of an animal", "an animal in the wild"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[open_clip.CLIP, Path]:
    config = json.loads((ROOT / "amclip/models/tiny.json").read_text())
    torch.manual_seed(7)
    model = open_clip.CLIP(**config).eval()
    with torch.no_grad():
        model.logit_scale.fill_(math.log(40.0))
    path = tmp_path_factory.mktemp("clip") / "clip.pt"
    torch.save(model.state_dict(), path)
    return model, path


def arguments(weights: Path, *more: str) -> list[str]:
    return [
        f"--config={ROOT / 'configs/zero_shot.yaml'}",
        "--model.network.backbone=amclip-tiny",
        f"--model.network.pretrained={weights}",
        "--input.image_size=64",
        "--input.frame_size=[64,64]",
        "--data.num_workers=0",
        "--data.cache_dir=null",
        "--trainer.accelerator=cpu",
        "--trainer.enable_progress_bar=false",
        *more,
    ]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def text_of(model: open_clip.CLIP, sentences: list[str]) -> torch.Tensor:
    tokens = open_clip.SimpleTokenizer(context_length=32)(sentences)
    with torch.no_grad():
        return F.normalize(model.encode_text(tokens, normalize=True).mean(dim=0), dim=-1)


@pytest.mark.parametrize("closed", [True, False])
def test_predict_equals_open_clip_by_hand(
    clip: tuple[open_clip.CLIP, Path], drawn: Path, tmp_path: Path, closed: bool
) -> None:
    model, weights = clip
    videos = tmp_path / "videos"
    videos.mkdir()
    for video in sorted((drawn / "videos").iterdir())[:3]:
        (videos / video.name).write_bytes(video.read_bytes())
    output = tmp_path / "out.csv"
    lists = ["--model.loss=CrossEntropy", "--model.network.head.background_prompts=[]"] if closed else []
    where = [
        f"--data.source.root={videos}",
        f"--data.source.classes={json.dumps(CLASSES)}",
        f"--predictions.path={output}",
    ]
    main(["predict", *arguments(weights, *lists, *where)])
    settings: dict[str, Any] = {"scheme": "sparse", "num_segments": 1, "positions_per_segment": 8, "modality": "frames"}
    module = make_data(
        root=str(videos), classes=CLASSES, image_size=64, frame_size=(64, 64), num_workers=0, cache_dir=None, **settings
    )
    module._trainer_stage = lambda: "predict"  # type: ignore[method-assign]
    module.setup("predict")
    batch = module.on_after_batch_transfer(next(iter(module.predict_dataloader())), 0)
    with torch.no_grad():
        embedded = model.encode_image(batch["images"].flatten(0, 2)).unflatten(0, (3, 8)).mean(dim=1)
    video = F.normalize(embedded, dim=-1)
    names = torch.stack([text_of(model, [template.format(name) for template in TEMPLATES]) for name in CLASSES])
    expected = (40 * video @ names.T).softmax(dim=1)
    if not closed:
        expected = torch.sigmoid(40 * (video @ names.T - (video @ text_of(model, BACKGROUND))[:, None]))
    got = torch.tensor([[float(row[name]) for name in CLASSES] for row in rows(output)])
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-4)
    assert float(got.std(dim=0).max()) > 1e-5  # the videos are told apart


def test_test_scores_the_tables_classes(clip: tuple[open_clip.CLIP, Path], drawn: Path, tmp_path: Path) -> None:
    output = tmp_path / "test.csv"
    paths = [
        f"--data.source.labels={drawn / 'labels.csv'}",
        f"--data.source.root={drawn}",
        f"--predictions.test_path={output}",
    ]
    main(["test", *arguments(clip[1], *paths, f"--trainer.logger.save_dir={tmp_path}")])
    tested = rows(output)
    assert len(tested) == sum(row["split"] == "test" for row in rows(drawn / "labels.csv"))
    assert set(BEHAVIOURS) <= tested[0].keys()


def test_a_published_x_clip_classifies_without_training(drawn: Path, tmp_path: Path) -> None:
    from test_task import IMAGENET, XCLIP, xclip_checkpoint

    saved = xclip_checkpoint(tmp_path / "published")
    module = data(drawn, modality="frames", num_segments=1, positions_per_segment=4, batch_size=40, **IMAGENET)
    model = task(module, backbone=f"xclip-dir:{saved}", zero_shot=True, loss=CrossEntropy(), **XCLIP)
    trainer(tmp_path).test(model, module, verbose=False)
    transformers = pytest.importorskip("transformers")
    theirs = transformers.XCLIPModel.from_pretrained(saved).eval()
    batch = module.on_after_batch_transfer(next(iter(module.test_dataloader())), 0)
    tokens = open_clip.SimpleTokenizer(context_length=77)(module.classes)
    with torch.no_grad():
        expected = theirs(input_ids=tokens, pixel_values=batch["images"][:, :, 0]).logits_per_video
        torch.testing.assert_close(model(batch["images"], batch["segments"]), expected, rtol=0, atol=1e-4)


def test_a_model_with_a_bias_of_its_own_needs_no_background(drawn: Path, tmp_path: Path) -> None:
    """SigLIP's sigmoid was trained with a bias, so its cosines have a zero."""
    config = json.loads((ROOT / "amclip/models/tiny.json").read_text())
    config["init_logit_bias"], config["init_logit_scale"] = -6.0, math.log(110.0)
    torch.manual_seed(3)
    model = open_clip.CLIP(**config).eval()
    (tmp_path / "siglip.json").write_text(json.dumps(config))
    torch.save(model.state_dict(), tmp_path / "siglip.pt")
    module = data(drawn, modality="frames", num_segments=1, image_size=64, frame_size=(64, 64), batch_size=40)
    mine = task(
        module,
        backbone=str(tmp_path / "siglip.json"),
        pretrained=str(tmp_path / "siglip.pt"),
        head="text",
        temporal_layers=0,
        prompt_templates=["{}"],
        zero_shot=True,
    )
    trainer(tmp_path).test(mine, module, verbose=False)
    batch = module.on_after_batch_transfer(next(iter(module.test_dataloader())), 0)
    tokens = open_clip.SimpleTokenizer(context_length=32)(module.classes)
    with torch.no_grad():
        expected, _ = model.get_logits(batch["images"][:, 0, 0], tokens)
        torch.testing.assert_close(mine(batch["images"], batch["segments"]), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--input.modality=interleaved"], "flow images mean nothing"),
        (["--input.modality=flow"], "flow images mean nothing"),
        (["--model.network.temporal.layers=1"], "a transformer that nobody trained"),
        (
            ["--model.network.head.kind=linear", "--model.network.head.background_prompts=[]"],
            "zero-shot compares with the class names",
        ),
        (["--model.network.pretrained=null"], "nothing but published weights"),
        (["--model.network.head.background_prompts=[]"], "CLIP's cosines have no zero"),
        (["--model.network.cross_frame=true"], "messages that nobody trained"),
        (["--data.source.classes=null"], "knows no behaviours but those you name"),
    ],
)
def test_what_cannot_say_anything_is_refused(
    clip: tuple[open_clip.CLIP, Path],
    drawn: Path,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    message: str,
) -> None:
    where = [f"--data.source.root={drawn / 'videos'}", f"--data.source.classes={json.dumps(CLASSES)}"]
    with pytest.raises(SystemExit) as stopped:
        main(["predict", *arguments(clip[1], *where, *change)])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_it_does_not_train(clip: tuple[open_clip.CLIP, Path], drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [f"--data.source.labels={drawn / 'labels.csv'}", f"--data.source.root={drawn}", "--trainer.fast_dev_run=1"]
    with pytest.raises(SystemExit):
        main(["fit", *arguments(clip[1], *paths)])
    assert "zero_shot classifies without training" in capsys.readouterr().err


def test_nothing_is_fetched_that_was_not_named(monkeypatch: pytest.MonkeyPatch, drawn: Path, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise AssertionError("a download")

    for name in ("open_clip.factory.download_pretrained", "open_clip.factory.download_pretrained_from_hf"):
        monkeypatch.setattr(name, refuse)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    module = data(drawn, modality="frames", num_segments=1, image_size=64, frame_size=(64, 64))
    model = task(module, pretrained="synthetic", head="text", temporal_layers=0, zero_shot=True, loss=CrossEntropy())
    trainer(tmp_path, limit_test_batches=1).test(model, module, verbose=False)
