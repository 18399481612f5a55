"""A small sign for each kind of part, drawn in a square of twelve pixels: known without a font."""

from __future__ import annotations

ICONS = {
    "say": "M1 1.5h10v7H5L2.5 11V8.5H1z",
    "ask": "M6 .8a5.2 5.2 0 1 0 0 10.4A5.2 5.2 0 1 0 6 .8M4.4 4.6C4.4 2.6 7.6 2.7 7.6 4.6C7.6 5.8 6 5.7 6 7.1M6 8.7v.4",
    "do": "M6.8 .8L2 7h3.4L4.8 11.2L10 5H6.6z",
    "use": "M1 3.5h7.5V11H1zM3.5 3.5V1H11v7.5H8.5",
    "wait": "M2 1h8M2 11h8M3 1c0 3 2.4 3.6 3 5c.6-1.4 3-2 3-5M3 11c0-3 2.4-3.6 3-5c.6 1.4 3 2 3 5",
    "emit": "M.8 5.4L11.2 1L8.4 11L5.6 7.2zM5.6 7.2L11.2 1",
    "end": "M2 2h8v8H2z",
    "pass": "M6 1L11 6L6 11L1 6z",
    "state": "M2 1v10.4M2 1.6h8.4L8 4.3l2.4 2.7H2",
    "collapsed": "M1 1h10v10H1zM6 3.4v5.2M3.4 6h5.2",
    "$end": "M1.5 6.5L4.6 9.5L10.5 2.8",
    "$fail": "M2.2 2.2L9.8 9.8M9.8 2.2L2.2 9.8",
    "$rollback": "M4.4 1.2L1.4 4.2L4.4 7.2M1.4 4.2H7.4A3.1 3.1 0 0 1 7.4 10.4H4",
}
"""Kind -> the path of its sign, to be stroked."""
