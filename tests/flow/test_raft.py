"""RAFT behind amclip's interface: torchvision's network on the same pixels, with random weights."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torchvision.models.optical_flow import raft_small

from amclip.flow import RAFT, TVL1, FlowMethod, make_flow


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("raft") / "raft_small.pth"
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def pairs() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(3, 3, 20, 24, generator=generator)
    images = F.interpolate(coarse, (136, 160), mode="bicubic", align_corners=False).clamp(0, 1)
    return (255 * torch.stack([images, images.roll(2, dims=-1)], dim=1)).to(torch.uint8)


def direct(weights: Path, pairs: torch.Tensor) -> torch.Tensor:
    network = raft_small(weights=None).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    with torch.no_grad():
        first, second = (2 * pairs.float() / 255 - 1).unbind(1)
        return network(first, second, num_flow_updates=3)[-1]


def test_the_flow_is_torchvisions(weights: Path, pairs: torch.Tensor) -> None:
    method = RAFT("small", str(weights), updates=3, pairs_at_once=2)
    flow = method(pairs)
    assert flow.shape == (3, 2, 136, 160)
    assert flow.dtype == torch.float32
    torch.testing.assert_close(flow, direct(weights, pairs), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(method(pairs.float() / 255), flow, rtol=1e-4, atol=1e-3)


def test_odd_sizes_are_padded_by_their_border(weights: Path, pairs: torch.Tensor) -> None:
    method = RAFT("small", str(weights), updates=3)
    odd = pairs[:1, :, :, :133, :157]
    padded = F.pad(odd.flatten(0, 1).float(), (1, 2, 1, 2), mode="replicate").unflatten(0, (1, 2))
    expected = direct(weights, padded)[:, :, 1:134, 1:158]
    torch.testing.assert_close(method(odd), expected, rtol=1e-4, atol=1e-3)


def test_small_images_are_enlarged_and_their_flow_scaled_back(weights: Path, pairs: torch.Tensor) -> None:
    method = RAFT("small", str(weights), updates=3)
    small = pairs[:1, :, :, :64, :64].float() / 255
    large = F.interpolate(small[0], (128, 128), mode="bilinear", align_corners=False)[None]
    expected = F.interpolate(direct(weights, 255 * large), (64, 64), mode="bilinear", align_corners=False) / 2
    torch.testing.assert_close(method(small), expected, rtol=1e-4, atol=1e-3)


def test_both_methods_stand_behind_one_interface(weights: Path, pairs: torch.Tensor) -> None:
    described = {"class_path": "amclip.flow.RAFT", "init_args": {"size": "small", "weights": str(weights)}}
    for method in (make_flow(described), TVL1.preset("fast")):
        assert isinstance(method, FlowMethod)
        method.prepare()
        for given in (pairs[:1], pairs[:1, :, :1]):  # colour and grey
            flow = method(given)
            assert flow.shape == (1, 2, 136, 160)
            assert flow.isfinite().all()
        assert method(pairs[:0]).shape == (0, 2, 136, 160)


def test_without_weights_it_says_where_they_belong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setattr("torch.hub.urlopen", offline)
    method = RAFT("small")  # opens without them
    with pytest.raises(
        ValueError, match=r"raft_small_C_T_V2.*are not in .*hub.checkpoints and cannot be fetched.*no net"
    ):
        method.prepare()
    with pytest.raises(FileNotFoundError, match="there is no file"):
        RAFT("small", str(tmp_path / "none.pth")).prepare()


@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_damaged_published_weights_are_named(content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "raft_small_C_T_V2-01064c6d.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(content)
    with pytest.raises(ValueError, match=r"raft_small_C_T_V2.* does not hold RAFT's published weights.*Delete"):
        RAFT("small").prepare()


def test_weights_of_another_network_are_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not hold the weights of torchvision's raft_large"):
        RAFT("large", str(weights)).prepare()
    broken = tmp_path / "broken.pth"
    broken.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="does not hold the weights"):
        RAFT("small", str(broken)).prepare()


@pytest.mark.parametrize("wrong", [{"size": "huge"}, {"updates": 0}, {"pairs_at_once": 0}])
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RAFT(**wrong)  # type: ignore[arg-type]


def test_pairs_that_are_none_are_refused(weights: Path) -> None:
    with pytest.raises(ValueError, match="shape"):
        RAFT("small", str(weights))(torch.zeros(2, 3, 64, 64))
