"""The pages of members as routers: their dependencies, and how large a form may be."""

from typing import Any, Final, TypeVar

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from web.auth.cookies import Cookies
from web.auth.journey import Journeys
from web.auth.member_context import MemberContext
from web.auth.read_only import read_only_guard
from web.auth.signed_in import provide_asked, provide_here, provide_me, provide_my_form
from web.member_services import MemberServices
from web.pages import (
    account,
    faces,
    follow,
    kept_list,
    leave,
    member_page,
    messages,
    newcomers,
    proof_file,
    prove,
    prove_links,
    publish,
    published,
    run_news,
    runs,
    sign_in,
    sign_in_return,
)
from web.pages.uploads import max_form_bytes
from web.rendering import Renderer
from web.services import Services

MAX_FORM_BYTES: Final = 64 * 1024

T = TypeVar("T")


def member_routes(services: Services, renderer: Renderer) -> list[Router]:
    """Returns the routers of members; none where the instance was started without members, as some tests do."""
    if services.members is None:
        return []
    settings = services.settings
    context = MemberContext(services, services.members, Cookies(is_https=settings.is_https), renderer)
    guards = [read_only_guard(services.instance)]
    dependencies = {
        "context": _given(context),
        "journeys": _given(Journeys(services.members, services.instance, services.clock, settings.base_url)),
        "me": Provide(provide_me),
        "my_form": Provide(provide_my_form),
        "asked": Provide(provide_asked),
        "here": Provide(provide_here),
        "streams": _given(run_news.Streams(services.counting.share_of(run_news.MAX_STREAMS))),
    }
    return [
        Router(
            "/",
            route_handlers=[kept_list.kept_list_page, kept_list.keep_list, *_plan_pages(services.members)],
            dependencies=dependencies,
            guards=guards,
            request_max_body_size=max_form_bytes(settings),
        ),
        Router(
            "/",
            route_handlers=[
                sign_in.sign_in,
                sign_in.start_sign_in,
                sign_in_return.callback,
                sign_in_return.answer,
                sign_in.client_metadata,
                sign_in.client_keys_document,
                account.account,
                account.unlink,
                account.show_on_page,
                account.withdraw,
                account.consent,
                account.end_session,
                account.sign_out,
                account.export,
                kept_list.agree_to_keep,
                kept_list.delete_list,
                messages.choose,
                messages.stop_mine,
                messages.resume,
                messages.stop_page,
                messages.stop,
                prove.prove,
                prove.sentence,
                prove.new_sentence,
                prove.submit_post,
                prove.progress,
                prove.left_x,
                prove_links.links_page,
                prove_links.make_page,
                prove_links.check_links,
                publish.publish_page,
                publish.publish,
                published.published_page,
                published.published_state,
                proof_file.proof_file,
                leave.leave_page,
                leave.leave,
                member_page.member_page,
                runs.runs_page,
                runs.run_page,
                runs.run_picture,
                runs.permit,
                runs.act_on_run,
                run_news.run_news,
                faces.face,
                newcomers.choose_for_newcomers,
            ],
            dependencies=dependencies,
            guards=guards,
            request_max_body_size=MAX_FORM_BYTES,
        ),
    ]


def _plan_pages(members: MemberServices) -> list[ControllerRouterHandler]:
    """Returns the pages whose forms hold a whole list; none where nobody is followed."""
    return [follow.follow_page, follow.follow] if members.follows.is_on else []


def _given(value: T) -> Provide:
    def provide() -> Any:
        return value

    return Provide(provide, sync_to_thread=False, use_cache=True)
