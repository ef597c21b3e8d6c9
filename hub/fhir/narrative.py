"""What a narrative may hold: it is shown to people as it came, so nothing in it may act."""

from __future__ import annotations

import re

_ACTIVE = re.compile(
    r"<\s*(?:/\s*)?(script|iframe|object|embed|form|link|meta|base|svg|style)\b|[\s\"'/]on[a-z]+\s*=|javascript\s*:"
    r"|vbscript\s*:|data\s*:\s*text/html",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(#[0-9]+|#x[0-9a-f]+|tab|newline|colon);?", re.IGNORECASE)


def acts(div: str) -> bool:
    """Whether something in it would run, load or restyle. What a browser decodes is looked at decoded too."""
    return bool(_ACTIVE.search(_ENTITY.sub(_decoded, div) if "&" in div else div))


def _decoded(match: re.Match[str]) -> str:
    """What a browser would read in an attribute, so that `java&#115;cript:` is seen too."""
    word = match[1].lower()
    named = {"tab": "", "newline": "", "colon": ":"}
    if word in named:
        return named[word]
    code = int(word[2:], 16) if word.startswith("#x") else int(word[1:])
    return chr(code) if 31 < code < 0x110000 else ""
