"""The way to a server that wants TLS, a client certificate and an API key: by the variables and the file that Temporal's own
tools read. What is amiss with them is said in a sentence, and none of them is ever shown."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.console import LIMIT_S, environment, trellis
from tests.hosts.authored import graph
from tests.temporal.guarded import NAME, Authority, Guarded, guarded
from tests.temporal.stage import ASK, SUM
from tests.temporal.test_host import tools
from tests.temporal.test_worker_command import SHOP
from trellis import Host, load
from trellis.errors import StoreUnavailable
from trellis.hosts.commands import CancelRun
from trellis.hosts.temporal.address import _unreached, connect, read_address
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.worker import TemporalWorker, _said

CERTIFICATE, KEY, CA = (f"TEMPORAL_TLS_{name}_PATH" for name in ("CLIENT_CERT", "CLIENT_KEY", "SERVER_CA_CERT"))
CONFIGURATION = "Temporal's configuration cannot be"
NOBODY = "no Temporal server answers there"
LACKS = "Request unauthorized; TEMPORAL_API_KEY or the client certificate is missing, wrong, expired, or good for less"
BOTH = f"set {CERTIFICATE} and {KEY}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TEMPORAL_"):
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def url_of(server: Guarded, queue: str = "none") -> str:
    return f"temporal://{server.address}/default?queue={queue}"


async def refused(url: str) -> str:
    """Why there is no way in, without the place that it names."""
    with pytest.raises(StoreUnavailable) as refused:
        await connect(read_address(url))
    assert "\n" not in str(refused.value)
    return str(refused.value).partition(": ")[2]


def test_worker_command_and_program_come_in_and_what_they_came_in_with_is_nowhere(
    server: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trellis.toml").touch()
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "shop_tools.py").write_text("def price(item):\n    return len(item)\n")
    works, asks = server.environment("admin"), server.environment("write", TEMPORAL_TLS_SERVER_NAME=NAME)
    (tmp_path / "profiles.toml").write_text(
        f"[profile.there]\naddress = '{server.address}'\nnamespace = 'default'\napi_key = '{asks['TEMPORAL_API_KEY']}'\n"
        f"[profile.there.tls]\nserver_ca_cert_path = '{asks[CA]}'\n"
        f"client_cert_path = '{asks[CERTIFICATE]}'\nclient_key_path = '{asks[KEY]}'\n"
    )
    queue, run = f"work-{secrets.token_hex(4)}", f"shop-{secrets.token_hex(4)}"
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", "worker", "--temporal", server.address, "--queue", queue, "shop.yaml"],
        cwd=tmp_path, env=environment(**works), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said == f"worker {process.pid} serves {url_of(server, queue)}\n"
        profile = {"TEMPORAL_CONFIG_FILE": str(tmp_path / "profiles.toml"), "TEMPORAL_PROFILE": "there"}
        on = f"temporal:///?queue={queue}"
        ran = trellis("run", "shop.yaml", "--on", on, "--id", run, "--headless", cwd=tmp_path, **profile)
        assert (ran.code, ran.out.splitlines()[-1:]) == (0, ["completed: 3"]), ran
        listed = trellis("runs", "ls", "--store", url_of(server, queue), cwd=tmp_path, **asks)
        assert (listed.code, run in listed.out) == (0, True), listed
        given(monkeypatch, asks)
        kept = asyncio.run(program(url_of(server, queue), tmp_path, run))
    finally:
        process.terminate()
        out, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out, err) == (0, "", "stopping; 0 calls under way\nstopped\n")
    shown = kept + "".join((said, out, err, ran.out, ran.err, listed.out, listed.err))
    private = [works["TEMPORAL_API_KEY"], asks["TEMPORAL_API_KEY"], asks[KEY], "BEGIN CERTIFICATE", "PRIVATE KEY"]
    assert [one for one in private if one in shown] == []


async def program(url: str, folder: Path, before: str) -> str:
    """Another run of the shop; all that the server keeps of both, as text."""
    async with asyncio.timeout(LIMIT_S), Host(store=url) as host:
        run = await host.start(load(str(folder / "shop.yaml")))
        assert (await run.result()).result == 3
        client = await connect(read_address(url))
        handles = [client.get_workflow_handle(name) for name in (before, run.id)]
        kept = [
            (await each.fetch_history()).to_json() + str((await each.describe()).raw_description) for each in handles
        ]
    return "".join(kept)


def test_a_way_in_that_is_wrong_is_told_in_a_sentence(
    server: Guarded, temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "other")
    mine, theirs = other.certificate("mine")
    (rubbish := tmp_path / "rubbish.pem").write_text("rubbish\n")
    (broken := tmp_path / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
    trusts = f"{NOBODY}: its certificate is not trusted; {CA} names the CA that signed it"
    none = f"{CONFIGURATION} used: the client certificate ({CERTIFICATE}) is none"
    wrong = [
        ({CA: str(other.path)}, trusts),
        ({CA: str(rubbish)}, trusts),
        ({CA: "", "TEMPORAL_TLS": "true"}, trusts),
        ({CERTIFICATE: "/nowhere.pem"}, f"{CONFIGURATION} read: [Errno 2] No such file or directory: '/nowhere.pem'"),
        ({CERTIFICATE: str(rubbish)}, none),
        ({CERTIFICATE: str(broken)}, none),
        ({KEY: str(rubbish)}, f"{CONFIGURATION} used: the key of the client certificate ({KEY}) is none"),
        (
            {KEY: str(theirs)},
            f"{CONFIGURATION} used: the client certificate and its key ({KEY}) do not belong together",
        ),
        ({KEY: ""}, f"{CONFIGURATION} used: Must have both client cert and private key or neither"),
        (
            {"TEMPORAL_TLS_SERVER_NAME": "other.example"},
            f"{NOBODY}: its certificate is for another name; TEMPORAL_TLS_SERVER_NAME says which name it has",
        ),
        ({"TEMPORAL_PROFILE": "nope"}, f"{CONFIGURATION} read: Profile 'nope' not found"),
        (
            {"TEMPORAL_CONFIG_FILE": "/nowhere.toml"},
            f"{CONFIGURATION} read: TEMPORAL_CONFIG_FILE names '/nowhere.toml', which is not there",
        ),
        (
            {"TEMPORAL_TLS": "false"},
            f"{NOBODY}: the connection was lost; if it wants TLS, set TEMPORAL_TLS=true, and {CA} for a CA of your own",
        ),
    ]

    async def each() -> None:
        for variables, told in wrong:
            with monkeypatch.context() as patched:
                given(patched, server.environment("write"))
                for name, value in variables.items():
                    patched.setenv(name, value) if value else patched.delenv(name)
                assert (variables, await refused(url_of(server))) == (variables, told)
        for certificate in ({}, {CERTIFICATE: str(mine), KEY: str(theirs)}):
            with monkeypatch.context() as patched:
                given(patched, {CA: server.tls[CA], **certificate})
                told = await refused(
                    url_of(server)
                )  # the server closes the connection, and may be faster than its reason
                assert told.startswith(f"{NOBODY}: ")
                assert told.endswith((BOTH, f"look at {CERTIFICATE} and {KEY}"))
        with monkeypatch.context() as patched:
            given(patched, {"TEMPORAL_API_KEY": server.issuer.key("default:write")})
            assert await refused(f"temporal://{temporal_address}/default") == (
                f"{NOBODY}: it does not speak TLS, which an API key or TEMPORAL_TLS_… asks for unless TEMPORAL_TLS=false"
            )
            given(patched, {"TEMPORAL_TLS": "false"})
            await connect(read_address(f"temporal://{temporal_address}/default"))
            given(patched, {"TEMPORAL_API_KEY": ""})
            patched.delenv("TEMPORAL_TLS")
            await connect(read_address(f"temporal://{temporal_address}/default"))

    asyncio.run(each())


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        (False, f"if it wants TLS, set TEMPORAL_TLS=true, and {CA} for a CA of your own"),
        (True, f"if it wants a client certificate that it trusts, {BOTH}"),
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        'Status { code: Cancelled, message: "operation was canceled", source: Some(tonic::transport::Error(Transport, hyper::Error(Canceled, "connection closed"))) }',
        'Status { code: Unknown, message: "transport error", source: Some(tonic::transport::Error(Transport, hyper::Error(Io, Custom { kind: BrokenPipe, error: "stream closed because of a broken pipe" }))) }',
        'tonic::transport::Error(Transport, ConnectError(Custom { kind: UnexpectedEof, error: "tls handshake eof" }))',
    ],
    ids=["closed", "broken", "eof"],
)
def test_a_connection_that_was_lost_may_be_for_want_of_tls(text: str, tls: bool, told: str) -> None:
    failed = f"Failed client connect: `get_system_info` call error after connection: {text}"
    assert str(_unreached("temporal://h/n", "n", tls, failed)) == (
        f"store temporal://h/n: {NOBODY}: the connection was lost; {told}"
    )


def test_every_command_says_it_and_ends_as_others_do(server: Guarded, tmp_path: Path) -> None:
    (tmp_path / "asking.yaml").write_text(ASK)
    told = f"error: store temporal://{server.address}/default: not permitted in namespace 'default': {LACKS}\n"
    expired = {**server.tls, "TEMPORAL_API_KEY": server.issuer.key("default:write", lasts_s=-60)}
    url = url_of(server)
    for command in (
        ["run", "asking.yaml", "--on", url, "--headless"],
        ["worker", "--temporal", server.address],
        ["runs", "ls", "--store", url],
    ):
        done = trellis(*command, cwd=tmp_path, **expired)
        assert (done.code, done.out, done.err) == (2, "", told)


def test_a_key_that_is_missing_wrong_or_good_for_less_is_told(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = f"not permitted in namespace 'default': {LACKS}"
    good = server.issuer.key("default:write")
    forged = f"{good.rpartition('.')[0]}.{'A' * 342}"

    async def each() -> None:
        given(monkeypatch, server.tls)
        assert await refused(url_of(server)) == denied
        for key in ("wrong", forged, server.issuer.key("elsewhere:admin")):
            given(monkeypatch, {"TEMPORAL_API_KEY": key})
            assert await refused(url_of(server)) == denied
        given(monkeypatch, {"TEMPORAL_API_KEY": f"{good}\n"})
        assert await refused(url_of(server)) == (
            f"{CONFIGURATION} read: the API key has a line break in it, or another control character"
        )
        given(monkeypatch, {"TEMPORAL_API_KEY": server.issuer.key("default:read")})
        async with asyncio.timeout(LIMIT_S), TemporalHost(url_of(server)) as host:
            with pytest.raises(StoreUnavailable) as starts:
                await host.start(graph(SUM), {"a": 1, "b": 2})
            with pytest.raises(StoreUnavailable) as works:
                async with TemporalWorker(host._wire.client, "none"):
                    pass
        assert [str(error.value).partition(": ")[2] for error in (starts, works)] == [denied, denied]

    asyncio.run(each())


def test_a_key_that_expires_is_told_at_once_by_who_waits_for_a_run(
    server: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, server.environment("admin"))

    async def work() -> None:
        url = url_of(server, f"own-{secrets.token_hex(4)}")
        async with asyncio.timeout(LIMIT_S), Host(url, tools()) as host:
            run = await host.start(graph(ASK))
            async with TemporalHost(url) as client:
                other = await client.resume(run.id)
                # As though it had expired: a client keeps the key that it came in with.
                client._wire.client.api_key = server.issuer.key("default:write", lasts_s=-60)
                for asked in (
                    other.result(),
                    other.answer("ask", 44),
                    client.send(run.id, CancelRun("late")),
                    client._wire.view(run.id),
                ):
                    with pytest.raises(StoreUnavailable) as denied:
                        await asked
                    assert str(denied.value).partition(": ")[2] == f"not permitted in namespace 'default': {LACKS}"
            await run.answer("ask", 44)
            assert (await run.result()).result == 44

    asyncio.run(work())


@pytest.mark.soak
def test_a_worker_whose_key_expires_ends_with_the_reason(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, server.environment("admin"))

    async def work() -> None:
        client = await connect(read_address(url_of(server)))
        async with TemporalWorker(client, f"own-{secrets.token_hex(4)}"):
            client.api_key = server.issuer.key("default:write", lasts_s=-60)
            await asyncio.Event().wait()  # until the library, which asks for a minute, gives up

    with pytest.raises(StoreUnavailable) as denied:
        asyncio.run(asyncio.wait_for(work(), 5 * LIMIT_S))
    assert str(denied.value).partition(": ")[2] == f"not permitted in namespace 'default': {LACKS}"


def test_a_worker_that_the_server_lets_go_on_no_more_says_why(server: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, server.environment("read"))
    client = asyncio.run(connect(read_address(url_of(server))))
    polled = "Poll failure: Unhandled grpc error when polling: Status { code: "

    def told(status: str) -> str:
        with pytest.raises(StoreUnavailable) as ended, _said(client):
            raise RuntimeError("Activity worker failed") from RuntimeError(polled + status)
        return str(ended.value).partition(": ")[2]

    assert told('PermissionDenied, message: "Request unauthorized.", source: None }').endswith(LACKS)
    unknown = 'Internal, message: "no" }'
    assert told(unknown) == f"the worker cannot go on: {polled}{unknown}"


def test_a_configuration_that_cannot_be_read_shows_nothing_that_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text('[profile.default]\napi_key = "hidden\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    with pytest.raises(StoreUnavailable) as unread:
        asyncio.run(connect(read_address("temporal://127.0.0.1:1/default")))
    told = f"store temporal://127.0.0.1:1/default: {CONFIGURATION} read: TOML parse error at line 2, column 18"
    assert (str(unread.value), unread.value.__cause__, unread.value.__suppress_context__) == (told, None, True)
