"""`python -m triptych.moe.native`: compiles the fused CPU operator and says where it lies."""

import sys

from triptych.moe.native.compiler import BuildFailed, build

if __name__ == "__main__":
    try:
        print(f"the fused CPU operator is in {build(print).parent}")
    except BuildFailed as error:
        sys.exit(f"cannot compile the fused CPU operator: {error}")
