"""What looks like a secret: names that say so, and texts that are shaped like keys."""

from __future__ import annotations

import json
import os
import re

__all__ = ["MASKED", "is_secret_name", "masked"]

MASKED = "[masked]"

_NAME = re.compile(
    r"(^|[_-])(keys?|pass|headers?|auth|cookies?)([_-]|$)"
    r"|(api|access|private|secret|auth)[_-]?key"
    r"|secret|passw|credential|authorization"
    r"|(^|[_-])(access|bearer|api|auth|refresh|session|ad|id)?_?token$",
    re.IGNORECASE,
)
"""Names of parameters whose values nobody may see; ``max_tokens`` is none of them."""
_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""Names of environment variables that hold a secret."""
_TEXT = re.compile(
    r"\b(?:sk|pk|rk|xai)-(?=[\w-]*\d)[\w-]{16,}"  # OpenAI, Anthropic, xAI and many others
    r"|\b(?:sk|pk|rk)_(?:live|test)_\w{10,}"  # Stripe
    r"|\b(?:gsk|hf)_\w{16,}"  # Groq, Hugging Face
    r"|\b[Bb]earer\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b"  # AWS
    r"|\bAIza[\w-]{35}"  # Google
    r"|\bgh[opsru]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"  # GitHub
    r"|\bxox[abprs]-[\w-]{10,}"  # Slack
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{4,}"  # JSON web tokens
    r"|(?<=://)[^/\s@:]*:[^/\s@]+(?=@)"  # user and password in an address
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
SHORTEST = 12
"""Characters; a shorter value of the environment may be an ordinary word."""


def is_secret_name(name: object) -> bool:
    """Whether a parameter of this name is nobody's business."""
    return _NAME.search(str(name)) is not None


def masked(text: str, *, by: str = MASKED) -> str:
    """A text without what looks like a key, and without the secrets of the environment, however JSON spells them."""
    for secret in _of_the_environment():
        for spelled in dict.fromkeys((secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])):
            text = text.replace(spelled, by)
    return _TEXT.sub(by, text)


def _of_the_environment() -> list[str]:
    """What the environment calls a key, the longest first; read each time, for it may be set late."""
    named = {value.strip() for name, value in os.environ.items() if _VARIABLE.search(name)}
    return sorted((value for value in named if len(value) >= SHORTEST), key=len, reverse=True)
