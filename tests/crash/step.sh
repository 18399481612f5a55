#!/bin/sh
# One step: its effect is a folder named by the idempotency key, made once; every delivery is a line in `deliveries`.
key=$(echo "$TRELLIS_IDEMPOTENCY_KEY" | tr / _)
echo "$key" >> "$1/deliveries"
mkdir "$1/$key" 2>/dev/null
echo "$2"
