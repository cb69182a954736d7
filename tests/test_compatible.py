"""What a model of now may load, and what it may not."""

from dataclasses import replace
from typing import Any

import pytest

from amclip.compatible import refuse_other_data, refuse_other_model
from amclip.inputs import FlowInput, NetworkInput
from amclip.losses import BCE, CrossEntropy, Focal
from amclip.models.config import HeadConfig, NetworkConfig, TemporalConfig, TuningConfig
from amclip.plain import to_plain

CLASSES = ["walking", "resting"]
NETWORK = NetworkConfig("amclip-tiny", temporal=TemporalConfig(heads=4)).with_architecture(64)
INPUT = NetworkInput(image_size=64)


def trained(**changes: Any) -> dict[str, Any]:
    parts = {"classes": CLASSES, "input": INPUT, "network": NETWORK, "loss": BCE(), **changes}
    return {"hyper_parameters": to_plain(parts)}


def test_what_a_training_may_change_is_taken_in_silence(recwarn: pytest.WarningsRecorder) -> None:
    free = replace(
        NETWORK,
        pretrained="elsewhere.pt",
        tuning=TuningConfig(trainable_blocks=1, gradient_checkpointing=True),
        temporal=TemporalConfig(heads=4, dropout=0.1),
        head=HeadConfig(prompt_templates=("{}",)),
    )
    for changes in (
        {},
        {"network": free},
        {"loss": Focal()},
        {"input": replace(INPUT, flow=FlowInput(backend="numba"))},
    ):
        refuse_other_model(trained(**changes), CLASSES, INPUT, NETWORK, BCE())
    refuse_other_model({}, CLASSES, INPUT, NETWORK, BCE())
    assert not recwarn.list


def test_other_pixels_and_sampling_are_warned_of() -> None:
    seen = replace(INPUT, flow=FlowInput(bound=3.0), segment_overlap=0.5)
    with pytest.warns(UserWarning, match="trained with") as warned:
        refuse_other_model(trained(input=seen), CLASSES, INPUT, NETWORK, BCE())
    assert sorted(str(one.message) for one in warned) == [
        "input.flow.bound is 10.0, but the checkpoint was trained with 3.0; scores may suffer",
        "input.segment_overlap is 0.0, but the checkpoint was trained with 0.5; scores may suffer",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": CLASSES[::-1]}, r"trained for the classes \['resting', 'walking'\]"),
        ({"input": replace(INPUT, modality="flow")}, "input.modality is 'interleaved', .* trained with 'flow'"),
        ({"input": replace(INPUT, image_size=32)}, "input.image_size is 64, .* trained with 32"),
        ({"input": replace(INPUT, positions_per_segment=4)}, "input.positions_per_segment is 8, .* trained with 4"),
        ({"network": replace(NETWORK, aggregation="max")}, "model.network.aggregation is 'mean', .* with 'max'"),
        ({"network": replace(NETWORK, temporal=TemporalConfig(heads=8))}, r"model.network.temporal.heads is 4, .* 8"),
        ({"loss": CrossEntropy()}, "model.loss is BCE, .* amclip.losses.CrossEntropy: the probabilities would be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_weights_were_not_made_for_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        refuse_other_model(trained(**changes), CLASSES, INPUT, NETWORK, BCE())


def test_data_that_was_made_for_another_model_is_refused() -> None:
    refuse_other_data(CLASSES, INPUT, CLASSES, INPUT, NETWORK)
    with pytest.raises(ValueError, match="classes: the data has"):
        refuse_other_data(CLASSES[::-1], INPUT, CLASSES, INPUT, NETWORK)
    with pytest.raises(ValueError, match=r"input.flow.gap: the data has 0.1, and the model was made for 0.04"):
        refuse_other_data(CLASSES, replace(INPUT, flow=FlowInput(gap=0.1)), CLASSES, INPUT, NETWORK)
    other = replace(INPUT, std=(0.5, 0.5, 0.5))
    with pytest.raises(ValueError, match=r"input.std is \[0.5, 0.5, 0.5\], but the backbone was trained with"):
        refuse_other_data(CLASSES, other, CLASSES, other, NETWORK)
