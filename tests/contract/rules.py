"""Refusals of valid data that no schema can tell: what two values say together, what has happened before, and
what only the state of the shop decides. Each is for some operations only, and for what it says in its words.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """A refusal: at which operations, with which code, and what it says of which field."""

    operations: str
    code: str
    says: str = ""

    def fits(self, operation: str, code: str, said: str) -> bool:
        return (
            code == self.code
            and re.fullmatch(self.operations, operation) is not None
            and re.match(self.says, said) is not None
        )


ANY = ".*"
ORDERS = "placeOrder|checkOutCart"
LISTS = "list.*"

RULES = [
    # What was sent before.
    Rule(ANY, "idempotency-key-reused"),
    Rule("takePaymentNotice", "notice-id-reused"),
    # A cursor is what a page before has said.
    Rule(LISTS, "invalid-request", "cursor must be the nextCursor of a page"),
    # Texts of that many characters may have more bytes than a body may.
    Rule(ANY, "body-too-large"),
    # Above 2^50 a number that is written with a point may have been read as its neighbour.
    Rule(ANY, "invalid-request", r"invalid type: floating point `-?\d{16,}\.\d+`"),
    # Whoever is no customer names one; who that is decides the token.
    Rule("listOrders|buy|reserve|placeOrder", "validation-failed", "customerId is required"),
    # Only with the header that lets it wait.
    Rule("buy", "validation-failed", "priority is for purchases with the header"),
    # Two prices, and two times.
    Rule("listProducts", "validation-failed", "maxPrice must not be below minPrice"),
    Rule("createProduct", "validation-failed", "closesAt must be later than opensAt"),
    Rule("createSale|changeSale", "validation-failed", "endsAt must be after startsAt"),
    # What time it is.
    Rule("createSale|changeSale", "validation-failed", "endsAt must not be past"),
    Rule("createApiKey", "validation-failed", "expiresAt must be in the future"),
    # Each once; their ids are unique, the entries are not.
    Rule("placeOrder", "validation-failed", "items must name each product once"),
    Rule("createSale|changeSale", "validation-failed", "products must name each product once"),
    Rule("adjustStocks", "validation-failed", "adjustments must name each product once"),
    # What is in it, and what is sold.
    Rule("cancelOrder|refundOrder", "validation-failed", "productIds must be products of this order"),
    Rule("changeSale", "validation-failed", r"products (product \d+: (productId is not in the sale|remove goes with)|must leave)"),
    Rule("changeProduct|createSale|changeSale", "validation-failed", r"(products product \d+: )?price.currency "),
    # What the provider of this method knows.
    Rule(ORDERS, "validation-failed", "payment.token must be one of tok_ok"),
    Rule(ORDERS + "|payOrder", "payment-declined"),
    Rule("takePaymentNotice", "payment-mismatch"),
    # What a notice is about depends on its type.
    Rule("takePaymentNotice", "invalid-request", "data of the notice cannot be read"),
    # Its time is over, or it has changed since.
    Rule(".*Reservation", "reservation-expired"),
    Rule("(change|deactivate|delete|pause|resume|end)(Product|Sale)", "version-mismatch"),
    # Which topics there are.
    Rule("followEvents", "validation-failed", "topics "),
]


def told(operation: str, problem: dict) -> bool:
    """Whether everything that a problem says is a rule of this operation."""
    code = problem.get("code", "")
    errors = problem.get("errors") or []
    said = [f"{error['field']} {error['message']}" for error in errors] or [problem.get("detail", "")]
    return all(any(rule.fits(operation, code, text) for rule in RULES) for text in said)
