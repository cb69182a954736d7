import pytest
from rich.table import Table
from rich.text import Text

from amclip.screen_table import print_table

LONG = "allogrooming_between_two_animals_in_contact"


@pytest.mark.parametrize("width", [50, 80, 100, 160])
@pytest.mark.parametrize(
    "headings",
    [
        ("bouts", "before", "after", "left out", "threshold", "smoothing", "minimum bout", "minimum gap"),  # of tune
        ("predicted", "labelled", "F1 0.1", "F1 0.25", "F1 0.5", "start", "stop"),  # of evaluate
        ("precision", "recall"),
    ],
    ids=len,
)
def test_names_are_whole_and_lines_fit_the_screen(
    headings: tuple[str, ...], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table = Table(title="Scores of many behaviours, with a title that is longer than the table itself is wide")
    table.add_column("behaviour")
    for name in headings:
        table.add_column(name, justify="right")
    numbers = [f"{index}.77" for index in range(len(headings))]
    for name in ("eat", LONG):
        table.add_row(Text(name), *numbers)
    print_table(table)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= max(width, 80)
    text = "\n".join(lines)
    assert "…" not in text
    first = next(number for number, line in enumerate(lines) if "allogroom" in line)
    parts = [line.strip("│ ").split(" ")[0] for line in lines[first : first + 6]]
    assert "".join(parts).startswith(LONG)
    for number in numbers:
        assert text.count(number) == 2
    if width == 160:
        assert "│" in text
