"""Maps errors to answers, in one table: problem documents for programs, pages for people."""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import (
    HTTPException,
    InternalServerException,
    TooManyRequestsException,
    ValidationException,
)
from litestar.response import Redirect

from directory.archive import SENTENCES, ArchiveError
from directory.errors import DirectoryUnavailable, InvalidIdentifier, InvalidLine, InvalidQuery
from directory.follows.errors import FollowError, UnknownRun
from directory.members.errors import MemberError, ReadOnly
from directory.texts import N_, Bare, filled
from directory.vault import MEND_VAULT
from directory.vault_keys import VaultError
from federation.errors import (
    EvidenceRefused,
    FederationError,
    InvalidEvidence,
    PeerRefused,
    TooManyRequests,
    UnknownLog,
    UntrustedRequest,
)
from federation.protocol.peering_wire import InvalidPeering
from web.auth.errors import SIGN_IN_AT, ForgedForm, SignInNeeded
from web.auth.sentences import MEMBER
from web.follow_sentences import FAILED
from web.language import translate
from web.middleware.bodies import TooManyBodies
from web.problems import (
    NOBODY_SAID,
    OF_STATUS,
    PROBLEM_JSON,
    PROBLEMS,
    PROGRAM_PATHS,
    Failure,
    Problem,
    ProblemDocument,
)
from web.rendering import Renderer, is_fragment

log = structlog.get_logger(__name__)

_SHOWN_CHARS: Final = 60
UNREAD_LINE: Final = N_("Line %(line)s of your list, “%(typed)s”, is not an account on X that we can read.")
# The same failures in words for pages: only archives and lists are large there, and the API is not mentioned.
OF_PAGE: Final = {
    "too-large": PROBLEMS["archive-too-large"],
    "invalid-request": PROBLEMS["invalid-form"],
    "method-not-allowed": PROBLEMS["form-only"],
}
# What was asked for without a form.
OF_ADDRESS: Final = {**OF_PAGE, "invalid-request": PROBLEMS["invalid-address"]}
OF_PART: Final = {**OF_PAGE, "too-large": PROBLEMS["list-too-large"]}


class NobodySaid(Exception):
    """Nobody has published where an account is."""


def failure_of(error: Exception) -> Failure:
    """Returns the failure that an error stands for. An error that is not in the table is our own fault: 500."""
    match error:
        case InvalidIdentifier() | InvalidQuery() | NobodySaid():
            return _of_asked(error)
        case ArchiveError():
            return Failure(PROBLEMS["invalid-archive"], SENTENCES[error.code], values={"file": error.file})
        case MemberError() | ForgedForm() | FollowError():
            return _of_members(error)
        case DirectoryUnavailable() | VaultError():
            return _of_keeping(error)
        case FederationError():
            return _of_peers(error)
        case TooManyRequestsException():
            return Failure(PROBLEMS["too-many-requests"], "", error.headers or {})
        case ValidationException():
            return _of("invalid-request", _validation_detail(error))
        case HTTPException():
            return _of_http(error)
        case _:
            return _of("internal", "")


def _of_follows(error: FollowError) -> Failure:
    if isinstance(error, UnknownRun):
        return _of("not-found", "")
    return Failure(PROBLEMS["not-done"], FAILED[error.code], is_for_people=True)


def _of_asked(error: InvalidIdentifier | InvalidQuery | NobodySaid) -> Failure:
    match error:
        case NobodySaid():
            return _of(NOBODY_SAID, "")
        case InvalidLine():
            return _of_line(error)
        case InvalidIdentifier():
            return _of("invalid-account", str(error))
        case _:
            return _of("invalid-request", str(error))


def _of_line(error: InvalidLine) -> Failure:
    values = {"line": Bare(error.number), "typed": error.line[:_SHOWN_CHARS]}
    return Failure(PROBLEMS["invalid-account"], UNREAD_LINE, values=values)


def unread_line(language: str, error: InvalidLine) -> str:
    """Returns the sentence for a line of a list, in a language."""
    return _for_people(language, _of_line(error))


def _of_keeping(error: DirectoryUnavailable | VaultError) -> Failure:
    if isinstance(error, VaultError):
        return _of("sealed", "")
    return Failure(PROBLEMS["unavailable"], "", {"retry-after": "60"})


def _of_members(error: MemberError | ForgedForm | FollowError) -> Failure:
    if isinstance(error, FollowError):
        return _of_follows(error)
    if isinstance(error, ForgedForm):
        return _of("not-from-here", "")
    problem = PROBLEMS["read-only" if isinstance(error, ReadOnly) else "not-done"]
    return Failure(problem, MEMBER[error.code], is_for_people=True)


def _of_peers(error: FederationError) -> Failure:
    match error:
        case UntrustedRequest():
            return _of("not-signed", str(error))
        case PeerRefused():
            return _of("not-for-you", str(error))
        case TooManyRequests():
            return Failure(
                PROBLEMS["too-many-requests"], str(error), {"retry-after": str(error.retry_after_s)}
            )
        case InvalidPeering() | InvalidEvidence():
            return _of("invalid-request", str(error))
        case UnknownLog():
            return _of("not-found", "")
        case EvidenceRefused():
            return _of("proves-nothing", str(error))
        case _:
            return _of("internal", "")


def _of(slug: str, detail: str) -> Failure:
    return Failure(PROBLEMS[slug], detail)


def _of_http(error: HTTPException) -> Failure:
    if isinstance(error, TooManyBodies):
        return Failure(PROBLEMS["many-lists"], "", {"retry-after": "60"})
    problem = OF_STATUS.get(error.status_code)
    if isinstance(error, InternalServerException) and _has_left(error):
        problem = PROBLEMS["broken-off"]
    if problem is None:
        problem = PROBLEMS["invalid-request"] if error.status_code < 500 else PROBLEMS["internal"]
    allowed = (error.headers or {}).get("allow")
    headers = {"allow": ", ".join(sorted(allowed.split(", ")))} if allowed else {}
    detail = error.detail if problem.slug == "invalid-request" else ""
    return Failure(problem, detail, headers)


def _has_left(error: InternalServerException) -> bool:
    """Returns whether somebody broke off while their body was read. The framework takes that for a fault of ours."""
    return error.detail == "client disconnected prematurely"


def _validation_detail(error: ValidationException) -> str:
    """Names the parameter; Litestar's own text would repeat the whole address."""
    if missing := re.search(r"required (\w+) parameter '(\w+)'", error.detail):
        return f"the {missing[1]} parameter `{missing[2]}` is missing"
    extra = error.extra if isinstance(error.extra, list) else []
    parts = [
        f"{each.get('key', 'body')}: {each.get('message', '')}" for each in extra if isinstance(each, dict)
    ]
    return "; ".join(parts) or "a parameter is missing or of the wrong type"


def exception_handler(renderer: Renderer) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    """Returns the handler that answers every error of every route."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        if isinstance(error, SignInNeeded):
            return _way_to_sign_in(renderer, request)
        failure = failure_of(error)
        _log(failure, error)
        if request.url.path.startswith(PROGRAM_PATHS):
            return problem_document(renderer.base_url, failure)
        if is_fragment(request):
            return _part_problem(renderer, request, failure)
        return _error_page(renderer, request, failure)

    return handle


def _way_to_sign_in(renderer: Renderer, request: Request[Any, Any, Any]) -> Response[Any]:
    """Sends the browser to the sign-in page.

    A script that asked for a part of a page cannot follow a redirect: it would put the whole sign-in page
    there.
    """
    headers = {"cache-control": "no-store"}
    place = request.route_handler.opt.get(SIGN_IN_AT, "/sign-in")
    if "hx-request" in request.headers:
        return Response(b"", headers={**headers, "hx-redirect": place})
    if is_fragment(request):
        return _part_problem(renderer, request, _of("signed-out", ""))
    return Redirect(place, status_code=303, headers=headers)


def _log(failure: Failure, error: Exception) -> None:
    if failure.problem.slug == "internal":
        log.error("request failed", exc_info=error)
    elif failure.problem.slug == "sealed":
        # The error's text names the key file, or the id of a key, and never holds a key or a secret.
        log.error("the vault cannot open what it sealed", reason=str(error), mend=MEND_VAULT)
    elif failure.problem.slug == "unavailable":
        log.warning("database did not answer")


def problem_document(base_url: str, failure: Failure) -> Response[Any]:
    """Answers with an `application/problem+json` document, in English."""
    problem = failure.problem
    detail = " ".join(part for part in (failure.detail and f"{failure.detail}.", problem.advice) if part)
    return _document(base_url, failure, problem.title, detail)


def _document(base_url: str, failure: Failure, title: str, detail: str) -> Response[Any]:
    problem = failure.problem
    document = ProblemDocument(
        type=f"{base_url}/api/docs#{problem.slug}", title=title, status=problem.status, detail=detail
    )
    return Response(
        msgspec.json.encode(document),
        status_code=problem.status,
        media_type=PROBLEM_JSON,
        headers={**failure.headers, "cache-control": "no-store"},
    )


def _part_problem(renderer: Renderer, request: Request[Any, Any, Any], failure: Failure) -> Response[Any]:
    """Answers a script that asked for a part of a page: it shows `detail`, in the language of the page."""
    problem = OF_PART.get(failure.problem.slug, failure.problem)
    language = renderer.language_of(request)
    title, advice = translate(language, problem.title), translate(language, problem.advice)
    said = _for_people(language, failure) or f"{title}. {advice}"
    answer = _document(renderer.base_url, msgspec.structs.replace(failure, problem=problem), title, said)
    answer.headers.setdefault("content-language", language)
    return answer


def _for_people(language: str, failure: Failure) -> str:
    """Returns the failure's sentence for people, in their language. A detail that was written for programs is
    left out."""
    if failure.values or failure.is_for_people:
        return filled(translate(language, failure.detail), failure.values)
    return ""


def _error_page(renderer: Renderer, request: Request[Any, Any, Any], failure: Failure) -> Response[Any]:
    words = OF_ADDRESS if request.method in {"GET", "HEAD"} else OF_PAGE
    problem: Problem = words.get(failure.problem.slug, failure.problem)
    language = renderer.language_of(request)
    return renderer.page(
        request,
        "error.html",
        status=problem.status,
        headers={**failure.headers, "cache-control": "no-store"},
        problem=problem,
        title=translate(language, problem.title),
        detail=_for_people(language, failure),
    )
