"""Check the way to the service of each target, the key, and the clock."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eisync.adapters import clock
from eisync.adapters.client import probe
from eisync.adapters.client.probe import ANSWER_S, CONNECT_S, NotStudioError, Way
from eisync.adapters.client.service import Endpoints, transport_to, trusted_by
from eisync.adapters.client.studio import Studio
from eisync.adapters.client.transport import ServiceTimes, Transport
from eisync.adapters.process import apart
from eisync.app.doctor.jobs import Job, waited
from eisync.app.doctor.local import Known
from eisync.app.loops import USER_AGENT, endpoints_of
from eisync.core.clock_step import ClockReading
from eisync.core.doctor import key as key_rules
from eisync.core.doctor import network
from eisync.core.doctor.finding import Finding, Verdict, not_checked
from eisync.core.doctor.network import Distrust, Failure
from eisync.errors import ConfigurationError, KeyRefusedError, StudioError, TransitError
from eisync.paths import proxy_variables
from eisync.settings import KeySource, Settings, Target, find_key

KEY_INFO = "/api/projects/api-key-info"
"""What a service without a fault answers at once, also to a request without a key."""

DNS_S = 8.0
WAY_S = 30.0
KEY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """What the checks of all targets share. `known` waits for what the index and a running process say."""

    settings: Settings
    api_key_file: str | None
    known: Callable[[], Known]
    times: ServiceTimes

    def jobs(self) -> Iterator[Job]:
        """Yield the checks: each address once, each target, then the clock."""
        ways: dict[tuple[str, str, bool], Job] = {}
        for target in self.settings.targets:
            endpoints = endpoints_of(self.settings, target.name)
            for url, path in ((endpoints.studio_url, KEY_INFO), (endpoints.ingestion_url, "")):
                place = (url, endpoints.ca_file or "", endpoints.trusts_system)
                if place not in ways:
                    ways[place] = self._way(url, path, endpoints)
                    yield ways[place]
            studio = ways[endpoints.studio_url, endpoints.ca_file or "", endpoints.trusts_system]
            yield self._target(target, endpoints, studio)
        every = list(ways.values())
        yield Job("clock", "", lambda: self._clock(every), within_s=WAY_S)

    def _way(self, url: str, path: str, endpoints: Endpoints) -> Job:
        def make() -> Iterator[Finding]:
            trust = Trust(trusted_by(endpoints), _trust_of(endpoints))
            yield from steps_to(url, path, self._transport(endpoints), trust)

        return Job("connection", url, make, within_s=WAY_S)

    def _target(self, target: Target, endpoints: Endpoints, studio: Job) -> Job:
        def make() -> Iterator[Finding]:
            source = self._source(target)
            if isinstance(source, Finding):
                yield source
                yield not_checked("key", "there is none to try", about=target.name)
                return
            yield key_rules.place(
                target.name, source.describe(), source.warning(), is_usual=source.read().startswith("ei_")
            )
            if not studio.is_fine():
                yield key_rules.untried(target.name)
                return
            asked = Studio(self._transport(endpoints), endpoints.studio_url, (CONNECT_S, ANSWER_S), source.read)
            yield from self._key(target.name, asked)

        return Job("key", target.name, make, within_s=KEY_S)

    def _source(self, target: Target) -> KeySource | Finding:
        try:
            source = find_key(target, api_key_file=self.api_key_file, own_first=len(self.settings.targets) > 1)
            source.read()
        except ConfigurationError as error:
            if self.known().live is not None:
                return key_rules.of_daemon(target.name, str(error))
            return key_rules.no_key(target.name, str(error))
        return source

    def _key(self, target: str, studio: Studio) -> Iterator[Finding]:
        try:
            opened, role = probe.key(studio)
        except KeyRefusedError as error:
            yield key_rules.refused(target, str(error))
            return
        except StudioError as error:
            yield key_rules.unusable(target, str(error))
            return
        except NotStudioError as error:
            yield key_rules.not_studio(target, studio.url, str(error))
            return
        except TransitError as error:
            yield key_rules.unanswered(target, str(error))
            return
        yield key_rules.accepted(target, opened, role)
        yield self._listing(target, studio, opened)
        known = self.known()
        if known.status is None and not known.is_new:
            yield not_checked("project", "the index cannot be asked which project it knows", about=target)
        else:
            projects = {one["name"]: one["project_id"] for one in (known.status or {}).get("targets", ())}
            yield key_rules.project(target, opened, projects.get(target))

    def _listing(self, target: str, studio: Studio, project_id: int) -> Finding:
        if not self.settings.reconcile.enabled:
            return not_checked("listing", "reconcile.enabled = false: eisync lists nothing", about=target)
        try:
            return key_rules.listing(target, probe.samples(studio, project_id))
        except (StudioError, KeyRefusedError) as error:
            return key_rules.no_listing(target, str(error))
        except TransitError as error:
            return not_checked("listing", str(error), about=target)

    def _clock(self, ways: list[Job]) -> Iterator[Finding]:
        for way in ways:
            way.is_fine()  # waits for its answer
        yield network.clock(self.times.service_times(), ClockReading(clock.now(), clock.steady()))

    def _transport(self, endpoints: Endpoints) -> Transport:
        return transport_to(endpoints, user_agent=USER_AGENT, on_date=self.times.note)


@dataclass(frozen=True, slots=True)
class Trust:
    """Which certificates are trusted, as `Transport` takes it, and in words."""

    verify: str | bool
    words: str


def steps_to(url: str, path: str, transport: Transport, trust: Trust) -> Iterator[Finding]:
    """Yield each step of the way to `url`, up to the first that fails. The last one asks for `path` below it."""
    way = probe.way_to(url, proxy_variables())
    host, first, is_proxy = str(way.place), way.first, way.proxy is not None
    yield network.route(way.route)
    if way.route.trouble is not None:
        yield from _skipped(host, "the proxy cannot be used", "dns", "connection", "tls", "answer")
        return
    found = waited(apart(lambda: probe.addresses(first)), DNS_S) or Failure(f"no answer within {DNS_S:.0f} s")
    if isinstance(found, Failure):
        yield network.no_names(first.host, found.reason, is_proxy=is_proxy)
        yield from _skipped(host, "its name has no address", "connection", "tls", "answer")
        return
    yield network.names(first.host, found, is_proxy=is_proxy)
    took_s = probe.connection(first)
    if isinstance(took_s, Failure):
        yield network.not_connected(str(first), took_s.reason, is_proxy=is_proxy)
        yield from _skipped(host, "there is no connection", "tls", "answer")
        return
    yield network.connected(str(first), took_s, is_proxy=is_proxy)
    secure = _tls(way, trust)
    yield secure
    if secure.verdict is Verdict.FAULT:
        yield from _skipped(host, "there is no secure connection", "answer")
        return
    answered = probe.answer(transport, url + path)
    yield network.no_answer(host, answered.reason) if isinstance(answered, Failure) else network.answer(host, answered)


def _tls(way: Way, trust: Trust) -> Finding:
    host = str(way.place)
    if not way.route.is_tls:
        return network.without_tls(host)
    if not way.can_tunnel:
        return not_checked("tls", "behind a proxy of this kind the certificate cannot be read", about=host)
    found = probe.certificate(way, trust.verify)
    if isinstance(found, Failure):
        return network.no_tls(host, found.reason)
    if isinstance(found, Distrust):
        return network.distrusted(host, found, trust=trust.words)
    return network.certificate(host, found, clock.now())


def _skipped(host: str, why: str, *checks: str) -> Iterator[Finding]:
    yield from (not_checked(check, why, about=host) for check in checks)


def _trust_of(endpoints: Endpoints) -> str:
    if endpoints.ca_file is not None:
        return f"ca_file = {endpoints.ca_file}"
    return (
        "this system's certificates" if endpoints.trusts_system else "the certificates bundled with Python's requests"
    )
