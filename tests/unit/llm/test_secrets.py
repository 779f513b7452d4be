"""What looks like a secret is masked before anything is written."""

from __future__ import annotations

import json

import pytest

from crewgraph.llm.secrets import MASKED, masked
from crewgraph.llm.settings import public

KEY = "sk-" + "a1B2" * 6


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(KEY, id="openai"),
        pytest.param("sk-ant-api03-" + "x_-9" * 8, id="anthropic"),
        pytest.param("Bearer " + "abc.DEF-123" * 3, id="bearer"),
        pytest.param("bearer  " + "abc/DEF+123=" * 2, id="bearer-in-lower-case"),
        pytest.param("AKIA" + "ABCD1234" * 2, id="aws"),
        pytest.param("AIza" + "a-_0B" * 7, id="google"),
        pytest.param("ghp_" + "aB3" * 12, id="github"),
        pytest.param("xoxb-1234567890-abc", id="slack"),
        pytest.param("gsk_" + "aB3" * 8, id="groq"),
        pytest.param("hf_" + "aB3" * 8, id="hugging-face"),
        pytest.param("xai-" + "aB3" * 8, id="xai"),
        pytest.param("sk_live_" + "aB3" * 5, id="stripe"),
        pytest.param("github_pat_" + "aB3" * 9, id="github-fine"),
        pytest.param("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSM", id="token-of-json"),
        pytest.param("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", id="pem"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nabc, and then it was cut", id="pem-without-end"),
    ],
)
def test_masked(text: str) -> None:
    """What looks like a key is masked, and only that; masking what is masked changes nothing."""
    assert masked(f"use {text}") == f"use {MASKED}"
    assert masked(masked(f"use {text}")) == masked(f"use {text}")


@pytest.mark.parametrize(
    "text",
    [
        "ask-me-anything-about-it",
        "sk-short",
        "the bearer responsibilities",
        "sk-learn-documentation",
        "a task-force-of-twenty",
        "",
    ],
)
def test_not_masked(text: str) -> None:
    """Ordinary words stay."""
    assert masked(text) == text


def test_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that the environment calls a key are masked wherever they appear, the longest first; short ones are not."""
    monkeypatch.setenv("SOME_API_KEY", "correct horse battery")
    monkeypatch.setenv("DB_PASSWORD", "correct horse battery staple")
    monkeypatch.setenv("OTHER_TOKEN", "short")
    monkeypatch.setenv("HARMLESS", "an ordinary value")
    text = "correct horse battery, correct horse battery staple, short, an ordinary value"
    assert masked(text) == f"{MASKED}, {MASKED}, short, an ordinary value"


@pytest.mark.parametrize("secret", ['pa"ss\\word-123456', "wörd-with-umlaut-99", "line one\nline two of it"])
def test_secret_inside_of_json(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """A secret of the environment is found however JSON spells it, as in the arguments of a tool call."""
    monkeypatch.setenv("WEIRD_SECRET", secret)
    for text in (secret, json.dumps({"a": secret}), json.dumps({"a": secret}, ensure_ascii=False)):
        assert MASKED in masked(text)
        assert secret not in json.dumps(masked(text))
        assert json.dumps(secret)[1:-1] not in masked(text)


def test_password_in_an_address() -> None:
    """User and password of an address are masked; the address stays."""
    assert masked("see https://bob:pw123456@host/x and https://host:8080/") == (
        f"see https://{MASKED}@host/x and https://host:8080/"
    )


def test_settings_are_shown_without_secrets() -> None:
    """At any depth, in lists too."""
    servers = [{"url": "https://u:pw1234@h", "headers": {"X": "listsecret"}, "cookies": "c", "name": "a"}, "plain"]
    shown = public({"extra_body": {"mcp_servers": servers}, "proxy_url": "http://u:passw0rd@h", "n_best": 2})
    kept = [{"url": f"https://{MASKED}@h", "name": "a"}, "plain"]
    assert shown == {"extra_body": {"mcp_servers": kept}, "proxy_url": f"http://{MASKED}@h", "n_best": 2}
