#!/bin/sh
# One agent: NAME, seconds of work, exit status. Says what it found as JSON.
sleep "$2"
if [ "$3" != 0 ]; then
    echo "$1 has no dictionary" >&2
    exit "$3"
fi
printf '{"agent": "%s", "answer": "%s is done"}\n' "$1" "$1"
