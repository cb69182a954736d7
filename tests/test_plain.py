"""Objects to plain values and back."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amclip.inputs import FlowInput, NetworkInput
from amclip.losses import Focal, Loss
from amclip.plain import Configurable, from_plain, parameters, resolve_class, setting_names, to_plain


@dataclass(frozen=True)
class Inner:
    size: tuple[int, int] = (1, 2)


class Base(Configurable):
    def __init__(self, name: str, inner: Inner = Inner(), loss: Loss | None = None) -> None:
        self.name, self.inner, self.loss = name, inner, loss


class Fixed(Base):
    """Gives its base a value, and hands the rest on."""

    def __init__(self, *args: Any, extra: int = 3, **kwargs: Any) -> None:
        super().__init__(*args, loss=None, **kwargs)
        self.extra = extra


def test_a_subclass_keeps_its_own_arguments_and_those_it_hands_on() -> None:
    plain = to_plain(Fixed("a", inner=Inner((5, 6))))
    assert plain == {
        "class_path": f"{__name__}.Fixed",
        "init_args": {"name": "a", "inner": {"size": [5, 6]}, "extra": 3},
    }
    again = from_plain(Base, plain)
    assert isinstance(again, Fixed)
    assert (again.name, again.inner, again.extra) == ("a", Inner((5, 6)), 3)
    assert to_plain(again) == plain
    assert to_plain(copy.deepcopy(again)) == plain


def test_what_stands_inside_is_made_too() -> None:
    loss = from_plain(Base, to_plain(Base("a", loss=Focal(gamma=3.0)))).loss
    assert isinstance(loss, Focal)
    assert (loss.gamma, loss.alpha) == (3.0, 0.25)


@given(
    st.builds(
        NetworkInput,
        scheme=st.sampled_from(["dense", "sparse"]),
        num_segments=st.integers(1, 9),
        frame_size=st.tuples(st.integers(1, 999), st.integers(1, 999)),
        flow=st.builds(FlowInput, gap=st.floats(0.001, 0.9), options=st.dictionaries(st.text(), st.floats(0, 1))),
    )
)
def test_an_input_survives_the_way_through_a_checkpoint(seen: NetworkInput) -> None:
    assert NetworkInput.from_dict(seen.to_dict()) == seen
    assert seen.differences(seen) == {}


def test_differences_are_named() -> None:
    one = NetworkInput(flow=FlowInput(bound=3.0, backend="numba"))
    assert one.differences(NetworkInput(scheme="sparse")) == {
        "scheme": ("dense", "sparse"),
        "flow.bound": (3.0, 10.0),
    }


def test_what_no_checkpoint_can_hold_is_refused() -> None:
    with pytest.raises(TypeError, match=r"inner: expected numbers, strings, .* got object"):
        to_plain(Base("a", inner=object()))  # type: ignore[arg-type]


def test_what_is_not_there_is_refused() -> None:
    for path, message in (
        ("amclip.losses.Focl", r"there is no amclip\.losses\.Focl"),
        ("nowhere.Focal", r"there is no nowhere\.Focal"),
        ("Focal", "there is no Focal"),
        ("pathlib.Path", "pathlib.Path is no subclass of amclip.losses.Loss"),
    ):
        with pytest.raises(ValueError, match=message):
            resolve_class(path, Loss)
    with pytest.raises(ValueError, match=r"amclip.losses.Focal does not take these settings .*'gama'"):
        from_plain(Loss, {"class_path": "amclip.losses.Focal", "init_args": {"gama": 1}})


def test_arguments_are_those_of_the_class_and_of_what_it_hands_on_to() -> None:
    assert list(parameters(Base)) == ["name", "inner", "loss"]
    assert set(parameters(Fixed)) == {"name", "inner", "loss", "extra"}
    assert set(parameters(Focal)) == {"alpha", "gamma"}


def test_names_of_settings_have_dots() -> None:
    assert {"name", "inner", "inner.size", "extra"} <= set(setting_names(Fixed))
