"""What the words of `amclip fit` mean, in any order, and what is said of wrong ones."""

import sys
from pathlib import Path

import pytest

from amclip.cli import main
from amclip.commands.settings_words import configs_first

CONFIGS = Path(__file__).parents[2] / "configs"


def test_what_is_typed_overrides_files_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    assert configs_first(["--a=1", "--config", "x.yaml", "--b", "2", "--config=y.yaml", "-c", "z.yaml"]) == [
        *("--config", "x.yaml", "--config=y.yaml", "-c", "z.yaml"),
        *("--a=1", "--b", "2"),
    ]
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("fit", "--input.scheme", "sparse", "--model.loss", "Focal", "--config", f"{CONFIGS}/own_videos.yaml"),
                "--print_config",
            ]
        )
    assert ended.value.code in (0, None)
    printed = capsys.readouterr().out
    assert "  scheme: sparse\n" in printed
    assert "amclip.losses.Focal" in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--model.loss=Focl"],
            "--model.loss:\n  there is no loss Focl; did you mean Focal? Losses are Asymmetric, BCE, ClassBalanced",
        ),
        (["--model.loss=Focal", "--model.loss.gama=3"], "model.loss.gamma"),
        (
            ["--model.loss=no_such_module.Mine"],
            "no_such_module.Mine cannot be imported: its module must lie in the folder",
        ),
        (["--config", "inptu: {scheme: sparse}"], "did you mean --input"),
        (["--input.shceme=sparse"], "did you mean --input.scheme"),
        (["--data.batchsize=4"], "did you mean --data.batch_size?"),
        (["--max_epochs=3"], "did you mean --trainer.max_epochs?"),
        (["--trainer.max_epoks=3"], "did you mean --trainer.max_epochs?"),
        (["--checkpoint.moniter=x"], "did you mean --checkpoint.monitor?"),
        (["--trainer.logger.savedir=x"], "did you mean save_dir?"),
        (["--configs=x.yaml"], "did you mean --config?"),
        (["--model.optimiser.lr=3"], "there is learning_rate, backbone_learning_rate"),
        (["--trainer.max_epochs=many"], "--trainer.max_epochs:\n  Expected a whole number. Got value: many\n"),
        (["--input.modality=flwo"], "Expected one of 'interleaved', 'frames', 'flow', 'motion'. Got value: flwo"),
    ],
)
def test_misspelt_words_are_told_what_they_may_mean(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fit", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_loss_in_the_folder_where_the_command_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a_loss_of_somebodys.py").write_text(
        "from dataclasses import dataclass\nfrom amclip.losses import Loss\n\n\n@dataclass(eq=False)\n"
        "class Hinge(Loss):\n    margin: float = 1.0\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(SystemExit) as ended:
        main(["fit", "--model.loss=a_loss_of_somebodys.Hinge", "--model.loss.margin=0.5", "--print_config"])
    assert ended.value.code in (0, None), capsys.readouterr().err
    assert "margin: 0.5" in capsys.readouterr().out


def test_videos_that_are_not_there_are_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("filepath,label\n" + "".join(f"v{n}.mp4,{'ab'[n % 2]}\n" for n in range(10)))
    settings = ["--data.cache_dir=null", "--data.num_workers=0", "--trainer.accelerator=cpu", "--trainer.logger=false"]
    model = ["--model.network.backbone=amclip-tiny", "--model.network.pretrained=null", "--input.image_size=64"]
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("fit", f"--data.source.labels={table}", f"--data.source.root={tmp_path / 'nowhere'}"),
                *(
                    *settings,
                    *model,
                    "--model.network.tuning.trainable_blocks=1",
                    "--checkpoint.dirpath",
                    str(tmp_path),
                ),
            ]
        )
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "clips in 'train' can be read" in error
    assert f"{tmp_path / 'nowhere'} (which is no folder): give theirs with --data.source.root" in error


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("films/a.MP4", "--data.source.labels TABLE.csv --data.source.root films. Whether a video can be read says"),
        (".", "--data.source.root . `amclip new .` writes a config"),
        ("labels.csv", "a table of labels is given by --data.source.labels labels.csv"),
        ("study.yaml", "a config is given by --config study.yaml"),
        ("best.ckpt", "a checkpoint is given by --ckpt_path best.ckpt"),
        ("trainer.max_epochs=4", "settings begin with two hyphens: --trainer.max_epochs=4"),
    ],
)
def test_what_stands_alone_is_told_its_option(capsys: pytest.CaptureFixture[str], word: str, said: str) -> None:
    with pytest.raises(SystemExit):
        main(["check", word])
    assert said in capsys.readouterr().err.replace(" .. ", " . ")
