#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE on the server TEMPORAL_ADDRESS, where it is missing.
# Where the server does not answer yet, this fails, and is started again.
set -eu
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 \
  || temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 72h
