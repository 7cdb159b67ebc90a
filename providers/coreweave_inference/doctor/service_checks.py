"""Checks of the service, of what the state records, and of gateways."""

from __future__ import annotations

from coreweave_inference.api.completions import Exchange
from coreweave_inference.errors import (
    Forbidden,
    ServiceUnavailable,
    SettingsError,
    Throttled,
    Unauthorized,
    Unreachable,
    plural,
)
from coreweave_inference.fleet.routes import COREWEAVE
from coreweave_inference.status.computed import State

from .check import Check, Outcome, Problem, Problems, Skip
from .probes import connects, resolves
from .running import GatewaySubject, Running

STATUS_PAGE = "the service itself; wait, and see its status page or support if it lasts"


def api_dns(running: Running) -> str:
    """The API's name resolves."""
    return resolves(running.settings.endpoint, running.environ)


def api_tls(running: Running) -> str:
    """The API's certificate holds."""
    return connects(running.settings.endpoint, running.clock, running.environ)


def api_answers(running: Running) -> str:
    """The lists can be had."""
    endpoint, source = running.settings.endpoint, running.settings.token_source
    try:
        lists = running.lists
    except Unauthorized as error:
        raise Problem(
            f"the service does not accept the token from {source} ({error.message.partition(';')[0]})",
            f"make a new token in the Cloud Console, and set {source}; no quotes or spaces around it",
        ) from None
    except Forbidden as error:
        raise Problem(
            f"the token from {source} may not list objects ({error.message})",
            "give it the role Inference Viewer or Inference Admin (docs/access.md)",
        ) from None
    except Unreachable as error:
        raise Problem(
            f"{endpoint} gives no answer", "check network, proxy and endpoint", why=str(error)
        ) from None
    except (ServiceUnavailable, Throttled) as error:
        raise Problem(f"{endpoint} answers {error.status}", STATUS_PAGE, why=error.message) from None
    return ", ".join(plural(len(items), kind.noun) for kind, items in lists.items())


def objects_there(running: Running) -> str:
    """What the state records is in the account."""
    if running.recorded is None:
        raise Skip("no stack: everything in the account is read")
    missing = [item for item in running.shown if item.id not in running.by_id]
    if missing:
        raise Problems(
            Problem(
                "is in the state and not in the account: it was deleted outside, or the token is another account's",
                "see `cw-inference preview`; `cw-inference up` creates it again",
                subject=item.label,
            )
            for item in missing
        )
    return plural(len(running.shown), "object")


def gateway_exists(subject: GatewaySubject) -> str:
    """A gateway that a deployment names is there."""
    if subject.live is None:
        raise Problem(
            f"gateway {subject.id}, which deployments name, is not in the account",
            "declare a gateway that exists (`gateways` of the deployment), and run `cw-inference up`",
        )
    return subject.live.name


def gateway_ready(subject: GatewaySubject) -> str:
    """A gateway is READY and has an endpoint."""
    assert subject.live is not None
    found = subject.running.state_of(subject.live)
    if found.state is State.CURRENT:
        return ", ".join(subject.live.endpoints)
    if found.state is State.IN_PROGRESS and subject.live.status != "READY":
        raise Problem(
            f"is {subject.live.status}: {found.reason}",
            "wait: `cw-inference status --watch` shows when it is READY",
            outcome=Outcome.IN_PROGRESS,
        )
    reason = found.reason or subject.live.status
    raise Problem(
        f"has failed: {reason}" if found.state is State.FAILED else f"has no endpoint to call ({reason})",
        "see its conditions in `cw-inference status`; `cw-inference up` sends its spec again",
    )


def gateway_dns(subject: GatewaySubject) -> str:
    """The gateway's name resolves."""
    return ", ".join(resolves(url, subject.running.environ) for url in _endpoints(subject))


def gateway_tls(subject: GatewaySubject) -> str:
    """The gateway's certificate holds."""
    return ", ".join(
        connects(url, subject.running.clock, subject.running.environ) for url in _endpoints(subject)
    )


def gateway_auth(subject: GatewaySubject) -> str:
    """The gateway accepts the key."""
    exchange = _models(subject)
    route = subject.route
    assert route is not None
    source = subject.running.settings.token_source if route.key == COREWEAVE else "WANDB_API_KEY"
    if exchange.status == 401:
        raise Problem(
            f"the gateway does not accept the key from {source} ({exchange.error})",
            f"set {source} to a key of the organization that owns the gateway",
        )
    if exchange.status == 403:
        ranges = ((subject.live.spec if subject.live else {}).get("endpointConfiguration") or {}).get(
            "allowedSourceIpRanges"
        )
        limited = f"; it only lets in {', '.join(map(str, ranges))}" if ranges else ""
        raise Problem(
            f"the gateway refuses this caller ({exchange.error}){limited}",
            f"set {source} to a key of the organization that owns the gateway, or call from an allowed address",
        )
    return f"accepts the key from {source}"


def gateway_route(subject: GatewaySubject) -> str:
    """The gateway's OpenAI routes are there."""
    exchange = _models(subject)
    route = subject.route
    assert route is not None
    if exchange.status >= 500:
        raise Problem(
            f"GET {route.models_url} answers {exchange.status} ({exchange.error})",
            "run `cw-inference doctor` again in a minute; if it lasts, give support the request and its time",
        )
    found = exchange.document
    if exchange.status != 200 or found is None or not isinstance(found.get("data"), list):
        kind = exchange.headers.get("content-type", "no content type")
        raise Problem(
            f"GET {route.models_url} answers {exchange.status} ({kind}), not a list of models: {exchange.text[:100]}",
            "something between this machine and the gateway answers, or the gateway's routing is another one: compare "
            "`pathBasedRouting`, `headerBasedRouting` and `bodyBasedRouting` in `cw-inference status --json` and the declaration",
        )
    subject.running.reachable.add(subject.id)
    return route.base_url


def _models(subject: GatewaySubject) -> Exchange:
    route = subject.route
    if route is None:
        raise Skip("it has no endpoint")
    try:
        client = subject.running.reads.client(route)
    except SettingsError as error:
        raise Skip(f"unproven: {error}") from None
    try:
        return client.models(route)
    except Unreachable as error:
        raise Problem(
            f"{route.endpoint} gives no answer", "check network, firewall and proxy", why=str(error)
        ) from None


def _endpoints(subject: GatewaySubject) -> tuple[str, ...]:
    return tuple(subject.live.endpoints) if subject.live else ()


def service_checks(retry_seconds: float) -> tuple[Check[Running], ...]:
    """Of the Inference API and the state."""
    return (
        Check(
            "api-dns",
            "the name of the Inference API resolves",
            api_dns,
            fatal=True,
            retry_seconds=retry_seconds,
        ),
        Check(
            "api-tls",
            "the certificate of the Inference API holds",
            api_tls,
            fatal=True,
            retry_seconds=retry_seconds,
        ),
        Check("api-answers", "the Inference API answers this token", api_answers, fatal=True),
        Check("objects-exist", "what the state records is in the account", objects_there),
    )


def gateway_checks(retry_seconds: float) -> tuple[Check[GatewaySubject], ...]:
    """Of one gateway."""
    return (
        Check("gateway-exists", "the gateway is in the account", gateway_exists, fatal=True),
        Check("gateway-ready", "the gateway is READY and has an endpoint", gateway_ready, fatal=True),
        Check(
            "gateway-dns",
            "the name of its endpoint resolves",
            gateway_dns,
            fatal=True,
            retry_seconds=retry_seconds,
        ),
        Check("gateway-tls", "its certificate holds", gateway_tls, fatal=True, retry_seconds=retry_seconds),
        Check("gateway-auth", "it accepts the key", gateway_auth, fatal=True, retry_seconds=retry_seconds),
        Check(
            "gateway-route",
            "its OpenAI routes are there",
            gateway_route,
            fatal=True,
            retry_seconds=retry_seconds,
        ),
    )
