"""Renders templates: one environment for each language, static files named by their content."""

import re
from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from functools import cache, lru_cache, partial
from typing import Any, Final, NamedTuple

import jinja2
from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_decimal
from litestar import Request, Response
from litestar.enums import MediaType
from markupsafe import Markup, escape

from directory.instance_settings import InstanceSettings
from directory.operator_texts import NO_TEXTS, OperatorTexts
from directory.profile_pages import called, profile_url
from directory.texts import FIRST_STRONG_ISOLATE, POP_DIRECTIONAL_ISOLATE, isolated
from web.catalogues import LANGUAGES, catalogue
from web.compiled_templates import CompiledTemplates
from web.escaping import escaped
from web.language import PARAMETER, asked_language, language_of, locale_of
from web.proof_links import proof_url, x_profile_url
from web.quick_templates import Environment
from web.remarks import remark_of
from web.static_files import asset_url

_BDI: Final = Markup("<bdi>%s</bdi>")
_OPENED: Final = Markup("<bdi>")
_CLOSED: Final = Markup("</bdi>")
_SAMPLES: Final = (*range(200), 1_000_000)
"""Integers among which every plural category of every language has one."""
_CODE: Final = Markup("<code>%s</code>")
_NO_VALUES: Final[dict[str, object]] = {}
MAX_KEPT_TEXTS: Final = 2_048
"""In one language: more than there are in the templates, 1 MB at most."""
MAX_KEPT_NUMBERS: Final = 1_024
MAX_KEPT_DAYS: Final = 1_024
_PIECES: Final = re.compile(r"^[@.]?[^@.]*|[@.][^@.]*")
MAX_PIECE_CHARS: Final = 22
"""Of a piece with a hyphen, that is kept together: a line would break after the hyphen, as if the name were written without it.
Longer ones break: the line of a small phone could not hold them."""
FRAGMENT_HEADERS: Final = ("x-passerelle-fragment", "hx-request")


def is_fragment(request: Request[Any, Any, Any]) -> bool:
    """Returns whether a script asks for a part of a page."""
    return any(request.headers.get(name) for name in FRAGMENT_HEADERS)


class _ForAll(NamedTuple):
    """A page that is the same for everybody, and what it was made of."""

    made_of: dict[str, Any]
    html: str


class Renderer:
    """Renders templates for one instance."""

    def __init__(
        self,
        *,
        base_url: str,
        own_origin: str,
        instance: Callable[[], InstanceSettings],
        texts: OperatorTexts = NO_TEXTS,
    ) -> None:
        """`own_origin` is that of this instance's log. `instance` returns the instance settings as they are now.
        `texts` are those that all pages link to."""
        self.base_url = base_url
        self._instance = instance
        self._texts = texts
        self._for_all: dict[tuple[str, str], _ForAll] = {}
        self._compiled = CompiledTemplates()
        self._environments = {
            language: _environment(
                language, base_url=base_url, own_origin=own_origin, compiled=self._compiled
            )
            for language in LANGUAGES
        }

    @property
    def instance_name(self) -> str:
        """Returns the name of the instance as it is now."""
        return self._instance().name

    def language_of(self, request: Request[Any, Any, Any]) -> str:
        """Returns the language of a page for this request."""
        return language_of(request.scope, self._instance().languages)

    def compile_ahead(self) -> None:
        """Compiles all templates beside what is under way, where that was not begun before."""
        self._compiled.compile_ahead(next(iter(self._environments.values())))

    def page(
        self,
        request: Request[Any, Any, Any],
        template: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **values: Any,
    ) -> Response[str]:
        """Renders a page in the language of the request."""
        language = self.language_of(request)
        html = self._render(language, template, self._of_every_page(request) | values)
        return self._answer(request, language, html, status, headers)

    def page_for_all(self, request: Request[Any, Any, Any], template: str, **values: Any) -> Response[str]:
        """Renders a page that everybody is shown alike who reads its language, once until something of it changes.

        `values` are of the instance alone: nothing of a member, of a session, or of what was asked for.
        """
        language = self.language_of(request)
        made_of = self._of_every_page(request) | values
        kept = self._for_all.get((language, template))
        if kept is None or kept.made_of != made_of:
            kept = _ForAll(made_of, self._render(language, template, made_of))
            self._for_all[language, template] = kept
        return self._answer(request, language, kept.html)

    def _render(self, language: str, template: str, values: Mapping[str, Any]) -> str:
        return self._environments[language].get_template(template).render(values)

    def _of_every_page(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        instance = self._instance()
        return {
            "path": request.url.path,
            "request_is_get": request.method == "GET",
            "instance": instance,
            "instance_name": instance.name,
            "operator_texts": self._texts,
            "languages": [(tag, _name_of(tag)) for tag in instance.languages],
        }

    def _answer(
        self,
        request: Request[Any, Any, Any],
        language: str,
        html: str,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response[str]:
        answer = Response(html, status_code=status, media_type=MediaType.HTML, headers=headers or {})
        answer.headers.setdefault("vary", "Accept-Language, Cookie")
        answer.headers.setdefault("content-language", language)
        if asked_language(request.scope) == language:
            answer.set_cookie(PARAMETER, language, max_age=365 * 86_400, samesite="lax", httponly=True)
        return answer


def _environment(
    language: str, *, base_url: str, own_origin: str, compiled: CompiledTemplates | None = None
) -> jinja2.Environment:
    environment = Environment(
        loader=jinja2.PackageLoader("web"),
        bytecode_cache=compiled,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]  # its types lack the extension's methods
    locale = locale_of(language)
    environment.globals |= {
        "_": _texts_of(language),
        "asset": asset_url,
        "base_url": base_url,
        "own_origin": own_origin,
        "language": language,
        "text_direction": locale.text_direction,
        "plural_forms": plural_forms(language),
        "each_once": EachOnce,
    }
    environment.filters |= {
        "at": lambda value: _isolated(f"@{value}"),
        "bdi": _isolated,
        "isolated": isolated,
        "sentence": _marked,
        "breakable": _breakable,
        "code": _with_code,
        "remark": remark_of,
        "profile": lambda mapping: profile_url(mapping.target_id),
        "called": lambda mapping: called(mapping.target_id, mapping.target_handle),
        "account_called": lambda account: called(account.id, account.handle),
        "proof_of": proof_url,
        "x_profile": x_profile_url,
        "profile_of": profile_url,
        "moment": partial(_moment, locale=locale),
        "number": _number_in(locale),
        "date": _date_in(locale),
    }
    return environment


def _texts_of(language: str) -> Callable[..., Markup]:
    """Makes what `_` is in templates: a text of the language, with values that are escaped.

    The extension's own gives the same. It goes over the context of the page, and formats what has no values, for each
    of the 500 texts of a page of results: a quarter of its time.
    """
    gettext = catalogue(language).gettext

    @lru_cache(MAX_KEPT_TEXTS)
    def text_of(text: str) -> Markup:
        return Markup(gettext(text))  # noqa: S704 - of our own templates and catalogues

    @lru_cache(MAX_KEPT_TEXTS)
    def plain_text_of(text: str) -> Markup:
        return text_of(text) % _NO_VALUES

    def translated(text: str, /, **values: object) -> Markup:
        if not values:
            return plain_text_of(text)
        # What `Markup` does itself, which wraps the values and each one of them anew.
        filled_in = {name: escaped(value) for name, value in values.items()}
        return Markup(str.__mod__(text_of(text), filled_in))  # noqa: S704 - as escaped as its values

    return translated


@cache
def plural_forms(language: str) -> tuple[tuple[str, int], ...]:
    """Returns the plural categories of a language (CLDR, as scripts know them), each with a number that belongs to it."""
    locale = locale_of(language)
    samples = {locale.plural_form(number): number for number in reversed(_SAMPLES)}
    return tuple(samples.items())


class EachOnce(dict[Hashable, Markup]):
    """Texts by what they are made of, each made by a macro when it is first asked for. For one page alone."""

    def __init__(self, make: Callable[[Any], Markup]) -> None:
        self._make = make

    def __missing__(self, of: Hashable) -> Markup:
        made = self[of] = self._make(of)
        return made


def _isolated(value: object) -> Markup:
    """Isolates a value of a sentence: `@name` would turn into `name@` in right-to-left text (HTML, `bdi`)."""
    return _BDI % (value,)


def _marked(sentence: str) -> Markup:
    """Marks the isolated values of a sentence that code filled, as elements."""
    return escape(sentence).replace(FIRST_STRONG_ISOLATE, _OPENED).replace(POP_DIRECTIONAL_ISOLATE, _CLOSED)


def _breakable(value: object) -> Markup:
    """Marks where a long name may break: before the `@` and the dots of a host, and nowhere else while it fits a line."""
    text = str(value)
    if "-" in text:
        return _in_pieces(text)
    # Most names. No character that is escaped becomes one at which a name breaks.
    name = str(escaped(text))
    rest = name[1:].replace("@", "<wbr>@").replace(".", "<wbr>.")
    return Markup(name[:1] + rest)  # noqa: S704 - escaped above


def _in_pieces(text: str) -> Markup:
    pieces = "<wbr>".join(map(_piece_of, _PIECES.findall(text)))
    return Markup(pieces)  # noqa: S704 - each is escaped


def _piece_of(text: str) -> str:
    piece = str(escaped(text))
    return f'<span class="piece">{piece}</span>' if "-" in text and len(text) <= MAX_PIECE_CHARS else piece


def _with_code(value: object) -> Markup:
    """Shows what stands between backticks as code: descriptions of the API are written for other tools too."""
    parts = str(value).split("`")
    return Markup("").join(_CODE % part if at % 2 else escape(part) for at, part in enumerate(parts))


def _number_in(locale: Locale) -> Callable[[float], str]:
    """Makes what writes a number in a language. The same few dozen stand on page after page."""

    @lru_cache(MAX_KEPT_NUMBERS, typed=True)
    def number(value: float) -> str:
        return format_decimal(value, locale=locale)

    return number


def _date_in(locale: Locale) -> Callable[[date], str]:
    """Makes what writes a day in a language, of a time that day. Most pages tell of the same few hundred days."""

    @lru_cache(MAX_KEPT_DAYS)
    def day(value: date) -> str:
        return format_date(value, format="long", locale=locale)

    return lambda value: day(value.date() if isinstance(value, datetime) else value)


def _moment(value: datetime, *, locale: Locale) -> str:
    """Writes a day and a time, to the minute."""
    day, time = format_date(value, "medium", locale), format_time(value, "short", locale=locale)
    return f"{day}, {time} UTC"


@cache
def _name_of(language: str) -> str:
    """Returns the name of a language in that language."""
    return locale_of(language).get_display_name() or language
