"""What the graph calls: methods of an object of the program. The stock is in its memory, so it forgets; yours will not."""

from __future__ import annotations

from trellis import ActionError, Dispatcher


class Stock:
    """So many of each product."""

    def __init__(self, items: dict[str, int]) -> None:
        self.items = items

    async def reserve(self, product: str, amount: int) -> str:
        if self.items.get(product, 0) < amount:
            raise ActionError("sold_out", f"{self.items.get(product, 0)} of {product} are left", retryable=False)
        self.items[product] -= amount
        return f"shelf {len(product)}"

    async def release(self, product: str, amount: int) -> None:
        self.items[product] += amount

    async def send(self, product: str, to: str) -> str:
        return f"{product}-for-{to}"

    def actions(self) -> Dispatcher:
        tools = Dispatcher()
        tools.action("stock.reserve")(self.reserve)
        tools.action("stock.release")(self.release)
        tools.action("parcel.send")(self.send)
        return tools


HOUSE = Stock({"tea": 10})
"""What `python:` in the graph names, for `trellis run` and `trellis resume`; app.py registers its own, and those win."""
reserve, release, send = HOUSE.reserve, HOUSE.release, HOUSE.send
