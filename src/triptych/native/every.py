"""Compiling all that there is, for `make native`."""

import sys

from triptych.native.compiler import BuildFailed, libraries


def build_every() -> None:
    """Says where each operator lies, or ends the process with the reason in one line."""
    for library in libraries():
        try:
            print(f"the CPU operator of {library.panel} is in {library.build(print).parent}")
        except BuildFailed as error:
            sys.exit(f"cannot compile the CPU operator of {library.panel}: {error}")
