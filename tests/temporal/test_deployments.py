"""Which build of a deployment is current, on a real server."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from temporalio.client import Client

from trellis.hosts.temporal import deployments
from trellis.hosts.temporal.deployments import BUILD, take_over


def test_the_newest_semantics_becomes_current_by_itself_and_stays_when_an_older_one_comes(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[str]:
        client = await Client.connect(temporal_address)
        name = f"work-{secrets.token_hex(6)}"
        told = [await take_over(client, name), await take_over(client, name)]
        monkeypatch.setattr(deployments, "SEMANTICS", 12)
        monkeypatch.setattr(deployments, "BUILD", "trellis-12")
        told.append(await take_over(client, name))
        monkeypatch.setattr(deployments, "SEMANTICS", 9)
        monkeypatch.setattr(deployments, "BUILD", "trellis-9")
        told.append(await take_over(client, name))
        return told

    assert asyncio.run(asyncio.wait_for(main(), 30)) == [BUILD, BUILD, "trellis-12", "trellis-12"]
