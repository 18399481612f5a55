"""Rows of the list of edge cases fail with both sides shown, as tests do."""

import pytest

pytest.register_assert_rewrite("tests.machine.edge_cases")
