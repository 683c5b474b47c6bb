"""One more family, measure, source, dataset and experiment pass the tests that loop over them."""

from __future__ import annotations

import re
import sys

from tests.checkout import fresh_checkout, run
from tests.extended import FAMILY, NAMES, extend

# The tests that loop over registries, and of the slow ones those that see what is new.
ALL_OF = ("test_schema", "test_measures_registry")
OF_WHAT_IS_NEW = ("test_models", "test_sources", "test_code", "test_folder_model", "test_jobs")


def test_what_is_registered_is_tested_and_passes(tmp_path):
    checkout = fresh_checkout(tmp_path)
    extend(checkout)
    files = [f"tests/{name}.py" for name in (*ALL_OF, *OF_WHAT_IS_NEW)]
    # Learning by heart takes as long as all of the others together.
    chosen = f"({' or '.join((*ALL_OF, *NAMES))}) and not (by_heart and bits)"
    command = ["env", f"PYTHONPATH={checkout / 'src'}", sys.executable, "-m", "pytest", "-vv"]
    said = run([*command, "-n0", "-p", "no:cacheprovider", "-k", chosen, *files], checkout)
    passed = re.findall(r"::(\S+) PASSED", said)
    for name in NAMES:
        assert [test for test in passed if name in test], f"no test is of {name}"
    assert f"test_the_schema_has_a_familys_settings[{FAMILY}]" in passed
