"""Every failure that can be answered with, its status, and the sentence that a person reads."""

from typing import Final

import msgspec

from directory.texts import N_


class Problem(msgspec.Struct, frozen=True):
    """A kind of failure (RFC 9457); `slug` is the end of its type address."""

    slug: str
    status: int
    title: str
    advice: str


PROGRAM_PATHS: Final = (
    "/api/",
    "/log/",
    "/federation/",
    "/.well-known/",
    "/nodeinfo/",
    "/healthz",
    "/readyz",
)
"""Addresses whose answers are for programs: documents, in English."""
NOBODY_SAID: Final = "nobody-said"
_ALL: Final = (
    Problem(
        "invalid-account",
        400,
        N_("That is not an account we can read"),
        N_("Write @name, the number of the account, or the address of its profile."),
    ),
    Problem(
        "invalid-request",
        400,
        N_("The request cannot be understood"),
        N_("Compare it with the examples on the API page and send it again."),
    ),
    Problem(
        "invalid-form",
        400,
        N_("That form cannot be read"),
        N_("Nothing was changed. Reload the page and send it again."),
    ),
    Problem(
        "invalid-address",
        400,
        N_("That address cannot be read"),
        N_("Check the address, or start from the first page."),
    ),
    Problem(
        "signed-out",
        401,
        N_("You are not signed in any more"),
        N_("Nothing was changed. Reload the page, sign in, and do it again."),
    ),
    Problem(
        "not-signed",
        401,
        N_("This request is not signed by a peer"),
        N_("Only instances that operators have chosen are answered here."),
    ),
    Problem(
        "invalid-archive",
        400,
        N_("This archive cannot be read"),
        N_("Nothing was changed. Choose the file again, or ask X for a new archive."),
    ),
    Problem(
        "not-found", 404, N_("There is nothing here"), N_("Check the address, or start from the first page.")
    ),
    Problem(
        NOBODY_SAID,
        404,
        N_("Nobody has said yet where this account is"),
        N_("Only people who proved both accounts themselves are listed."),
    ),
    Problem(
        "not-done",
        409,
        N_("That could not be done"),
        N_("Go back to your account and look how things stand."),
    ),
    Problem(
        "not-from-here",
        403,
        N_("That form is not from this page"),
        N_("Nothing was changed. Open the page again and send the form from there."),
    ),
    Problem(
        "not-for-you",
        403,
        N_("This is not for every peer"),
        N_("The operators of this instance have not approved it, or have taken that back."),
    ),
    Problem(
        "proves-nothing",
        422,
        N_("This does not prove that a log has forked"),
        N_("Compare it with `passerelle verify`, which tells what a file shows."),
    ),
    Problem(
        "method-not-allowed",
        405,
        N_("This address does not take that method"),
        N_("The API page tells which method each address takes."),
    ),
    Problem(
        "too-slow",
        408,
        N_("That came too slowly"),
        N_("Nothing was changed. Send it again over a better connection, or less of it at once."),
    ),
    Problem(
        "form-only",
        405,
        N_("This page cannot be opened like that"),
        N_("Go back to the page that you came from and send its form again, or start from the first page."),
    ),
    Problem(
        "broken-off",
        400,
        N_("The request was broken off"),
        N_("Send it again, whole."),
    ),
    Problem(
        "too-large",
        413,
        N_("That is more than this address takes at once"),
        N_("Send it in smaller parts; the API page tells the limits."),
    ),
    Problem(
        "archive-too-large",
        413,
        N_("This archive is larger than the form takes"),
        N_(
            "Unpack it and choose following.js, block.js and mute.js from its data folder, or switch JavaScript on: then any size will do."
        ),
    ),
    Problem(
        "list-too-large",
        413,
        N_("That is more people than this server takes at once"),
        N_("Choose following.js alone."),
    ),
    Problem(
        "unsupported-media-type",
        415,
        N_("The body is not of a type that is read here"),
        N_("Send JSON with the header Content-Type: application/json."),
    ),
    Problem(
        "too-many-requests",
        429,
        N_("That was a little fast"),
        N_("Wait a minute and try again; nothing was lost."),
    ),
    Problem(
        "internal",
        500,
        N_("Something broke on our side"),
        N_("Nothing was changed. Try again; if it stays, tell the operator of this instance."),
    ),
    Problem(
        "unavailable",
        503,
        N_("The directory cannot be reached right now"),
        N_("Nothing was lost. Try again in a minute."),
    ),
    Problem(
        "many-lists",
        503,
        N_("Many lists are arriving right now"),
        N_("Nothing was lost. Try again in a minute."),
    ),
    Problem(
        "read-only",
        503,
        N_("This instance is read only at the moment"),
        N_("You can still withdraw what you publish, take your data along, sign out and leave."),
    ),
    Problem(
        "sealed",
        503,
        N_("A key of this instance is missing"),
        N_(
            "Nothing of yours was changed. The operator was told and has to put it back: please try again later."
        ),
    ),
)
PROBLEMS: Final = {problem.slug: problem for problem in _ALL}
OF_STATUS: Final = {problem.status: problem for problem in reversed(_ALL) if problem.slug != NOBODY_SAID} | {
    400: PROBLEMS["invalid-request"]
}


class Failure(msgspec.Struct, frozen=True):
    """One failure of one request: its kind, what happened, and headers to send."""

    problem: Problem
    detail: str
    headers: dict[str, str] = {}
    values: dict[str, str] = {}
    """What stands in the sentence `detail` where it was written for people and is translated."""
    is_for_people: bool = False
    """Whether `detail` was written for people though nothing stands in it."""


PROBLEM_JSON: Final = "application/problem+json"


class ProblemDocument(msgspec.Struct, frozen=True):
    """A problem document (RFC 9457, section 3.1)."""

    type: str
    title: str
    status: int
    detail: str
