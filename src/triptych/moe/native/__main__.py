"""`python -m triptych.moe.native`: the same as `python -m triptych.native`."""

from triptych.native.every import build_every

if __name__ == "__main__":
    build_every()
