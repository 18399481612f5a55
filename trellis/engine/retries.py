"""Whether a failed attempt is tried again, and after how long. Temporal's retry policy, with jitter from the event."""

from __future__ import annotations

from trellis.model.graph import Retry


def delay_before(policy: Retry | None, attempt: int, code: str, *, retryable: bool, noise: float) -> float | None:
    """Seconds to wait after failed attempt number `attempt`; None: there is no next one.

    The wait is initial_interval * backoff_coefficient ** (attempt - 1), at most max_interval, then spread by
    ±jitter with `noise` in [0, 1).
    """
    if policy is None or not retryable or code in policy.non_retryable:
        return None
    if policy.max_attempts and attempt >= policy.max_attempts:
        return None
    longest = 100 * policy.initial_interval if policy.max_interval is None else policy.max_interval
    try:
        delay = min(policy.initial_interval * policy.backoff_coefficient ** (attempt - 1), longest)
    except OverflowError:  # attempt 2,000 of a policy that doubles
        delay = longest
    return delay * (1 + policy.jitter * (2 * noise - 1))
