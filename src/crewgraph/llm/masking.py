"""What nobody may see: which names are those of secrets, and what in a text looks like one."""

from __future__ import annotations

import json
import os
import re

__all__ = ["MASKED", "SECRET_NAME", "SECRET_TEXT", "masked"]

MASKED = "[masked]"

SECRET_NAME = re.compile(
    r"(^|[_-])(keys?|auth|headers?|cookies?)([_-]|$)|(api|access|private|secret|auth)[_-]?key"
    r"|(^|[_-]|access|bearer|api|auth|refresh|session|id)token$|secret|passw|credential|authorization",
    re.IGNORECASE,
)
"""Names of parameters whose values nobody may see; ``max_tokens`` is none of them."""
SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
"""Names of environment variables that hold a secret."""
SECRET_TEXT = re.compile(
    r"\b(?:sk|xai)-(?=[\w-]*\d)[\w-]{16,}"  # OpenAI and many others
    r"|\b[Bb]earer\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}"
    r"|\bgsk_(?=\w*\d)\w{16,}"  # Groq
    r"|\bhf_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|\bAKIA[0-9A-Z]{16}\b"  # AWS
    r"|\bAIza[\w-]{35}"  # Google
    r"|\bgh[opsru]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
    r"|\bxox[abprs]-[\w-]{10,}"  # Slack
    r"|\b[rs]k_(?:live|test)_\w{10,}"  # Stripe
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{4,}\.[\w-]*"  # a JSON Web Token
    r"|(?<=://)[^\s/?#@:\"'<>]*:[^\s/?#\"'<>]+(?=@)"  # user and password in an address
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
SHORTEST_SECRET = 12
"""Characters; a shorter value of the environment may be an ordinary word."""


def masked(text: str) -> str:
    """A text without what looks like a key, and without the secrets of the environment."""
    for secret in _secrets():
        text = text.replace(secret, MASKED)
    return SECRET_TEXT.sub(MASKED, text)


def _secrets() -> list[str]:
    """What the environment calls a key, the longest first; read each time, for it may be set late."""
    named = {value.strip() for name, value in os.environ.items() if SECRET_VARIABLE.search(name)}
    secrets = {form for value in named if len(value) >= SHORTEST_SECRET for form in _forms(value)}
    return sorted(secrets, key=len, reverse=True)


def _forms(value: str) -> tuple[str, ...]:
    """A value as it is, and as it stands in JSON, such as the arguments of a tool call."""
    return value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
