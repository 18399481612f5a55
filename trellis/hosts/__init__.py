"""Hosts close the loop: an event is applied, its commit is awaited, its requests are dispatched, reports come back."""
