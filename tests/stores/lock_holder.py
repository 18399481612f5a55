"""A program that holds a lock, and tells on stdout what it knows of it: `lock_holder.py URL KEY TTL`.

A line on stdin asks whether the lease is lost; the end of stdin ends the block.
"""

from __future__ import annotations

import asyncio
import sys

from trellis.errors import LeaseLost
from trellis.stores.locks import open_locker


async def main(url: str, key: str, ttl: float) -> None:
    locker = open_locker(url)
    loop = asyncio.get_running_loop()
    try:
        async with locker.lock(key, ttl) as lease:
            print("held", lease.token, flush=True)
            while await loop.run_in_executor(None, sys.stdin.readline):
                print("lost" if lease.lost else "mine", lease.token, flush=True)
        print("freed", flush=True)
    except LeaseLost as error:
        print("LeaseLost", error.token, flush=True)
    finally:
        await locker.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
