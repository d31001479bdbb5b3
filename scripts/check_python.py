"""Says, before anything is installed, what a Python lacks; exit code 2 if it lacks something."""

import sys

try:
    import ensurepip  # noqa: F401
    import venv  # noqa: F401
except ImportError:
    version = ".".join(map(str, sys.version_info[:2]))
    sys.exit(
        print(
            f"this Python has no venv. On Debian and Ubuntu: apt-get install python{version}-venv;"
            " elsewhere install a complete Python and name it: make PYTHON=/path/to/python3 setup"
        )
        or 2
    )
