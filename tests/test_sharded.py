"""Which strategies train with weights in parts; that they train as others do, tests/test_processes.py shows."""

from pathlib import Path
from typing import Any

import pytest
from build import make_task
from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy

from amclip.data.stored.settings import StoredEmbeddings
from amclip.sharded import ShardedStrategy, choose_strategy
from amclip.trainer import AmclipTrainer


def test_fsdp_is_ours_and_others_are_lightnings(tmp_path: Path) -> None:
    assert isinstance(choose_strategy("fsdp"), ShardedStrategy)
    ddp = DDPStrategy()
    assert [choose_strategy(one) for one in ("auto", "ddp", ddp)] == ["auto", "ddp", ddp]
    quiet: dict[str, Any] = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    made = AmclipTrainer(accelerator="cpu", devices=1, strategy="fsdp", default_root_dir=tmp_path, **quiet)
    assert isinstance(made.strategy, ShardedStrategy)


@pytest.mark.parametrize(
    ("asked", "name"), [("fsdp_cpu_offload", "fsdp_cpu_offload"), (FSDPStrategy(), "FSDPStrategy")]
)
def test_what_flattens_weights_is_refused(asked: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"trainer\.strategy: {name} flattens weights.*--trainer\.strategy fsdp"):
        choose_strategy(asked)


@pytest.mark.parametrize(("settings", "name"), [({"ema_decay": 0.9}, "ema_decay"), ({"compile": True}, "compile")])
def test_what_does_not_go_with_it_is_refused_before_training(settings: Any, name: str, tmp_path: Path) -> None:
    class Fitting:
        state = type("State", (), {"fn": "fit"})

    strategy = ShardedStrategy()
    strategy.connect(make_task(["walking", "resting"], settings))
    strategy.accelerator = object()  # type: ignore[assignment]
    with pytest.raises(ValueError, match=rf"fsdp does not go with model\.{name}"):
        strategy.setup(Fitting())  # type: ignore[arg-type]


def test_embeddings_that_are_stored_are_refused() -> None:
    class Testing:
        state = type("State", (), {"fn": "test"})
        datamodule = type("Data", (), {"embeddings": StoredEmbeddings("store")})

    strategy = ShardedStrategy()
    strategy.connect(make_task(["walking", "resting"], {}))
    strategy.accelerator = object()  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"data\.embeddings embeds with; take --trainer\.strategy ddp"):
        strategy.setup(Testing())  # type: ignore[arg-type]


def test_a_module_of_another_kind_is_refused() -> None:
    from lightning.pytorch.demos.boring_classes import BoringModel

    strategy = ShardedStrategy()
    strategy.connect(BoringModel())
    strategy.accelerator = object()  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"shares out the network of amclip\.BehaviourTask"):
        strategy.setup(None)  # type: ignore[arg-type]
