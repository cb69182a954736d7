"""Settings of training beyond the plain one: each acts, and nothing else changes."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from test_task import data, task, trainer
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel

import amclip
from amclip.averaging import MovingAverage, warmed_decay


class Batches(Callback):
    """Keeps training batches."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append(batch)


class Weights(Callback):
    """Keeps one weight after every step, and as validation sees it."""

    def __init__(self, name: str) -> None:
        self.name, self.steps, self.validated = name, [], []

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self.steps.append(self._now(pl_module))

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        self.steps.append(self._now(pl_module))

    def on_validation_batch_start(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        if not trainer.sanity_checking:
            self.validated.append(self._now(pl_module))

    def _now(self, module: Any) -> torch.Tensor:
        return module.state_dict()[self.name].clone()


HEAD = "network.classifiers.0.head.linear.weight"


@pytest.mark.parametrize("lora", [0, 2])
def test_the_moving_average_is_what_is_validated_saved_and_loaded(drawn: Path, tmp_path: Path, lora: int) -> None:
    module = data(drawn, batch_size=8)
    model = task(module, ema_decay=0.999, warmup_fraction=0.0, lora_rank=lora)
    weights, saving = Weights(HEAD), ModelCheckpoint(tmp_path, filename="best")
    fitting = trainer(
        tmp_path,
        max_epochs=1,
        limit_train_batches=3,
        limit_val_batches=1,
        callbacks=[weights, saving],
        enable_checkpointing=True,
    )
    fitting.fit(model, module)
    first, second, third = weights.steps[1:]
    assert not torch.equal(first, third)
    # The decay grows: 2/11 at the second step, 3/12 at the third.
    average = 3 / 12 * (2 / 11 * first + 9 / 11 * second) + 9 / 12 * third
    torch.testing.assert_close(weights.validated[0], average)
    stored = torch.load(tmp_path / "best.ckpt", weights_only=True)
    torch.testing.assert_close(stored["state_dict"][HEAD], average)
    torch.testing.assert_close(stored["current_model_state"][HEAD], third)  # a resumed training goes on from these
    loaded = amclip.load_model(tmp_path / "best.ckpt")
    torch.testing.assert_close(loaded.network.state_dict()[HEAD.removeprefix("network.")], average)


@pytest.mark.parametrize(("decay", "steps", "least"), [(0.999, 72, 0.85), (0.9999, 300, 0.85), (0.5, 72, 0.98)])
def test_the_moving_average_is_of_what_was_learned_from_the_first_steps_on(
    decay: float, steps: int, least: float
) -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(network, **MovingAverage(decay)._kwargs)
    for step in range(steps):  # a weight that grows from 0 to 1: an average of its last few values is near to it
        torch.nn.init.constant_(network.weight, (step + 1) / steps)
        average.update_parameters(network)
    assert least < float(average.module.weight.detach()) < 1
    number = torch.tensor([0, 8, 80, 10**6])
    assert warmed_decay(number, 0.999).tolist() == pytest.approx([0.1, 0.5, 0.9, 0.999])


def test_a_training_with_a_moving_average_goes_on_as_if_it_had_not_stopped(drawn: Path, tmp_path: Path) -> None:
    def run(epochs: int, ckpt: Path | None = None) -> tuple[torch.Tensor, Trainer]:
        torch.manual_seed(3)
        module = data(drawn, batch_size=8)
        model = task(module, ema_decay=0.999, warmup_fraction=0.0)

        class Stop(Callback):
            def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
                if trainer.current_epoch == epochs - 1:
                    trainer.should_stop = True
                    trainer.save_checkpoint(tmp_path / f"{epochs}.ckpt")

        fitting = trainer(tmp_path, max_epochs=2, limit_train_batches=2, limit_val_batches=0, callbacks=[Stop()])
        fitting.fit(model, module, ckpt_path=ckpt, weights_only=True)
        return model.state_dict()[HEAD].clone(), fitting

    whole, _ = run(2)
    run(1)
    again, _ = run(2, tmp_path / "1.ckpt")
    torch.testing.assert_close(again, whole, rtol=0, atol=1e-6)


def test_lora_without_a_scale_is_refused(drawn: Path) -> None:
    pytest.importorskip("peft")
    with pytest.raises(ValueError, match=r"lora_alpha: expected 1 or more, got 0"):
        task(data(drawn), lora_rank=2, lora_alpha=0)


@pytest.mark.parametrize("cross_frame", [False, True])
@pytest.mark.parametrize("blocks", [1, -1])
def test_lora_starts_at_clip_and_trains_in_place_of_its_weights(
    drawn: Path, tmp_path: Path, blocks: int, cross_frame: bool
) -> None:
    pytest.importorskip("peft")
    module = data(drawn, image_size=64, frame_size=(64, 64), batch_size=8)
    settings = {"pretrained": "synthetic", "trainable_blocks": blocks, "cross_frame": cross_frame}
    plain = task(module, **settings)
    model = task(module, lora_rank=2, lora_alpha=4, warmup_fraction=0.0, gradient_checkpointing=True, **settings)
    start: dict[str, torch.Tensor] = {}
    images = torch.randn(2, 2, 2, 3, 64, 64)

    class Remember(Callback):
        def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
            start.update({name: value.detach().clone() for name, value in pl_module.named_parameters()})
            plain.network.encoder.load_clip(clip_weights())
            for network in (plain.network, pl_module.network):
                for name, value in network.named_parameters():
                    if name.endswith("message_gate"):
                        torch.nn.init.zeros_(value)
            with torch.no_grad():
                rows = images.flatten(0, 2)
                torch.testing.assert_close(pl_module.network.encoder(rows), plain.network.encoder(rows))

    fitting = trainer(tmp_path, max_steps=1, limit_val_batches=0, callbacks=[Remember()])
    fitting.fit(model, module)
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, start[name])}
    tower = {name for name in changed if "encoder." in name and ".message_" not in name}
    # LoRA's second matrix starts at zero, so the first step moves it; the first matrix it moves by decay alone.
    assert all("lora_" in name for name in tower)
    moved = {name for name in tower if "lora_B" in name}
    touched = {int(name.split("resblocks.")[1].split(".")[0]) for name in moved}
    assert touched == ({1} if blocks == 1 else {0, 1})
    for part in ("attn.lora_B", "out_proj.lora_B", "c_fc.lora_B", "c_proj.lora_B"):
        assert any(part in name for name in moved), part
    size = sum(value.numel() for name, value in model.named_parameters() if "lora_" in name)
    assert size < 0.1 * sum(value.numel() for value in plain.network.encoder.parameters())
    fitting.save_checkpoint(tmp_path / "lora.ckpt")
    loaded = amclip.load_model(tmp_path / "lora.ckpt")
    with torch.no_grad():
        segments = torch.tensor([[[0], [1]]]).expand(2, -1, -1)
        expected = model.eval()(images, segments)
        torch.testing.assert_close(loaded.network(images, segments), expected)


def clip_weights() -> dict[str, torch.Tensor]:
    from amclip.models.pretrained import describe_backbone, load_pretrained

    architecture = describe_backbone("amclip-tiny", "synthetic", 64)
    return load_pretrained("amclip-tiny", "synthetic", architecture).visual


def test_lora_that_could_not_train_is_refused(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="trainable_blocks other than 0"):
        task(data(drawn), lora_rank=2, trainable_blocks=0)
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(ModuleNotFoundError, match=r"amclip\[lora\]"):
        task(data(drawn), lora_rank=2)


@pytest.mark.parametrize("switch", [True, False])
def test_the_compile_switch_compiles(
    drawn: Path, tmp_path: Path, switch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:  # what PyTorch calls with every graph that it traced
        compiled.append(graph)
        return graph.forward

    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda *args, **kwargs: original(*args, **{**kwargs, "backend": backend}))
    module = data(drawn, batch_size=8)
    model = task(module, compile=switch, cross_frame=True)
    fitting = trainer(tmp_path, max_steps=1, limit_val_batches=0)
    fitting.fit(model, module)
    assert bool(compiled) is switch
    assert torch.isfinite(fitting.callback_metrics["train/loss"])
    fitting.save_checkpoint(tmp_path / "compiled.ckpt")
    amclip.load_model(tmp_path / "compiled.ckpt")  # its weights have their plain names


def test_training_mixes_clips_and_validation_does_not(drawn: Path, tmp_path: Path) -> None:
    plain, mixed, validated = Batches(), Batches(), []

    class Validated(Callback):
        def on_validation_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, *_: Any) -> None:
            validated.append(batch["labels"])

    still = {"flip": 0.0, "crop_scale": (1.0, 1.0), "color_jitter": 0.0, "batch_size": 8}
    for seen, settings in ((plain, {}), (mixed, {"mixup": 0.8})):
        module = data(drawn, **still, **settings)
        fitting = trainer(tmp_path, max_steps=1, limit_val_batches=1, callbacks=[seen, Validated()])
        fitting.fit(task(module), module)
    before, after = plain.seen[0], mixed.seen[0]
    assert before["clip"].tolist() == after["clip"].tolist()
    # Each clip of a pair and its labels keep one share, and the rest is the other's: frames, flow images, labels alike.
    shares = []
    for first in range(0, 8, 2):
        images, labels = (before[name][first : first + 2] for name in ("images", "labels"))
        share = ((after["images"][first : first + 2] - images.flip(0)) / (images - images.flip(0))).nanmedian()
        assert 0 < float(share) < 1
        for name, of in (("images", images), ("labels", labels)):
            wanted = share * of + (1 - share) * of.flip(0)
            torch.testing.assert_close(after[name][first : first + 2], wanted, rtol=0, atol=1e-4)
        shares.append(round(float(share), 3))
    assert len(set(shares)) == 4
    assert all(set(values.unique().tolist()) <= {0.0, 1.0} for values in validated)


@pytest.mark.parametrize("aggregation", ["mean", "max"])
def test_several_views_of_a_clip_are_tested_as_one(drawn: Path, tmp_path: Path, aggregation: str) -> None:
    settings = {"frame_size": (36, 48), "batch_size": 4, "positions_per_segment": 2}
    module = data(drawn, temporal_views=2, spatial_views=3, **settings)
    torch.manual_seed(0)
    model = task(module, view_aggregation=aggregation, backbone="amclip-tiny")
    predicted: list[torch.Tensor] = []
    sizes: list[tuple[int, ...]] = []

    class Keep(Callback):
        def on_test_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
            predicted.append(outputs)
            sizes.append(tuple(batch["images"].shape[:3]))

    testing = trainer(tmp_path, limit_test_batches=1, callbacks=[Keep()])
    testing.test(model, module, verbose=False)
    assert sizes == [(4 * 6, 4, 2)]
    # The same by hand: eight positions in time, of which a view has every other one, and three crops of each.
    dataset = module.datasets["test"]
    model.eval()
    for row in range(4):
        sample = dataset[row]
        assert len(sample["frames"]) == 8
        scores = []
        for t in range(2):
            for left in (0, 6, 12):
                frames = sample["frames"][None, t::2, ..., left : left + 36]
                with torch.no_grad():
                    logits = model(module.preprocess(frames, shown=(1.0, 0.75)).images, sample["segments"][None])
                scores.append(logits[0].double().sigmoid())
        views = torch.stack(scores)
        expected = views.mean(dim=0) if aggregation == "mean" else views.amax(dim=0)
        torch.testing.assert_close(predicted[0][row], expected, rtol=0, atol=1e-4)
    assert testing.callback_metrics["test/loss"] > 0
    seen = Batches()
    trainer(tmp_path, max_steps=1, limit_val_batches=0, callbacks=[seen]).fit(model, module)
    assert seen.seen[0]["images"].shape[:2] == (4, 4)  # training looks once


@pytest.mark.parametrize(("cross_frame", "images"), [(False, 8), (True, 16)])
def test_the_cost_of_a_clip_is_said_and_true(
    drawn: Path, tmp_path: Path, cross_frame: bool, images: int, caplog: pytest.LogCaptureFixture
) -> None:
    # Two semi-dense segments of four positions, two their own and two the other's, so four positions of two views.
    module = data(drawn, scheme="semi-dense", positions_per_segment=4, batch_size=2)
    model = task(module, cross_frame=cross_frame)
    embedded: list[int] = []
    model.network.encoder.visual.conv1.register_forward_hook(lambda _, inputs, __: embedded.append(len(inputs[0])))
    with caplog.at_level(logging.INFO, logger="lightning.pytorch.utilities.rank_zero"):
        trainer(tmp_path, max_steps=1, limit_val_batches=0).fit(model, module)
    assert embedded == [2 * images]
    assert f"Each clip costs {images} images to embed" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ema_decay": 1.0}, "ema_decay: expected 0"),
        ({"layer_decay": 0.0}, "layer_decay: expected a factor"),
        ({"view_aggregation": "median"}, "view_aggregation: expected mean or max"),
    ],
)
def test_settings_out_of_range_are_refused(drawn: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(data(drawn), **change)


def test_views_out_of_range_are_refused(drawn: Path) -> None:
    for name in ("temporal_views", "spatial_views"):
        with pytest.raises(ValueError, match=f"{name.removesuffix('_views')}: expected 1 or more"):
            data(drawn, **{name: 0})


def test_cross_entropy_takes_mixed_labels() -> None:
    from amclip.losses import CrossEntropy

    logits, labels = torch.randn(2, 3), torch.tensor([[0.3, 0.7, 0.0], [1.0, 0.0, 0.0]])
    torch.testing.assert_close(CrossEntropy()(logits, labels), F.cross_entropy(logits, labels))
