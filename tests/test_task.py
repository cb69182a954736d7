import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from build import make_data, make_task
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, Timer
from lightning.pytorch.loggers import CSVLogger

from amclip.data.datamodule import VideoDataModule
from amclip.inputs import NetworkInput
from amclip.last_checkpoint import LastCheckpoint
from amclip.losses import LDAM, ClassBalanced
from amclip.models.config import FusionConfig
from amclip.plain import to_plain
from amclip.task import BehaviourTask


def data(drawn: Path, **settings: Any) -> VideoDataModule:
    return make_data(
        **{
            "labels": str(drawn / "labels.csv"),
            "image_size": 32,
            "frame_size": (36, 36),
            "flow_preset": "fast",
            "num_segments": 2,
            "positions_per_segment": 1,
            "num_workers": 0,
            "cache_dir": None,
            **settings,
        }
    )


def task(module: VideoDataModule, **settings: Any) -> BehaviourTask:
    return make_task(
        settings.pop("classes", module.classes),
        {
            "input": module.input,
            "backbone": "amclip-tiny",
            "temporal_heads": 4,
            "learning_rate": 1e-3,
            "backbone_learning_rate": 1e-3,
            **settings,
        },
    )


def trainer(folder: Path, **settings: Any) -> Trainer:
    return Trainer(
        **{
            "accelerator": "cpu",
            "default_root_dir": folder,
            "logger": CSVLogger(folder),
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "enable_checkpointing": False,
            **settings,
        }
    )


@pytest.mark.parametrize("blocks", [0, 1, -1])
@pytest.mark.parametrize("head", ["linear", "text"])
def test_one_step_changes_exactly_what_the_settings_say(drawn: Path, tmp_path: Path, blocks: int, head: str) -> None:
    module = data(drawn, batch_size=8)
    model = task(module, trainable_blocks=blocks, head=head, aggregation="attention", warmup_fraction=0.0)
    with torch.no_grad():  # an even start gives attention no gradient
        model.network.aggregator.score.weight.normal_()
    start: dict[str, torch.Tensor] = {}

    class Remember(Callback):
        def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
            start.update({name: value.detach().clone() for name, value in pl_module.named_parameters()})

    trainer(tmp_path, max_steps=1, limit_val_batches=0, callbacks=[Remember()]).fit(model, module)
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, start[name])}
    trains = {name for name, value in model.named_parameters() if value.requires_grad}
    assert changed == trains
    tower = {name for name in changed if "encoder." in name}
    if blocks == 0:
        assert not tower
    if blocks == 1:
        assert tower
        assert all("resblocks.1." in name or "ln_post" in name or name.endswith("visual.proj") for name in tower)
    if blocks == -1:
        assert "network.encoder.visual.conv1.weight" in tower
    assert not any("text_features" in name for name in changed)


@pytest.mark.parametrize(("sampler", "gathered", "workers"), [("shuffled", 1, 1), ("class-aware", 2, 0)])
def test_resuming_within_an_epoch_equals_not_stopping(
    drawn: Path, tmp_path: Path, sampler: str, gathered: int, workers: int
) -> None:
    class Steps(Callback):
        def __init__(self) -> None:
            self.values: list[tuple[list[int], float]] = []

        def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, *_: Any) -> None:
            self.values.append((batch["clip"].tolist(), float(outputs["loss"])))

    def run(folder: str, stop: int | None = None, ckpt: Path | None = None, **how: Any) -> list[Any]:
        seed_everything(3)
        steps = Steps()

        class Last(LastCheckpoint):
            def on_train_batch_end(self, *of: Any) -> None:
                super().on_train_batch_end(*of)
                if len(steps.values) == stop:
                    raise KeyboardInterrupt

        module = data(drawn, **{"batch_size": 4, "sampler": sampler, "mixup": 0.8, "num_workers": workers, **how})
        model = task(module, temporal_dropout=0.1)

        fitting = trainer(
            tmp_path, max_epochs=2,
            callbacks=[steps, Last(str(tmp_path / folder), every_n_steps=1)], limit_val_batches=1,
            accumulate_grad_batches=gathered, enable_checkpointing=True,
        )  # fmt: skip
        with contextlib.suppress(SystemExit, KeyboardInterrupt):
            fitting.fit(model, module, ckpt_path=ckpt, weights_only=True)
        return steps.values

    whole = run("whole")
    each = len(whole) // 2
    assert each > 4
    for stop in (2, each + 3) if workers else (each - 1,):
        first = run(f"{stop}", stop)
        assert len(first) == stop
        checkpoint = tmp_path / f"{stop}" / "last.ckpt"
        saved = stop // gathered * gathered if stop < each else each + (stop - each) // gathered * gathered
        rest = run(f"{stop} again", ckpt=checkpoint)
        assert [clips for clips, _ in first[:saved] + rest] == [clips for clips, _ in whole]
        assert [loss for _, loss in first[:saved] + rest] == pytest.approx([loss for _, loss in whole], abs=1e-5)
    with pytest.raises(ValueError, match=r"set data\.batch_size times the number of devices to 4"):
        run("others", ckpt=checkpoint, batch_size=2)


def test_resuming_equals_not_stopping(drawn: Path, tmp_path: Path) -> None:
    class Losses(Callback):
        def __init__(self) -> None:
            self.values: list[float] = []

        def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
            self.values.append(float(outputs["loss"]))

    def run(epochs: int, ckpt: Path | None = None, save: Path | None = None) -> list[float]:
        seed_everything(3)
        losses = Losses()
        module = data(drawn, batch_size=8)
        model = task(module, temporal_dropout=0.1)
        # The schedule of both runs is that of three epochs.
        fitting = trainer(tmp_path, max_epochs=3, callbacks=[losses], limit_val_batches=1)
        if save is not None:

            class Stop(Callback):
                def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
                    if trainer.current_epoch == epochs - 1:
                        trainer.should_stop = True

            fitting.callbacks.append(Stop())
        fitting.fit(model, module, ckpt_path=ckpt, weights_only=True)
        if save is not None:
            fitting.save_checkpoint(save)
        return losses.values

    whole = run(3)
    first = run(1, save=tmp_path / "stopped.ckpt")
    rest = run(3, ckpt=tmp_path / "stopped.ckpt")
    assert len(first) == len(whole) // 3
    assert first + rest == pytest.approx(whole, abs=1e-5)


@pytest.mark.parametrize("sampler", ["shuffled", "class-aware"])
def test_losses_are_the_same_to_the_bit_whatever_the_number_of_workers(
    drawn: Path, tmp_path: Path, sampler: str
) -> None:
    class Losses(Callback):
        def __init__(self) -> None:
            self.values: list[float] = []

        def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
            self.values.append(float(outputs["loss"]))

    def run(workers: int) -> list[float]:
        seed_everything(3)
        losses = Losses()
        module = data(drawn, batch_size=3, num_workers=workers, sampler=sampler, mixup=0.8, seed=5)
        model = task(module, temporal_dropout=0.1, warmup_fraction=0.0)
        trainer(tmp_path, max_steps=3, callbacks=[losses], limit_val_batches=0).fit(model, module)
        return losses.values

    alone = run(0)
    assert len(set(alone)) == 3
    assert run(1) == run(3) == alone


def test_pretrained_weights_are_loaded_when_training_starts(drawn: Path, tmp_path: Path) -> None:
    import json

    config = json.loads((Path(__file__).parents[1] / "amclip/models/tiny.json").read_text())
    torch.manual_seed(5)
    weights = tmp_path / "clip.pt"
    clip = open_clip.CLIP(**config)
    torch.save(clip.state_dict(), weights)
    module = data(drawn, image_size=64, frame_size=(64, 64))
    model = task(module, pretrained=str(weights), head="text", trainable_blocks=0)
    trainer(tmp_path, max_steps=1, limit_val_batches=0).fit(model, module)
    torch.testing.assert_close(model.network.encoder.visual.conv1.weight, clip.visual.conv1.weight)
    tokens = open_clip.SimpleTokenizer(context_length=32)([f"a video of an animal, {module.classes[0]}"])
    with torch.no_grad():
        expected = clip.encode_text(tokens)[0]
    torch.testing.assert_close(model.network.classifiers[0].head.text_features[0].detach(), expected)


def xclip_checkpoint(folder: Path) -> Path:
    """A small X-CLIP as transformers saves it."""
    transformers = pytest.importorskip("transformers")
    text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    vision |= {"mit_hidden_size": 32, "mit_intermediate_size": 128, "mit_num_attention_heads": 4}
    vision |= {"image_size": 32, "patch_size": 16, "num_frames": 4}
    torch.manual_seed(2)
    config = transformers.XCLIPConfig(
        text_config=text, vision_config=vision, projection_dim=32, prompt_num_attention_heads=4
    )
    transformers.XCLIPModel(config).save_pretrained(folder)
    return folder


IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
XCLIP = {
    "cross_frame": True,
    "temporal": "mit",
    "video_prompt_layers": 2,
    "video_prompt_heads": 4,
    "head": "text",
    "prompt_templates": ["{}"],
    "fusion": FusionConfig("interleaved"),
}


@pytest.mark.parametrize("message_init", ["zero", "xclip"])
def test_a_published_x_clip_trains_saves_and_predicts(
    drawn: Path, tmp_path: Path, message_init: str, caplog: pytest.LogCaptureFixture
) -> None:
    import logging

    import amclip

    saved = xclip_checkpoint(tmp_path / "published")
    module = data(drawn, batch_size=8, **IMAGENET)
    model = task(
        module,
        backbone=f"xclip-dir:{saved}",
        message_init=message_init,
        trainable_blocks=0,
        warmup_fraction=0.0,
        gradient_checkpointing=True,
        **XCLIP,
    )
    start: dict[str, torch.Tensor] = {}

    class Remember(Callback):
        def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
            start.update({name: value.detach().clone() for name, value in pl_module.named_parameters()})

    settings = {"max_steps": 1, "limit_val_batches": 0, "callbacks": [Remember()], "precision": "bf16-mixed"}
    fitting = trainer(tmp_path, accumulate_grad_batches=2, **settings)
    with caplog.at_level(logging.INFO, logger="lightning.pytorch.utilities.rank_zero"):
        fitting.fit(model, module)
    assert "table of 4 positions in time is interpolated to the 2 images" in caplog.text
    assert "Each clip costs 4 images to embed (for each segment anew, of 2 positions)" in caplog.text
    gates = {name: value for name, value in start.items() if name.endswith("message_gate")}
    assert len(gates) == (2 if message_init == "zero" else 0)
    assert all(value == 1 for value in gates.values())  # published messages are let through
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, start[name])}
    assert changed == {name for name, value in model.named_parameters() if value.requires_grad}
    tower = {name for name in changed if name.startswith("network.encoder.")}
    assert tower
    assert all(".message_" in name for name in tower)
    for part in ("temporal.position", "prompts.alpha", "prompts.patch_projection", "head.bias", "head.log_scale"):
        assert f"network.classifiers.0.{part}" in changed
    checkpoint = tmp_path / "xclip.ckpt"
    fitting.save_checkpoint(checkpoint)
    assert torch.load(checkpoint, weights_only=True)["hyper_parameters"]["network"]["cross_frame"] is True
    saved.rename(tmp_path / "gone")  # the checkpoint needs nothing else
    loaded = amclip.load_model(checkpoint)
    for name, value in loaded.network.state_dict().items():
        torch.testing.assert_close(value, model.network.state_dict()[name])
    video = sorted((drawn / "videos").iterdir())[0]
    assert set(loaded.predict(video)) == set(module.classes)


def test_heads_that_a_published_x_clip_was_not_trained_with_are_refused(drawn: Path, tmp_path: Path) -> None:
    saved = xclip_checkpoint(tmp_path)
    for change in ({"temporal_heads": 8}, {"video_prompt_heads": 8}):
        name = next(iter(change)).replace("temporal_", "temporal.")
        with pytest.raises(ValueError, match=f"{name}: the X-CLIP checkpoint was trained with 4, not 8"):
            task(data(drawn), backbone=f"xclip-dir:{saved}", **{**XCLIP, **change})


@pytest.mark.parametrize("blocks", [0, 1, -1])
def test_one_step_of_the_video_encoder_changes_exactly_what_the_settings_say(
    drawn: Path, tmp_path: Path, blocks: int
) -> None:
    module = data(drawn, batch_size=8)
    model = task(module, trainable_blocks=blocks, warmup_fraction=0.0, **XCLIP)
    with torch.no_grad():  # a closed gate leaves the message behind it next to no gradient
        for name, value in model.named_parameters():
            if name.endswith("message_gate"):
                value.fill_(0.5)
    start = {name: value.detach().clone() for name, value in model.named_parameters()}
    trainer(tmp_path, max_steps=1, limit_val_batches=0).fit(model, module)
    # The text features are set when the training starts, and are not trained.
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, start[name])}
    changed.discard("network.classifiers.0.head.text_features")
    assert changed == {name for name, value in model.named_parameters() if value.requires_grad}
    clip = {name for name in changed if "encoder." in name and ".message_" not in name}
    assert {"resblocks.0." in name for name in clip if "resblocks." in name} == {
        0: set(),
        1: {False},
        -1: {True, False},
    }[blocks]


def test_rates_rise_and_fall_and_each_part_has_its_own(drawn: Path, tmp_path: Path) -> None:
    module = data(drawn, batch_size=4)
    model = task(
        module,
        learning_rate=1e-2,
        backbone_learning_rate=1e-4,
        weight_decay=0.1,
        warmup_fraction=0.25,
        final_fraction=0.1,
    )
    rates: list[list[float]] = []

    class Rates(Callback):
        def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
            rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    fitting = trainer(tmp_path, max_epochs=2, limit_train_batches=4, limit_val_batches=0, callbacks=[Rates()])
    fitting.fit(model, module)
    groups = fitting.optimizers[0].param_groups
    assert len(groups) == 4
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0, 0.1, 0.0]
    heads = [step[2] for step in rates]
    assert len(heads) == 8
    assert heads[:3] == pytest.approx([1e-2 / 3, 2e-2 / 3, 1e-2])  # two steps of warm-up
    assert heads[2:] == sorted(heads[2:], reverse=True)
    assert heads[5] == pytest.approx(1e-2 * (0.1 + 0.9 * 0.5))  # half way down a cosine
    assert [step[0] for step in rates] == pytest.approx([rate / 100 for rate in heads])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    without = {names[id(parameter)] for group in (groups[1], groups[3]) for parameter in group["params"]}
    plain = ("bias", "embedding", "position", "stream")
    assert all(name.endswith(plain) or ".ln_" in name or "norm" in name for name in without)
    assert "network.encoder.visual.conv1.weight" not in without
    tower = {names[id(parameter)] for group in groups[:2] for parameter in group["params"]}
    assert all(name.startswith("network.encoder.") for name in tower)


def test_clips_that_cannot_be_read_are_counted_and_named(drawn: Path, tmp_path: Path) -> None:
    text = (drawn / "labels.csv").read_text().replace("videos/", f"{drawn}/videos/")
    header, *lines = text.splitlines()
    late = lines[0].split(",")[0]
    table = tmp_path / "labels.csv"
    rows = [f"{line.split(',')[0]},,,{','.join(line.split(',')[1:])}" for line in lines]
    rows += [f"{late},90,91,walking,train", f"{late},92,93,walking,val"]
    table.write_text("\n".join(["filepath,start,stop,label,split", *rows]) + "\n")
    assert header == "filepath,label,split"
    module = data(drawn, labels=str(table), root=str(tmp_path))
    fitting = trainer(tmp_path, max_epochs=1)
    with pytest.warns(UserWarning, match="skipped in training: .*has no frame from 90"):
        fitting.fit(task(module), module)
    assert fitting.callback_metrics["train/skipped_clips"] == 1
    assert fitting.callback_metrics["val/unreadable_clips"] == 1


def test_a_model_made_for_other_data_is_refused(drawn: Path, tmp_path: Path) -> None:
    module = data(drawn)
    with pytest.raises(ValueError, match="classes: the data has"):
        trainer(tmp_path, max_steps=1).fit(task(module, classes=module.classes[::-1]), module)
    for change in ({"image_size": 64}, {"positions_per_segment": 2}, {"scheme": "sparse"}):
        other = task(module, input=replace(module.input, **change))
        with pytest.raises(ValueError, match=rf"input\.{next(iter(change))}: the data has"):
            trainer(tmp_path, max_steps=1).fit(other, module)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("weights.pt", b"no weights"),
        ("weights.pt", b""),
        ("weights.safetensors", b"no weights"),
        ("w.safetensors", b""),
    ],
)
def test_weights_that_cannot_be_had_are_named(drawn: Path, tmp_path: Path, name: str, content: bytes) -> None:
    module = data(drawn, image_size=64)
    wrong = tmp_path / name
    wrong.write_bytes(content)
    with pytest.raises(ValueError, match=rf"network.pretrained: .*{name} is no file of weights"):
        trainer(tmp_path, max_steps=1).fit(task(module, pretrained=str(wrong)), module)


def test_a_checkpoint_of_other_classes_is_refused(drawn: Path) -> None:
    model = task(data(drawn))
    with pytest.raises(ValueError, match="trained for the classes"):
        model.on_load_checkpoint({"hyper_parameters": {"classes": ["a", "b"]}})


def test_another_normalisation_than_the_backbones_is_refused(drawn: Path, tmp_path: Path) -> None:
    module = data(drawn, mean=(0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match=r"input.mean is"):
        trainer(tmp_path, max_steps=1).fit(task(module), module)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": []}, "at least one behaviour"),
        ({"classes": "walking"}, "list of at least one behaviour, got 'walking'"),
        ({"learning_rate": -1.0}, "learning_rate: expected 0 or more, got -1"),
        ({"backbone_learning_rate": float("nan")}, "backbone_learning_rate"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"final_fraction": 2.0}, "final_fraction"),
        ({"temporal_layers": -1}, r"temporal\.layers"),
        ({"temporal_heads": 0}, r"temporal\.heads"),
        ({"trainable_blocks": 3}, "has 2 blocks, not 3"),
        ({"input": NetworkInput(image_size=60)}, "image_size: amclip-tiny cuts images into squares"),
        ({"warmup_fraction": 1.0}, "warmup_fraction"),
        ({"prompt_templates": ["a photo"]}, "no {} for the class name"),
    ],
)
def test_settings_out_of_range_are_refused(drawn: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(data(drawn), **change)


def test_real_clips_train_for_a_step(tmp_path: Path) -> None:
    clips = Path(__file__).parent / "data" / "clips"
    module = make_data(
        labels=str(clips / "labels.csv"),
        image_size=32,
        frame_size=(36, 36),
        flow_preset="fast",
        num_segments=2,
        positions_per_segment=2,
        num_workers=0,
        batch_size=4,
        cache_dir=None,
    )
    model = task(module)
    fitting = trainer(tmp_path, max_steps=1, limit_val_batches=0)
    fitting.fit(model, module)
    assert torch.isfinite(fitting.callback_metrics["train/loss"])


class Phases(Callback):
    """Whether LDAM weighs clips, step by step, and a checkpoint in mid-epoch."""

    def __init__(self, save: Path | None = None) -> None:
        self.save, self.seen = save, []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.seen.append(pl_module.loss.reweight)
        if self.save is not None and batch_idx == 0:
            trainer.save_checkpoint(self.save)


def phases(
    drawn: Path, folder: Path, after: float, ckpt: Path | None = None, save: Path | None = None, **ends: Any
) -> list[bool]:
    module = data(drawn, batch_size=2, modality="frames")
    watch = Phases(save)
    callbacks = [watch, *ends.pop("callbacks", [])]
    run = trainer(folder, limit_val_batches=0, callbacks=callbacks, **ends)
    run.fit(task(module, loss=LDAM(reweight_after=after)), module, ckpt_path=ckpt, weights_only=True)
    return watch.seen


def test_ldams_second_phase_begins_within_an_epoch(drawn: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved.ckpt"
    # The default of 0.8, which no epoch of four begins with; and more steps in an epoch than the training has.
    assert phases(drawn, tmp_path, 0.8, max_epochs=4, limit_train_batches=2) == [False] * 7 + [True]
    assert phases(drawn, tmp_path, 0.75, save=saved, max_steps=4, max_epochs=9, limit_train_batches=6) == [
        *(False, False, False, True)
    ]
    # Resumed after its first step, the training has three left, and only the last of them weighs clips.
    assert phases(drawn, tmp_path, 0.75, saved, max_steps=4, max_epochs=9, limit_train_batches=6)[-3:] == [
        *(False, False, True)
    ]


def test_ldams_second_phase_begins_where_time_ends_the_training(drawn: Path, tmp_path: Path) -> None:
    class Late(Timer):
        def time_elapsed(self, stage: Any = "train") -> float:
            return 10.0 + self.steps

        def on_train_batch_start(self, *_: Any) -> None:
            self.steps += 1

    late = Late({"seconds": 14})
    late.steps = 0
    seen = phases(drawn, tmp_path, 12.5 / 14, callbacks=[late], max_epochs=99, limit_train_batches=9)
    assert seen == [False, False, True, True]
    with pytest.raises(ValueError, match=r"set trainer\.max_epochs or trainer\.max_steps"):
        phases(drawn, tmp_path, 0.5, max_time={"hours": 1}, max_epochs=-1)


def test_ldam_weighs_late_and_checkpoints_know_what_was_counted(drawn: Path, tmp_path: Path) -> None:
    module = data(drawn, batch_size=8)
    model = task(module, loss=LDAM(reweight_after=0.5))
    phases: list[bool] = []

    class Watch(Callback):
        def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
            phases.append(pl_module.loss.reweight)

    run = trainer(tmp_path, max_epochs=2, num_sanity_val_steps=0, callbacks=[Watch()])
    run.fit(model, module)
    half = len(phases) // 2
    assert phases == [False] * half + [True] * half
    run.save_checkpoint(tmp_path / "x.ckpt")
    known = torch.load(tmp_path / "x.ckpt", weights_only=True)["amclip"]
    assert module.statistics is not None
    assert known["statistics"] == to_plain(module.statistics)
    assert model.calibrator is not None
    for name in ("biases", "raw_thresholds", "temperatures", "thresholds"):
        assert known["calibrator"][name] == list(getattr(model.calibrator, name))
        assert len(known["calibrator"][name]) == len(module.classes)
    # Calibration keeps the order of clips, so the best threshold is the same clip's.
    cut = torch.tensor(model.calibrator.raw_thresholds)
    torch.testing.assert_close(model.calibrate(cut), torch.tensor(model.calibrator.thresholds))

    alone = tmp_path / "test_only.csv"  # a table that says nothing of the training
    lines = (drawn / "labels.csv").read_text().splitlines()
    alone.write_text("\n".join([lines[0], *(line for line in lines if line.endswith(",test"))]) + "\n")
    other = data(drawn, labels=str(alone), root=str(drawn), classes=module.classes, batch_size=8)
    fresh = task(other, loss=LDAM())
    run = trainer(tmp_path / "again")
    run.test(fresh, other, ckpt_path=tmp_path / "x.ckpt", weights_only=True)
    assert fresh.statistics == module.statistics
    assert "test/F1_at_thresholds_tuned_on_val" in run.callback_metrics


def test_a_loss_that_counts_clips_refuses_data_that_cannot_say(drawn: Path, tmp_path: Path) -> None:
    module = data(drawn, batch_size=8)
    module.setup("fit")
    model = task(module, loss=ClassBalanced())
    with pytest.raises(ValueError, match=r"model.loss: ClassBalanced needs .* NoneType has no statistics"):
        trainer(tmp_path, max_steps=1).fit(model, module.train_dataloader())
