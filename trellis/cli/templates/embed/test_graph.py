"""The order in a test: nothing is kept, and a day passes at once."""

from __future__ import annotations

import asyncio

from actions import Stock
from app import GRAPH, order

from trellis import Host, Outcome, load
from trellis.testing import ManualClock


def test_an_order_that_is_paid_is_sent() -> None:
    stock = Stock({"tea": 10})

    async def story() -> Outcome:
        async with Host("memory://", stock.actions()) as host:
            return await order(host, "order-1", "tea", 2)

    outcome = asyncio.run(story())
    assert (outcome.status, outcome.result) == ("completed", "tea-for-ana")
    assert stock.items == {"tea": 8}


def test_an_order_that_nobody_pays_gives_the_stock_back_after_a_day() -> None:
    stock, clock = Stock({"tea": 10}), ManualClock()

    async def story() -> Outcome:
        async with Host("memory://", stock.actions(), clock=clock) as host:
            run = await host.start(load(GRAPH), {"product": "tea", "amount": 2})
            async for line in run.events():
                if line["type"] == "timer.set":
                    assert stock.items == {"tea": 8}
                    clock.advance(24 * 60 * 60)
            return await run.result()

    assert asyncio.run(story()).status == "rolled_back"
    assert stock.items == {"tea": 10}


def test_what_is_sold_out_is_an_outcome_and_no_exception() -> None:
    async def story() -> Outcome:
        async with Host("memory://", Stock({}).actions()) as host:
            return await order(host, "order-1", "tea", 2)

    assert asyncio.run(story()).status == "rolled_back"
