"""Where the config files of this project are."""

from pathlib import Path

__all__ = ["config_path"]


def config_path(name: str) -> Path:
    """A config of this project: inside the installed package, or beside it in a checkout.

    Args:
        name: Its path below ``configs``, without the suffix.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    package = Path(__file__).parent
    for folder in (package / "configs", package.parent / "configs"):
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    raise FileNotFoundError(f"there is no config {name}.yaml in {package / 'configs'}")
