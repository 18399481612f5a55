"""The program around the graph: stop it wherever you like, and start it again; the order goes on where it was.

python app.py
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from actions import Stock

from trellis import Host, Outcome, load

GRAPH = Path(__file__).with_name("graph.yaml")


async def order(host: Host, id: str, product: str, amount: int) -> Outcome:
    """Start the order, or go on with it, and pay once it waits for that."""
    run = await host.start(load(GRAPH), {"product": product, "amount": amount}, id=id)
    async for line in run.events():
        if line["type"] == "say":
            print(line["text"])
            await run.signal("paid", by="ana")
    return await run.result()


async def main() -> None:
    stock = Stock({"tea": 10})
    async with Host("sqlite:///orders.db", stock.actions()) as host:
        outcome = await order(host, "order-1", "tea", 2)
    print(outcome.status, outcome.result)


if __name__ == "__main__":
    asyncio.run(main())
