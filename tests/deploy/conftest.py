"""What the tests of the image and of the stack share: the image's steps, run once."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from image import Image, build


@pytest.fixture(scope="session", name="image")
def _image() -> Iterator[Image]:
    """Give what the Dockerfile's steps make, in a scratch folder that a cage can see."""
    folder = Path(
        tempfile.mkdtemp(prefix="ct-ac-sync-image-", dir="/var/tmp" if Path("/var/tmp").is_dir() else None)
    )
    folder.chmod(0o755)
    yield build(folder)
    shutil.rmtree(folder, ignore_errors=True)
