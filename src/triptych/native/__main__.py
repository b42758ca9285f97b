"""`python -m triptych.native`: compiles the CPU operators of all panels."""

from triptych.native.every import build_every

if __name__ == "__main__":
    build_every()
