"""The command line as a user calls it, on drawn clips, with a network of a few thousand weights."""

import contextlib
import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import torch
from drawn import draw_video

import amclip
from amclip.cli import main
from amclip.data import boris_columns
from amclip.data.synthetic import BEHAVIOURS
from amclip.ethogram import outputs
from amclip.inference import load_model

ROOT = Path(__file__).parents[1]
FAST = [
    f"--config={ROOT / 'configs/demo.yaml'}",
    "--trainer.max_epochs=1",
    "--trainer.log_every_n_steps=1",
    "--trainer.enable_progress_bar=false",
    "--data.num_workers=0",
    "--input.positions_per_segment=1",
    "--input.num_segments=2",
    "--data.cache_dir=null",
]


def data(drawn: Path) -> list[str]:
    return [f"--data.source.labels={drawn / 'labels.csv'}", f"--data.source.root={drawn}"]


def fit(drawn: Path, folder: Path, *more: str) -> Path:
    main(["fit", *FAST, *data(drawn), f"--trainer.logger.save_dir={folder}", *more])
    return folder / "version_0" / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="session")
def checkpoint(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(drawn, tmp_path_factory.mktemp("runs"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_checkpoint_is_plain_and_holds_what_prediction_needs(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    assert content["hyper_parameters"]["classes"] == sorted(BEHAVIOURS)
    assert content["hyper_parameters"]["input"]["flow"]["preset"] == "fast"
    assert content["amclip"]["clip_seconds"] == 1.4


def test_the_videos_of_the_training_are_known_to_the_checkpoint_and_said_of_annotations_and_tests(
    checkpoint: Path, drawn: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rows(drawn / "labels.csv")
    by_split = {name: sorted({r["filepath"] for r in table if r["split"] == name}) for name in ("train", "val", "test")}
    used = amclip.load_model(checkpoint).used
    assert used is not None
    for split in ("train", "val"):
        assert [video.name for video in used.by_split[split]] == by_split[split]
    monkeypatch.setattr(outputs._Figure, "draw", lambda *_: None)
    chosen = [by_split[name][0] for name in ("train", "val", "test")]
    copies = [tmp_path / "copies" / Path(name).name for name in chosen]
    copies[0].parent.mkdir()
    for name, copy in zip(chosen, copies, strict=True):
        copy.write_bytes((drawn / name).read_bytes())
    main(["annotate", *map(str, copies), f"--checkpoint={checkpoint}", f"--output={tmp_path / 'run'}", "--hop=1"])
    assert f"the network was trained on 1 of 3 videos: {copies[0].name}. It knows" in capfd.readouterr().out
    told = {one["video"]: one for one in json.loads((tmp_path / "run" / "annotation.json").read_text())["videos"]}
    assert [list(told[copy.name]["used_in"]) for copy in copies] == [["train"], ["val"], []]
    # In another table a training video is one to be tested.
    (tmp_path / "labels.csv").write_text(f"filepath,label,split\n{chosen[0]},walking,test\n{chosen[2]},walking,test\n")
    others = (f"--data.source.labels={tmp_path / 'labels.csv'}", f"--data.source.root={drawn}")
    classes = f"--data.source.classes=[{','.join(sorted(BEHAVIOURS))}]"
    words = (*others, classes, f"--trainer.logger.save_dir={tmp_path}", "--data.cache_dir=null", "--data.num_workers=0")
    with pytest.warns(UserWarning, match=r"of 1 of 2 videos in the split 'test' frames were trained on \(videos/"):
        main(["test", f"--ckpt_path={checkpoint}", *words])
    assert "frames were trained on" in (tmp_path / "version_0" / "model_card.md").read_text("utf-8")


@pytest.mark.parametrize(("every", "epochs"), [(2, 3), (3, 2)])
def test_the_last_checkpoint_is_of_the_last_epoch_also_where_that_was_not_validated(
    drawn: Path, tmp_path: Path, every: int, epochs: int
) -> None:
    few = ("--trainer.limit_train_batches=1", "--trainer.limit_val_batches=1", "--input.modality=frames")
    more = (f"--trainer.check_val_every_n_epoch={every}", f"--trainer.max_epochs={epochs}")
    last = fit(drawn, tmp_path, *few, *more, "--trainer.num_sanity_val_steps=0")
    content = torch.load(last, weights_only=True)
    assert (content["epoch"], content["global_step"]) == (epochs - 1, epochs)
    # What the last validation taught is in it, and is not lost where a training goes on.
    assert (content["amclip"]["calibrator"] is not None) == (epochs >= every)
    main(["fit", f"--ckpt_path={last}", f"--trainer.max_epochs={epochs + 1}"])
    again = torch.load(last, weights_only=True)
    assert (again["epoch"], again["global_step"]) == (epochs, epochs + 1)
    assert again["amclip"]["calibrator"] is not None
    if (epochs + 1) % every:
        assert again["amclip"]["calibrator"] == content["amclip"]["calibrator"]


def test_the_last_checkpoint_is_of_the_last_epoch_whichever_was_the_best(drawn: Path, tmp_path: Path) -> None:
    still = (
        "--model.optimiser.learning_rate=0",
        "--model.optimiser.backbone_learning_rate=0",
        "--model.optimiser.final_fraction=0",
    )
    last = fit(drawn, tmp_path, "--trainer.max_epochs=3", *still)  # no epoch is better than the first
    assert torch.load(last, weights_only=True)["epoch"] == 2
    assert torch.load(last.with_name("best.ckpt"), weights_only=True)["epoch"] == 0
    assert sorted(path.name for path in last.parent.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_one_long_recording_labelled_in_boris_trains(tmp_path: Path) -> None:
    draw_video(tmp_path / "a.mp4", 500)
    row = "1,,,Media file,player #1:a.mp4,0.0,20.0,20.0,25.0,No focal subject,20.0,{},,STATE,{},{},{},a.mp4"
    bouts = [("walking" if n % 2 else "resting", 2 * n, 2 * n + 1.5, 1.5) for n in range(10)]
    header = [name for name in boris_columns.AGGREGATED if "mage" not in name and "Comment" not in name]
    (tmp_path / "events.csv").write_text("\n".join([",".join(header), *(row.format(*bout) for bout in bouts)]) + "\n")
    words = (f"--data.source.labels={tmp_path / 'events.csv'}", "--data.source.window=1", "--data.splits.by=time")
    words = (*words, f"--data.source.root={tmp_path}")
    main(["fit", *FAST, *words, f"--trainer.logger.save_dir={tmp_path}"])
    checkpoint = tmp_path / "version_0" / "checkpoints" / "last.ckpt"
    assert torch.load(checkpoint, weights_only=True)["hyper_parameters"]["classes"] == ["resting", "walking"]
    main(["check", *FAST, *words, f"--report={tmp_path / 'report.csv'}"])
    assert {row["kind"] for row in rows(tmp_path / "report.csv")} == {"recordings that are cut over splits"}


def test_predict_needs_only_a_checkpoint_and_videos_and_reports_the_broken_one(
    checkpoint: Path, drawn: Path, tmp_path: Path
) -> None:
    videos = tmp_path / "my videos é"
    videos.mkdir()
    source = sorted((drawn / "videos").iterdir())[0]
    (videos / "good one.mp4").write_bytes(source.read_bytes())
    (videos / "broken.mp4").write_bytes(b"")
    output = tmp_path / "out.csv"
    main(
        [
            "predict",
            f"--ckpt_path={checkpoint}",
            f"--data.source.root={videos}",
            f"--predictions.path={output}",
            "--data.cache_dir=null",
            "--data.num_workers=0",
        ]
    )
    broken, good = rows(output)
    assert broken["filepath"] == "broken.mp4"
    assert "empty" in broken["error"]
    assert broken["walking"] == ""
    assert good["error"] == ""
    expected = amclip.load_model(checkpoint).predict(videos / "good one.mp4")
    assert {name: float(good[name]) for name in BEHAVIOURS} == pytest.approx(expected, abs=1e-5)


def test_predict_does_not_mind_labels_that_the_network_cannot_give(
    checkpoint: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = sorted((drawn / "videos").iterdir())[0].name
    table = tmp_path / "labels.csv"
    table.write_text(f"filepath,start,stop,label\n{video},0,0.5,singing\n{video},0.5,1,\n")
    settings = [f"--ckpt_path={checkpoint}", f"--data.source.labels={table}", f"--data.source.root={drawn / 'videos'}"]
    settings += ["--data.cache_dir=null", "--data.num_workers=0"]
    output = tmp_path / "out.csv"
    with pytest.warns(UserWarning, match="labels are ignored: .*line 2, column 'label': unknown class 'singing'"):
        main(["predict", *settings, f"--predictions.path={output}"])
    first, second = rows(output)
    assert (first["error"], second["start"]) == ("", "0.5")
    with pytest.raises(SystemExit):
        main(["test", *settings])
    assert "unknown class 'singing'" in capsys.readouterr().err


def test_test_writes_predictions_with_labels(checkpoint: Path, drawn: Path, tmp_path: Path) -> None:
    output = tmp_path / "test.csv"
    main(
        [
            "test",
            f"--ckpt_path={checkpoint}",
            *data(drawn),
            f"--predictions.test_path={output}",
            f"--trainer.logger.save_dir={tmp_path}",
            "--data.cache_dir=null",
            "--data.num_workers=0",
        ]
    )
    table = [row for row in rows(drawn / "labels.csv") if row["split"] == "test"]
    assert [(row["filepath"], row["label"]) for row in rows(output)] == [(r["filepath"], r["label"]) for r in table]


def test_test_writes_the_scores_class_by_class_and_as_averages(checkpoint: Path, drawn: Path, tmp_path: Path) -> None:
    main(
        [
            "test",
            f"--ckpt_path={checkpoint}",
            *data(drawn),
            f"--trainer.logger.save_dir={tmp_path}",
            "--data.cache_dir=null",
            "--data.num_workers=0",
        ]
    )
    folder = tmp_path / "version_0"
    table = rows(drawn / "labels.csv")
    classes = rows(folder / "test_classes.csv")
    assert sorted(row["class"] for row in classes) == sorted(BEHAVIOURS)
    for row in classes:
        for column, split in (("clips", "test"), ("training_clips", "train")):
            assert int(row[column]) == sum(row["class"] in r["label"].split(";") for r in table if r["split"] == split)
        assert 0 < float(row["threshold_tuned_on_val"]) < 1  # the checkpoint carries it
    assert [int(row["clips"]) for row in classes] == sorted((int(row["clips"]) for row in classes), reverse=True)
    scores = {row["score"]: row for row in rows(folder / "test_scores.csv")}
    card = (folder / "model_card.md").read_text("utf-8")
    assert f"| {classes[0]['class']} | {classes[0]['training_clips']} | {classes[0]['clips']} |" in card
    assert f"| mAP_macro | {scores['mAP_macro']['classes']} | {float(scores['mAP_macro']['value']):.3f} |" in card
    assert "| `input.flow.preset` | `fast` |" in card
    assert "_For which animals, cameras, questions" in card
    assert f"labels or tracks: `{drawn / 'labels.csv'}`" in (folder / "data_card.md").read_text("utf-8")
    mean = sum(float(row["average_precision"]) for row in classes) / len(classes)
    assert float(scores["mAP_macro"]["value"]) == pytest.approx(mean, abs=1e-5)
    assert {"mAP_micro", "mAP_micro_mean_of_batches_of_32", "F1_at_thresholds_tuned_on_val"} <= scores.keys()
    for row in classes:
        assert 0 <= float(row["calibration_error"]) <= 1
        assert 0 <= float(row["calibration_error_after"]) <= 1
        assert float(row["temperature"]) > 0
        assert math.isfinite(float(row["bias"]))
    for name in ("test_classes.png", "test_calibration.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_a_model_that_was_never_validated_is_not_calibrated(checkpoint: Path, tmp_path: Path) -> None:
    model = amclip.load_model(checkpoint)
    assert model.calibrator is not None
    assert len(model.calibrator.temperatures) == len(model.thresholds) == len(model.classes)
    values = 9 * torch.randn(5, len(model.classes), generator=torch.Generator().manual_seed(0))
    temperatures, biases = torch.tensor(model.calibrator.temperatures), torch.tensor(model.calibrator.biases)
    torch.testing.assert_close(model.calibrate(values), torch.sigmoid(values / temperatures + biases))
    content = torch.load(checkpoint, weights_only=True)
    content["amclip"]["calibrator"] = None
    torch.save(content, tmp_path / "early.ckpt")
    model = amclip.load_model(tmp_path / "early.ckpt")
    assert set(model.thresholds) == {0.5}
    assert torch.equal(model.calibrate(values), values.double().sigmoid().float())
    del content["amclip"]
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="is not a checkpoint of `amclip fit`"):
        amclip.load_model(tmp_path / "other.ckpt")


def test_two_processes_train_and_test_as_one_does(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two = ["--trainer.devices=2", "--trainer.accelerator=cpu", "--trainer.strategy=ddp"]
    probed = f"--data.cache_dir={tmp_path / 'probed'}"
    # 5 validation and 10 test clips in batches of 3: the processes get unequal numbers of clips and batches.
    more = ("--data.batch_size=3", "--input.flow.motion.cells=2", probed)
    # The command starts the second process itself.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "amclip", "fit", *FAST, *data(drawn), *more, *two),
            f"--trainer.logger.save_dir={tmp_path}",
        ],
        capture_output=True, text=True, timeout=600, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]

    def words(name: str) -> list[str]:
        return [
            "test",
            f"--ckpt_path={tmp_path / 'version_0' / 'checkpoints' / 'last.ckpt'}",
            f"--predictions.test_path={tmp_path / name}.csv",
            f"--trainer.logger.save_dir={tmp_path / name}",
            "--data.num_workers=0",
            probed,
        ]

    def scores(printed: str) -> list[str]:
        return [line for line in printed.splitlines() if "│" in line]

    monkeypatch.setenv("COLUMNS", "100")
    capsys.readouterr()
    main(words("one"))
    scores_of_one = scores(capsys.readouterr().out)
    outputs = [tmp_path / "first.txt", tmp_path / "second.txt"]
    ranks = forked.start_ranks(outputs, main, [*words("two"), *two], environment={"COLUMNS": "100"})
    assert [forked.ended(rank) for rank in ranks] == [0, 0], [output.read_text() for output in outputs]
    one_process, two_processes = rows(tmp_path / "one.csv"), rows(tmp_path / "two.csv")
    assert len(one_process) == sum(row["split"] == "test" for row in rows(drawn / "labels.csv"))
    assert [row["filepath"] for row in one_process] == [row["filepath"] for row in two_processes]
    for first, second in zip(one_process, two_processes, strict=True):
        for name in BEHAVIOURS:
            assert float(first[name]) == pytest.approx(float(second[name]), abs=1e-4)
    assert scores_of_one == scores(outputs[0].read_text())
    assert any("mAP_macro" in line for line in scores_of_one)


def test_tensorboard_shows_scalars_strips_and_curves(checkpoint: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(checkpoint.parents[1]))
    board.Reload()
    tags = board.Tags()
    assert {"train/loss", "val/mAP_macro", "val/mAP_micro", "val/classes_scored"} <= set(tags["scalars"])
    assert {"train/0", "val/0"} <= set(tags["images"])
    assert any(tag.startswith("val/") and "walking" in tag for tag in tags["tensors"])
    picture = board.Images("val/0")[0]
    assert (picture.height, picture.width) == (2 * 64 + 2, 2 * 64 + 2)  # frames above flow images, two positions


@pytest.mark.parametrize("config", ["own_videos", "xclip"])
def test_the_configs_for_own_videos_train(drawn: Path, tmp_path: Path, config: str) -> None:
    main(
        [
            "fit",
            f"--config={ROOT / 'configs'}/{config}.yaml",
            *data(drawn),
            "--model.network.backbone=amclip-tiny",  # instead of a download
            "--model.network.pretrained=null",
            "--model.network.tuning.trainable_blocks=1",
            "--input.image_size=64",
            "--data.num_workers=0",
            "--data.cache_dir=null",
            "--trainer.fast_dev_run=1",
            f"--trainer.default_root_dir={tmp_path}",
            "--trainer.accelerator=cpu",
            "--trainer.logger=false",
        ]
    )


def test_a_saved_config_and_a_class_path_can_be_used_again(checkpoint: Path, drawn: Path, tmp_path: Path) -> None:
    saved = checkpoint.parents[1] / "config.yaml"
    main(
        [
            "fit",
            f"--config={saved}",
            "--data.class_path=amclip.data.datamodule.VideoDataModule",
            f"--trainer.logger.init_args.save_dir={tmp_path}",
            "--trainer.max_epochs=1",
        ]
    )
    assert (tmp_path / "version_0" / "config.yaml").is_file()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_training_goes_on_as_if_it_had_not_stopped(drawn: Path, tmp_path: Path, workers: int) -> None:
    keep = ["--checkpoint.save_top_k=-1", "--checkpoint.filename={epoch}", f"--data.num_workers={workers}"]
    last = fit(drawn, tmp_path, "--trainer.max_epochs=3", *keep)
    whole = torch.load(last, weights_only=True)
    main(["fit", f"--ckpt_path={last.with_name('0.ckpt')}"])  # the config is that of the run, the folder too
    assert sorted(path.name for path in tmp_path.iterdir()) == ["version_0"]
    again = torch.load(max(last.parent.glob("last*.ckpt"), key=os.path.getmtime), weights_only=True)
    assert (again["epoch"], again["global_step"]) == (whole["epoch"], whole["global_step"])
    for name, value in whole["state_dict"].items():
        torch.testing.assert_close(again["state_dict"][name], value, rtol=0, atol=1e-5)
    moved = tmp_path / "moved.ckpt"
    moved.write_bytes(last.read_bytes())
    with pytest.raises(SystemExit):
        main(["fit", f"--ckpt_path={moved}"])


@pytest.mark.parametrize(("start", "stop", "said"), [(-3.0, 2.0, "start: .* got -3"), (5.0, 2.0, "stop: .* got 2")])
def test_times_that_cannot_be_are_refused(checkpoint: Path, start: float, stop: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_model(checkpoint).predict("anything.mp4", start, stop)


def test_a_training_does_not_go_on_with_another_input(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = checkpoint.parents[1] / "config.yaml"
    before = config.read_text()
    with pytest.raises(SystemExit) as ended:
        main(["fit", f"--ckpt_path={checkpoint}", "--trainer.max_epochs=9", "--input.flow.bound=3.5"])
    assert ended.value.code == 2
    assert "goes on with a training whose input.flow.bound is" in capsys.readouterr().err
    assert config.read_text() == before


def test_real_clips_are_tested_and_predicted(tmp_path: Path) -> None:
    clips = ROOT / "tests" / "data" / "clips"
    last = fit(clips, tmp_path, "--trainer.max_steps=1")
    settings = [f"--ckpt_path={last}", "--data.cache_dir=null", "--data.num_workers=0"]
    main(
        ["test", *settings, f"--trainer.logger.save_dir={tmp_path}", f"--predictions.test_path={tmp_path / 'test.csv'}"]
    )
    tested = rows(tmp_path / "test.csv")
    assert tested
    assert all(row["error"] == "" for row in tested)
    main(["predict", *settings, f"--data.source.root={clips}", f"--predictions.path={tmp_path / 'predicted.csv'}"])
    assert len(rows(tmp_path / "predicted.csv")) == len([p for p in clips.iterdir() if p.suffix not in (".csv", ".md")])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("--model.network.aggregation=attention", "model.network.aggregation is 'attention'"),
        ("--model.loss=CrossEntropy", "probabilities would be others"),
        ("--input.num_segments=3", ""),
        ("--ckpt_path=last", "needs the path of a checkpoint"),
        ("--input.flow.gap=0", "input.flow.gap"),
        ("--input.flow.gap=2", "2 frames at 25 frames/s: 2/25"),
        ("--input.flow.gap=1/x", "got '1/x'"),
        ("--input.image_size=60", "image_size"),
    ],
)
def test_settings_that_a_checkpoint_was_not_made_for_are_refused(
    checkpoint: Path, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, words: str
) -> None:
    arguments = ["test", f"--ckpt_path={checkpoint}", *data(drawn), "--data.num_workers=0", "--data.cache_dir=null"]
    arguments += [f"--trainer.logger.save_dir={tmp_path}", change]
    if not words:  # classifiers are shared, so another number of segments is a choice
        main(arguments)
        return
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_the_file_goes_before_the_checkpoint_and_the_command_line_before_both(checkpoint: Path, tmp_path: Path) -> None:
    from amclip.commands.lightning import AmclipCLI

    class Parsed(AmclipCLI):
        def instantiate_classes(self) -> None:
            self.data, self.seen = self.config["predict"]["data"]["init_args"], self.config["predict"]["input"]

        def after_instantiate_classes(self) -> None: ...

        def _run_subcommand(self, subcommand: str) -> None: ...

    config = tmp_path / "config.yaml"
    config.write_text("data: {batch_size: 5}\ninput: {flow: {bound: 7.0}}\n")
    parsed = Parsed.run(
        "predict",
        [f"--ckpt_path={checkpoint}", f"--config={config}", "--data.batch_size=2", "--data.source.root=videos"],
    )
    flow = parsed.seen["flow"]
    assert (parsed.data["batch_size"], flow["bound"], flow["preset"]) == (2, 7.0, "fast")
    assert parsed.data["source"]["init_args"]["labels"] is None  # never those of the training


def test_demo_leaves_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)  # on one core it starts no processes
    folder = tmp_path / "demo"
    with pytest.raises(SystemExit):
        main(["demo", "--directory", str(folder), "--clips", "20"])
    assert "36 clips or more, got 20" in capsys.readouterr().err
    main(["demo", "--directory", str(folder), "--clips", "36", "--epochs", "1"])
    assert {"predictions.csv", "test_predictions.csv", "scores.png", "clips.png"} <= {p.name for p in folder.iterdir()}


def test_errors_are_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["predict", "--data.source.root", str(tmp_path)])
    assert stopped.value.code == 2
    assert "needs a checkpoint" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["predict", "--ckpt_path", str(tmp_path / "none.ckpt"), "--data.source.root", str(tmp_path)])
    assert "no such checkpoint" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no command 'dance'"):
        main(["dance"])
    main(["--help"])
    assert "amclip predict" in capsys.readouterr().out


def test_check_exits_with_one_where_training_would_be_wrong(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text((drawn / "labels.csv").read_text() + "videos/missing.mp4,walking,train\n")
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "check",
                *FAST,
                f"--data.source.labels={table}",
                f"--data.source.root={drawn}",
                f"--report={tmp_path / 'r.csv'}",
            ]
        )
    assert stopped.value.code == 1
    assert any(row["subject"] == "videos/missing.mp4" for row in rows(tmp_path / "r.csv"))
    assert "missing.mp4" in capsys.readouterr().out


def test_doctor_knows_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(SystemExit):  # it exits with 1 where something is missing
        main(["doctor"])
    out = capsys.readouterr().out
    assert torch.__version__.split("+")[0] in out
    assert "flow on CPU" in out
