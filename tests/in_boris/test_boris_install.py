"""`amclip boris install` and `remove`: files of others stay, and of BORIS' preferences all but one entry."""

import runpy
import struct
import sys
from pathlib import Path

import pytest

from amclip.boris import PLUGINS, install_plugins, personal_folder, set_personal_folder
from amclip.boris.preferences import BACKUP
from amclip.cli import main


def packed(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return struct.pack(">I", len(content)) + content


def preferences(folder: str | None, plain: bool = True) -> bytes:
    """As Qt writes them: letters as they are, except hexadecimal digits behind the number of a byte."""
    entries = [
        packed("excluded_plugins") + struct.pack(">I", 0x7F) + struct.pack(">I", 24) + b"PySide::PyObjectWrapper\0"
    ]
    entries[0] += struct.pack(">I", 4) + b"\x8f\x94.\\"
    if folder is not None:
        entries.append(packed("personal_plugins_dir") + struct.pack(">I", 10) + packed(folder))
    entries.append(packed("time_format") + struct.pack(">I", 10) + packed('hh:mm:ss \\"ä'))
    value, text, number = struct.pack(">II", 8, len(entries)) + b"".join(entries), "", False
    for byte in value:
        digit = chr(byte) in "0123456789abcdefABCDEF"
        if byte in b'\n\\"':
            text, number = text + {10: "\\n", 92: "\\\\", 34: '\\"'}[byte], False
        elif 32 <= byte < 127 and plain and not (number and digit):
            text, number = text + chr(byte), False
        else:
            text, number = text + ("\\0" if byte == 0 else f"\\x{byte:x}"), True
    return f"[General]\nautomatic=@Variant(\\0)\nconfig=@Variant({text})\ngeometry=@ByteArray(x)\n".encode("latin-1")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def test_one_command_installs_and_sets_the_folder(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".boris").write_bytes(preferences(None))
    main(["boris", "install"])
    folder = home / "boris_plugins"
    assert sorted(path.name for path in folder.iterdir()) == sorted(PLUGINS)
    assert personal_folder(home / ".boris") == folder
    assert (home / BACKUP).read_bytes() == preferences(None)
    assert "Set that folder in BORIS' preferences" in capsys.readouterr().out
    main(["boris", "install"])
    assert "BORIS takes its personal plug-ins from there" in capsys.readouterr().out
    main(["boris", "remove"])
    assert not list(folder.iterdir())
    with pytest.raises(SystemExit):
        main(["boris", "remove"])
    assert "holds none of amclip's plug-ins" in capsys.readouterr().err


def test_files_say_what_they_are_and_which_amclip_they_start(tmp_path: Path) -> None:
    command = ['C:\\Users\\Käte 🐭\'s "x"\\python.exe', "-m", "amclip", "/caf\udce9"]
    for path, (title, task, _) in zip(install_plugins(tmp_path / "new", command), PLUGINS.values(), strict=True):
        path.read_text("ascii")  # BORIS reads it in the encoding of the system
        module = runpy.run_path(str(path))
        assert (module["__plugin_name__"], module["TASK"], module["AMCLIP"]) == (title, task, command)
        assert module["run"].__annotations__["project"] is dict  # by which BORIS knows what to pass
        assert module["__version__"] != "0"


def test_files_of_others_stay(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "amclip_read_bouts.py"
    mine.write_text("mine")
    with pytest.raises(ValueError, match="was not written by `amclip boris install`"):
        install_plugins(tmp_path, ["amclip"])
    assert [path.name for path in tmp_path.glob("*.py")] == [mine.name]
    with pytest.raises(SystemExit):
        main(["boris", "remove", "--folder", str(tmp_path)])
    assert mine.read_text() == "mine"


def test_the_folder_that_boris_has_is_taken(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = preferences(str(home / "my plugins ä"))
    (home / ".boris").write_bytes(content)
    main(["boris", "install"])
    assert len(list((home / "my plugins ä").iterdir())) == len(PLUGINS)
    main(["boris", "install", "--folder", str(home / "other")])
    said = capsys.readouterr().out
    assert f"from {home / 'my plugins ä'} now, and from one folder only" in said
    assert "File, Preferences" in said
    assert (home / ".boris").read_bytes() == content
    assert [sys.executable, "-m", "amclip"] == runpy.run_path(str(home / "other" / next(iter(PLUGINS))))["AMCLIP"]


@pytest.mark.parametrize("content", [None, b"[General]\nconfig=@Variant(\\0\\0\\0\\n)\n", b"\xff"], ids=str)
def test_without_known_preferences_the_clicks_are_said(
    home: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (home / ".boris").write_bytes(content)
    main(["boris", "install"])
    said = capsys.readouterr().out
    assert "In BORIS: File, Preferences, Analysis plugins" in said
    assert ("has no preferences yet" in said) == (content is None)
    assert content is None or (home / ".boris").read_bytes() == content


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("before", [None, "", "/home/beef/old"])
def test_only_one_entry_of_the_preferences_is_changed(tmp_path: Path, before: str | None, plain: bool) -> None:
    file, folder = tmp_path / ".boris", tmp_path / "Käte's \\ plugins, 0xff"
    file.write_bytes(preferences(before, plain))
    assert personal_folder(file) == (Path(before) if before else None)
    set_personal_folder(file, folder)
    assert personal_folder(file) == folder
    set_personal_folder(file, Path(before or "/x"))
    set_personal_folder(file, folder)
    start = preferences(before, plain).partition(b"config=")[0]
    end = preferences(before, plain)[-60:]
    assert file.read_bytes().startswith(start)
    assert file.read_bytes().endswith(end)
    assert personal_folder(tmp_path / "none") is None


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")
def test_a_link_stays_one_and_nobody_else_may_read_more(tmp_path: Path) -> None:
    real, file = tmp_path / "kept" / "boris.ini", tmp_path / ".boris"
    real.parent.mkdir()
    real.write_bytes(preferences(None))
    real.chmod(0o600)
    file.symlink_to(real)
    set_personal_folder(file, tmp_path / "plugins")
    assert file.is_symlink()
    assert personal_folder(real) == tmp_path / "plugins"
    assert (tmp_path / BACKUP).read_bytes() == preferences(None)
    assert {path.stat().st_mode & 0o777 for path in (real, tmp_path / BACKUP)} == {0o600}
