"""The package is built in layers: what lies below knows nothing of what lies above, and nothing goes round in a circle.

Imports within functions count as those at the top of a module; those under ``TYPE_CHECKING`` do not.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import amclip

ROOT = Path(amclip.__file__).parent

# From the bottom up. Modules of one layer may use each other, without a cycle; of others only those further up here.
LAYERS = {
    "tools that know nothing of videos": (
        "version",
        "advice",
        "lazy",
        "text",
        "atomic",
        "interrupt",
        "plain",
        "config_path",
        "guard",
        "last_checkpoint",
        "lock",
        "long_work",
        "machine",
        "rank_zero",
        "on_device",
        "precision",
        "quick_import",
        "screen_table",
    ),
    "flow, models, metrics, calibration, checkpoint, configs": (
        *(
            "flow",
            "models",
            "log_odds",
            "metrics",
            "class_groups",
            "calibration",
            "averaging",
            "training_length",
            "checkpoint",
            "frame_times",
            "sampling",
            "inputs",
            "motion",
        ),
        *("augmentation", "losses", "optimiser", "evaluation", "compatible", "draw"),
    ),
    "data": ("data", "preprocess"),
    "training, and the trained model": (
        *("inference", "task", "callbacks", "cards", "epoch_times", "portable", "score_table", "sharded", "trainer"),
    ),
    "ethogram": ("ethogram",),
    "inside other programs": ("boris",),
    "live video": ("live",),
    "report": ("report",),
    "suggest": ("suggest",),
    "commands": ("commands",),
    "the command line": ("cli", "__main__"),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield from imports(ast.Module([other], []))
        else:
            yield from imports(node)


def strings(tree: ast.AST) -> Iterator[str]:
    """Texts of the code: a module may be imported by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def used_by(name: str, tree: ast.Module, known: Mapping[str, object]) -> set[str]:
    """Modules among the known that a module imports, itself left out."""
    used = {text for text in strings(tree) if text in known and "." in text}
    for node in imports(tree):
        if isinstance(node, ast.Import):
            used.update(alias.name for alias in node.names)
            continue
        assert node.level == 0, f"{name}: imports are written in full"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            used.add(full if full in known else str(node.module))
    return (used & known.keys()) - {name}


USES = {name: used_by(name, ast.parse(path.read_text("utf-8")), FILES) for name, path in FILES.items()}


def a_cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Names in a circle, each of which uses the next; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def children(package: str, uses: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """What the modules and packages directly in a package use of each other, each package taken as one."""
    depth = package.count(".") + 2

    def child(name: str) -> str | None:
        return ".".join(name.split(".")[:depth]) if name.startswith(f"{package}.") else None

    graph: dict[str, set[str]] = {}
    for name, used in uses.items():
        if (here := child(name)) is not None:
            graph.setdefault(here, set()).update(there for one in used if (there := child(one)) and there != here)
    return graph


def layer_of(name: str) -> int | None:
    part = name.split(".")[1] if "." in name else ""
    return next((number for number, parts in enumerate(LAYERS.values()) if part in parts), None)


def test_no_module_uses_itself_by_way_of_others() -> None:
    graph = {name: used - {"amclip"} for name, used in USES.items() if name != "amclip"}
    assert not (cycle := a_cycle(graph)), " -> ".join(cycle)


def test_no_package_uses_itself_by_way_of_others() -> None:
    packages = [name for name, path in FILES.items() if path.name == "__init__.py"]
    cycles = [cycle for package in packages if (cycle := a_cycle(children(package, USES)))]
    assert not cycles, "\n".join(" -> ".join(cycle) for cycle in cycles)


def test_every_module_has_a_layer_and_uses_none_above_it() -> None:
    assert not (homeless := [name for name in FILES if name != "amclip" and layer_of(name) is None]), homeless
    upwards = [
        f"{name} uses {other}"
        for name, used in USES.items()
        for other in used
        if name != "amclip" and other != "amclip" and (layer_of(other) or 0) > (layer_of(name) or 0)
    ]
    assert not upwards, "\n".join(upwards)


def test_nothing_imports_from_the_package_that_gathers_the_public_names() -> None:
    assert not (found := [name for name, used in USES.items() if "amclip" in used]), found


def test_cycles_and_lazy_imports_are_seen() -> None:
    known = dict.fromkeys(("amclip.a", "amclip.b", "amclip.c"))
    text = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from amclip.a import A\n"
        "def f():\n    from amclip import b\n    import_module('amclip.c')\n"
    )
    assert used_by("amclip.d", ast.parse(text), known) == {"amclip.b", "amclip.c"}
    uses = {"p.q.a": {"p.r.a"}, "p.r.a": set[str](), "p.r.b": {"p.q.b"}, "p.q.b": set[str]()}
    assert not a_cycle(uses)
    assert a_cycle(children("p", uses)) in (["p.q", "p.r", "p.q"], ["p.r", "p.q", "p.r"])


def test_no_module_is_longer_than_a_reader_takes_in() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in FILES.items()}
    assert not (long := {name: lines for name, lines in lengths.items() if lines > 350}), long


MOST_ARGUMENTS = 12


def arguments_of(trees: Mapping[str, ast.Module]) -> Iterator[tuple[str, int]]:
    """The functions of some modules and the classes made from their fields, with how many arguments each takes.

    Names with an underscore in front are left out (compiled inner loops take a pointer per field); constructors are
    not. ``self`` and ``cls``, ``*args`` and ``**kwargs`` do not count; fields of bases do.
    """
    classes = {node.name: node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def fields(node: ast.ClassDef) -> set[str]:
        bases = [classes[name] for base in node.bases if (name := ast.unparse(base)) in classes and name != node.name]
        own = {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign) and is_argument(one)}
        return own.union(*map(fields, bases))

    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if node.name.startswith("_") and node.name != "__init__":
                    continue
                names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                yield f"{module}.{node.name}", len(names) - (names[:1] in (["self"], ["cls"]))
            elif isinstance(node, ast.ClassDef) and is_made_from_fields(node):
                yield f"{module}.{node.name}", len(fields(node))


def is_made_from_fields(node: ast.ClassDef) -> bool:
    """Whether it is a dataclass or a named tuple."""
    made = (ast.unparse(one.func if isinstance(one, ast.Call) else one) for one in node.decorator_list)
    return "dataclass" in made or "NamedTuple" in map(ast.unparse, node.bases)


def is_argument(field: ast.AnnAssign) -> bool:
    """Whether the constructor takes a field."""
    return "ClassVar" not in ast.unparse(field.annotation) and "init=False" not in ast.unparse(field.value or field)


def test_nothing_takes_more_arguments_than_a_reader_takes_in() -> None:
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}
    counts = list(arguments_of(trees))
    assert len(counts) > 1000
    many = [f"{name} takes {count}" for name, count in counts if count > MOST_ARGUMENTS]
    assert not many, "\n".join(many)


def test_arguments_and_fields_are_counted() -> None:
    text = """
class A:
    def __init__(self, a, b, c, d): ...
    def f(self, a, /, b, *args, c=1, **more): ...
@dataclass(frozen=True)
class B:
    a: int
    b: ClassVar[int] = 1
    c: list[int] = field(default_factory=list)
    d: int = field(init=False)
    @property
    def e(self): ...
@dataclass
class C(B):
    c: list[str]
    f: int = 0
class D(NamedTuple):
    a: int
def g(a, *, b): ...
def _h(a): ...
"""
    found = dict(arguments_of({"m": ast.parse(text)}))
    assert found == {"m.__init__": 4, "m.f": 3, "m.B": 2, "m.e": 0, "m.C": 3, "m.D": 1, "m.g": 2}
