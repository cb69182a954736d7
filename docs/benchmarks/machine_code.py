"""Counts what a kernel's innermost work costs from its machine code, as NVIDIA's nvdisasm lists it. Needs no GPU."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Iteration", "count_iterations", "disassemble", "disassembler"]

SECTION = re.compile(r"^\s*\.section\s+\.text\.(\w+)")
LABEL = re.compile(r"^(\.L\w+):")
INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]+\*/\s+(@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)([^;]*);")
#: What no way around a loop may skip if it is to count.
WORK = ("MUFU", "LDS", "STS")
TARGET = re.compile(r"`\((\.L\w+)\)")


@dataclass(frozen=True)
class Iteration:
    """Instructions that a warp issues once around a loop.

    Of all ways around those with the most MUFU and shared-memory instructions count, since the others skip work: of
    these the shortest and the longest.
    """

    shortest: Counter[str]
    longest: Counter[str]

    def slots(self) -> tuple[int, int]:
        """Issue slots: all instructions, those that a predicate switches off too."""
        return self.shortest.total(), self.longest.total()

    def of(self, *kinds: str) -> int:
        """Instructions on the longest way whose name begins so, up to a full stop."""
        return sum(count for name, count in self.longest.items() if name.split(".")[0] in kinds)


@dataclass
class _Block:
    """Instructions without a branch between them, and where it goes on; the numbers are of blocks."""

    names: Counter[str]
    followers: list[int]


def disassembler() -> str | None:
    """nvdisasm: of the CUDA toolkit, or the one inside of Triton, which comes with PyTorch's CUDA builds."""
    if found := shutil.which("nvdisasm"):
        return found
    triton = find_spec("triton")
    for folder in (triton.submodule_search_locations or []) if triton else []:
        bundled = Path(folder) / "backends" / "nvidia" / "bin" / "nvdisasm"
        if bundled.exists():
            return str(bundled)
    return None


def disassemble(code: bytes) -> str:
    """The listing of machine code (a cubin).

    Raises:
        FileNotFoundError: Without nvdisasm; says where it comes from.
        subprocess.CalledProcessError: If it cannot read the code.
    """
    program = disassembler()
    if program is None:
        raise FileNotFoundError("nvdisasm is not there: it comes with the CUDA toolkit and with Triton")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.cubin"
        path.write_bytes(code)
        return subprocess.run([program, "-c", str(path)], check=True, capture_output=True, text=True).stdout


def count_iterations(listing: str) -> dict[str, Iteration]:
    """Of every kernel that has a loop with MUFU instructions: what a warp issues once around the outermost of these."""
    found = {}
    for name, lines in _kernels(listing):
        blocks, edges = _blocks(lines)
        back = [(start, end) for start, end in edges if start <= end and _mufu(blocks, start, end)]
        if back:
            head, _ = max(back, key=lambda edge: (_mufu(blocks, *edge), edge[0] - edge[1]))
            if ways := _around(blocks, head):
                found[name] = Iteration(*ways)
    return found


def _kernels(listing: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in listing.splitlines():
        if match := SECTION.match(line):
            if name:
                yield name, lines
            name, lines = match[1], []
        elif name:
            lines.append(line)
    if name:
        yield name, lines


def _blocks(lines: list[str]) -> tuple[list[_Block], list[tuple[int, int]]]:
    """The blocks of a kernel in the order of the code, and all branches as (target, block that branches)."""
    blocks, place, branches = [_Block(Counter(), [])], dict[str, int](), list[tuple[int, str]]()
    falls = True  # whether the block before goes on into the next one

    def begin() -> None:
        nonlocal falls
        if falls:
            blocks[-1].followers.append(len(blocks))
        blocks.append(_Block(Counter(), []))
        falls = True

    for line in lines:
        if match := LABEL.match(line):
            begin()
            place[match[1]] = len(blocks) - 1
        elif match := INSTRUCTION.match(line):
            predicate, name, rest = match.groups()
            blocks[-1].names[name] += 1
            kind = name.split(".")[0]
            if kind == "BRA" and (target := TARGET.search(rest)):
                branches.append((len(blocks) - 1, target[1]))
                # A branch with a condition among its operands ("BRA P1, ...", "BRA.DIV UR4, ...") can fall through too.
                falls = bool(predicate) or not rest.strip().startswith("`")
                begin()
            elif kind in ("EXIT", "RET", "BRK") and not predicate:
                falls = False
                begin()
    edges = []
    for source, label in branches:
        blocks[source].followers.append(place[label])
        edges.append((place[label], source))
    return blocks, edges


def _mufu(blocks: list[_Block], start: int, end: int) -> int:
    return sum(
        count for block in blocks[start : end + 1] for name, count in block.names.items() if name.startswith("MUFU")
    )


def _around(blocks: list[_Block], head: int) -> tuple[Counter[str], Counter[str]] | None:
    """The shortest and the longest way from a block back to itself, of those with the most work.

    Loops inside (waiting for another block, say) are gone through once.
    """
    known: dict[int, tuple[Counter[str], Counter[str]] | None] = {}
    entered: set[int] = set()

    def weight(way: Counter[str]) -> tuple[int, int]:
        return sum(n for name, n in way.items() if name.split(".")[0] in WORK), way.total()

    def from_here(number: int) -> tuple[Counter[str], Counter[str]] | None:
        if number in known:
            return known[number]
        entered.add(number)
        ways: list[tuple[Counter[str], Counter[str]]] = []
        for follower in blocks[number].followers:
            if follower == head:
                ways.append((Counter(), Counter()))
            elif (follower not in entered or follower in known) and (way := from_here(follower)) is not None:
                ways.append(way)
        best = None
        if ways:
            most = max(weight(way)[0] for pair in ways for way in pair)
            shortest = min((pair[0] for pair in ways if weight(pair[0])[0] == most), key=weight)
            longest = max((pair[1] for pair in ways if weight(pair[1])[0] == most), key=weight)
            best = (blocks[number].names + shortest, blocks[number].names + longest)
        known[number] = best
        return best

    return from_here(head)
