"""What a network begins with: published weights, and the class names as CLIP's text tower understands them."""

from collections.abc import Sequence

from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig
from amclip.models.pretrained import NoTextTowerError, Pretrained, explain_load_error, load_pretrained

__all__ = ["fetch_published", "load_published", "load_zero_shot"]


def fetch_published(config: NetworkConfig, prompts: Sequence[Sequence[str]] = ()) -> Pretrained:
    """Read the published weights that a network begins with, downloading them where they are named so.

    Args:
        config: The network, with its architecture.
        prompts: Sentences to embed, see :func:`amclip.models.pretrained.load_pretrained`.

    Raises:
        ValueError: If the weights cannot be had or do not fit.
    """
    assert config.architecture is not None
    try:
        return load_pretrained(config.backbone, config.pretrained, config.architecture, prompts)
    except NoTextTowerError:
        raise
    except Exception as error:
        message = explain_load_error(error, config.backbone, config.pretrained)
        if message is None:
            raise
        raise ValueError(f"network.pretrained: {message}") from error


def load_published(network: InterleavedClassifier, classes: Sequence[str]) -> tuple[Pretrained, list[str]]:
    """Give a network its published weights, and the embeddings of the class names where its head compares with them.

    Args:
        network: The network.
        classes: Names of the behaviours, in the order of the outputs.

    Returns:
        What was published, and in words what was left out or changed to fit.

    Raises:
        ValueError: If the weights cannot be had or do not fit.
    """
    config = network.config
    found = fetch_published(config, config.head.prompts(classes))
    if config.starts_from_published:
        return found, [f"{config.backbone}: {note}" for note in network.load(found)]
    if found.text is not None:
        network.set_text_features(found.text)
    return found, []


def load_zero_shot(network: InterleavedClassifier, classes: Sequence[str], exclusive: bool) -> list[str]:
    """As :func:`load_published`, with the scale that CLIP was trained with, so that it classifies without training.

    Args:
        network: The network.
        classes: Names of the behaviours.
        exclusive: Whether exactly one of them is shown.

    Raises:
        ValueError: If the weights cannot be had or do not fit, or an open list has nothing to compare with.
    """
    try:
        found, notes = load_published(network, classes)
    except NoTextTowerError as error:
        config = network.config
        raise ValueError(
            f"network.pretrained: {config.pretrained} holds the image tower of {config.backbone} alone, and zero-shot "
            "compares with class names, which a text tower reads; name weights with both towers"
        ) from error
    background = network.config.head.background_prompts
    if not exclusive and not background and not found.bias:
        raise ValueError(
            "network.head.background_prompts: with an open class list (a loss other than CrossEntropy) each class "
            "stands alone, and CLIP's cosines have no zero; name sentences without a behaviour to compare with"
        )
    network.set_scale(found.log_scale, 0.0 if background else found.bias)
    return notes
