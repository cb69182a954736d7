"""The median filter of the CPU backend, and the exchange networks that every backend builds its own from."""

import itertools

import pytest
import torch
from torch import Tensor

from amclip.flow import _networks, reference
from amclip.flow._median import median


def run(network: _networks.Network, values: Tensor) -> Tensor:
    """Exchange along the first dimension, for all columns at once."""
    places = list(values)
    for low, high in network:
        a, b = places[low], places[high]
        places[low], places[high] = torch.minimum(a, b), torch.maximum(a, b)
    return torch.stack(places)


@pytest.mark.parametrize("side", [3, 5])
def test_exchange_networks_find_the_median_of_every_square(side: int) -> None:
    column = _networks.COLUMN_OF_3 if side == 3 else _networks.COLUMN_OF_5
    network = _networks.MEDIAN_OF_3 if side == 3 else _networks.MEDIAN_OF_5
    # Zero-one principle: a network right for all zeros and ones is right for all numbers.
    bits = run(column, torch.tensor(list(itertools.product((0, 1), repeat=side))).T)
    assert (bits[:-1] <= bits[1:]).all()
    ones = torch.tensor(list(itertools.product(range(side + 1), repeat=side))).T  # per sorted column, how many ones
    squares = (torch.arange(side)[:, None, None] >= side - ones).long().reshape(side * side, -1)
    assert torch.equal(run(network, squares)[side * side // 2], (ones.sum(0) > side * side // 2).long())


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (2, 9), (7, 8), (19, 70)], ids=str)
def test_compiled_median_is_the_references(side: int, shape: tuple[int, int]) -> None:
    field = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(0))
    ours = field.flatten().clone()
    median(ours.numpy(), *shape, side)
    assert torch.equal(ours.view_as(field), reference.median(field, side))
