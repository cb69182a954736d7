"""JSON in which no key stands twice: Python's own reader would keep the last and say nothing."""

import json
import re
from typing import Any

from amclip.data.label_error import LabelError

__all__ = ["load"]


def load(text: str, source: str) -> Any:
    """The content of a JSON text.

    Raises:
        LabelError: If it is no JSON, a key stands twice in one object, or a number has no end; names the line.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                places = re.finditer(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:", text)
                lines = [text.count("\n", 0, place.start()) + 1 for place in places]
                raise LabelError(f"{key!r} stands twice", source, lines[1] if len(lines) > 1 else None)
            content[key] = value
        return content

    try:
        return json.loads(text, object_pairs_hook=unique)
    except LabelError:
        raise
    except RecursionError:
        raise LabelError("is JSON of more levels than any form of labels has", source) from None
    except json.JSONDecodeError as error:
        raise LabelError(f"is not JSON: {error.msg}", source, error.lineno) from None
    except ValueError:  # Python's own limit on the digits of a whole number
        raise LabelError("holds a number of thousands of digits, which says nothing here", source) from None
