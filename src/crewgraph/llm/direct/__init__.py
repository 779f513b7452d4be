"""Models behind endpoints that speak OpenAI's chat completions, asked without litellm between."""

from __future__ import annotations
