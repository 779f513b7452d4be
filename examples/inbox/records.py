"""What the desks can look up: payments and known faults, as the shop's own systems would tell them."""

from __future__ import annotations

import re
from typing import TypedDict

from crewgraph import tool

__all__ = ["faults", "payments"]


class Payment(TypedDict):
    """One payment of a customer."""

    day: str
    amount: float
    for_what: str


PAYMENTS: dict[str, list[Payment]] = {
    "priya.r@example.com": [
        {"day": "2025-01-05", "amount": 4.99, "for_what": "Lumen Plus"},
        {"day": "2025-01-03", "amount": 4.99, "for_what": "Lumen Plus"},
    ],
    "gpaszek@example.com": [{"day": "2025-01-28", "amount": 4799.00, "for_what": "1 x Aura Table"}],
    "t.wieland@example.net": [{"day": "2025-01-07", "amount": 89.90, "for_what": "LH-68815, returned"}],
    "f.odowd@example.net": [{"day": "2025-01-16", "amount": 1904.00, "for_what": "LH-71204, 40 x Aura Spot"}],
}

FAULTS = {
    "E-09": "cloud unreachable: hold the wheel for 12 s, then heating works without the cloud",
    "E-21": "the hub's firmware is older than 4.2: update it over cable",
    "pair": "pairing fails while the phone is on a 5 GHz network: switch to 2.4 GHz for a minute",
    "offline": "lamps that go offline at night: the router renews its address then; give the hub a fixed one",
}


@tool
def payments(customer: str) -> list[Payment]:
    """The payments of a customer, newest first; none where the customer is not known.

    Args:
        customer: the e-mail address, as it stands in the mail's sender.
    """
    address = re.search(r"[^<\s]+@[^>\s]+", customer)
    return PAYMENTS.get(address[0].lower() if address else "", [])


@tool
def faults(words: str) -> dict[str, str]:
    """Known faults and what helps, by error code or by what the customer says.

    Args:
        words: an error code such as E-09, or a few words.
    """
    said = words.lower()
    return {code: help_ for code, help_ in FAULTS.items() if code.lower() in said}
