import subprocess
import sys

SEEN = """
import gc
from triptych.garbage import lasting
inside = []
with lasting():
    {inside}
    inside.append(gc.isenabled())
print(inside[0], gc.isenabled(), gc.get_freeze_count() > 0)
"""


def seen(inside: str, before: str = "") -> list[str]:
    code = before + SEEN.format(inside=inside)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_nothing_is_collected_during_an_import_and_what_it_made_is_left_alone_later():
    assert seen("import decimal") == ["False", "True", "True"]


def test_where_nothing_new_is_imported_what_there_is_may_still_become_garbage():
    assert seen("import decimal", before="import decimal\n") == ["False", "True", "False"]


def test_a_collector_that_was_off_stays_off():
    assert seen("import decimal", before="import gc; gc.disable()\n")[1] == "False"


def test_an_import_that_fails_leaves_the_collector_on():
    inside = "try:\n        with lasting(): import no_such_module\n    except ImportError: pass"
    assert seen(inside)[1] == "True"
