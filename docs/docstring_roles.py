"""Extension of the API reference: Sphinx' roles in docstrings, such as :func:`amclip.load_model`, become links.

A name that the reference does not show (a private module, another library) is set as code, without a link.
"""

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`~?([\w.]+)`")


def link(match: re.Match[str]) -> str:
    name = match[1]
    return f'<autoref optional identifier="{name}"><code>{name}</code></autoref>'


class DocstringRoles(griffe.Extension):
    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(link, obj.docstring.value)
