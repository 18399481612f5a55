"""The words everyone speaks: frozen data, JSON values, no behaviour with effects."""
