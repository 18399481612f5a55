"""The published suites explain a failed comparison as tests do."""

import pytest

pytest.register_assert_rewrite("trellis.testing")
