"""Checks of the token and the service before anything runs. Nothing is ever changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

from coreweave_inference.errors import (
    Forbidden,
    NotFound,
    Refused,
    ServiceUnavailable,
    SettingsError,
    Throttled,
    Unauthorized,
    Unreachable,
    plural,
)
from coreweave_inference.model.kinds import Kind
from coreweave_inference.network.connections import ca_file, proxy_for
from coreweave_inference.network.endpoints import is_loopback, without_password

from .check import Check, Outcome, Problem, Problems, Skip
from .probes import connects, resolves
from .setup import SetUp

APART_SECONDS = 60.0
TOO_FAR_SECONDS = 600.0
"""Object storage refuses signatures of a clock that is 15 minutes off; a token service may be stricter."""


def token(setup: SetUp) -> str:
    """There is a token, and an endpoint that it may be sent to."""
    try:
        found = setup.settings
        found.require_trusted()
    except SettingsError as error:
        raise Problem(str(error), "docs/settings.md says where token and endpoint come from") from None
    if found.conflicts:
        raise Problem(" ".join(found.conflicts), "unset the one that is not meant", outcome=Outcome.WARNING)
    return f"from {found.token_source}, for {found.endpoint} ({found.endpoint_source})"


def proxy_and_certificates(setup: SetUp) -> str:
    """Proxy and certificates of the environment can be used."""
    try:
        proxy, file = proxy_for(setup.settings.endpoint, setup.environ), ca_file(setup.environ)
    except SettingsError as error:
        raise Problem(str(error), "correct the variable, or unset it") from None
    return f"proxy {without_password(proxy) if proxy else 'none'}, certificates {file or 'of this machine'}"


def reachable(setup: SetUp) -> str:
    """The API's name resolves, it takes connections, and its certificate holds."""
    url = setup.settings.endpoint
    answers = []
    probes: tuple[Callable[[], str], ...] = (
        lambda: resolves(url, setup.environ),
        lambda: connects(url, setup.clock, setup.environ),
    )
    for probe in probes:
        try:
            answers.append(probe())
        except Skip as skip:
            answers.append(str(skip))
    return "; ".join(filter(None, answers))


def role(setup: SetUp) -> str:
    """The token may read, and may write: an empty change of an object that cannot exist is refused for another reason."""
    source = setup.settings.token_source
    try:
        setup.api.list(Kind.GATEWAY)
    except Unauthorized as error:
        raise Problem(
            f"the service does not accept the token from {source} ({error.message.partition(';')[0]})",
            f"set {source} to a new token",
        ) from None
    except Forbidden as error:
        raise Problem(
            f"the token from {source} may not read ({error.message})", "give it a role: docs/access.md"
        ) from None
    except (Unreachable, ServiceUnavailable, Throttled) as error:
        raise Problem(
            f"{setup.settings.endpoint} gives no usable answer",
            "check network, proxy and endpoint; where the service itself is down, wait",
            why=str(error),
        ) from None
    setup.answers = True
    try:
        setup.api.update(Kind.DEPLOYMENT, str(uuid.uuid4()), {})
    except Forbidden as error:
        raise Problem(
            f"the token from {source} may read and not write ({error.message})",
            "give it the role Inference Admin (docs/access.md); a preview needs no more than it has",
            outcome=Outcome.WARNING,
        ) from None
    except (NotFound, Refused):
        pass
    return "reads and writes"


def clock(setup: SetUp) -> str:
    """This machine's clock and the service's agree."""
    if is_loopback(urlsplit(setup.settings.endpoint).hostname or ""):
        raise Skip("the service is on this machine, and no other clock is asked")
    service_now = setup.api.service_time()
    if service_now is None:
        raise Skip("the service tells no time")
    return clocks(setup.clock.now() - service_now)


def clocks(apart: float) -> str:
    """What it means that this machine's clock is `apart` seconds ahead of the service's. Raises Problem."""
    if abs(apart) > APART_SECONDS:
        way = "ahead of" if apart > 0 else "behind"
        raise Problem(
            f"this machine's clock is {abs(apart):.0f} s {way} the service's",
            "set it (`timedatectl set-ntp true`): signatures for object storage are refused when it is off",
            outcome=Outcome.FAILED if abs(apart) > TOO_FAR_SECONDS else Outcome.WARNING,
        )
    return f"{abs(apart):.0f} s apart"


def quota_and_claims(setup: SetUp) -> str:
    """No claim of the account waits for quota or hardware."""
    waiting = [
        Problem(
            f"{found.pending_instances} of {plural(found.pending_instances + found.allocated_instances, 'instance')} pending",
            "what is declared beside it may wait too: ask for quota, or for another zone (`cw-inference catalog`)",
            why="; ".join(f"{c.reason} {c.message}".strip() for c in found.conditions if not c.status),
            subject=f'capacity claim "{found.name}"',
        )
        for found in setup.api.list(Kind.CAPACITY_CLAIM)
        if found.pending_instances
    ]
    if waiting:
        raise Problems(waiting)
    return "nothing is pending; the service publishes no quota, and refuses a claim over it with 429"


SERVICE: tuple[Check[SetUp], ...] = (
    Check("token", "there is a token, and an endpoint that it may be sent to", token, fatal=True),
    Check("proxy", "proxy and certificates can be used", proxy_and_certificates, fatal=True),
    Check("api-reachable", "the Inference API can be reached", reachable, fatal=True),
    Check("token-role", "the token reads and writes", role, fatal=True),
    Check("clock", "this machine's clock agrees with the service's", clock),
    Check("quota", "no claim waits for quota or hardware", quota_and_claims, warning=True),
)
