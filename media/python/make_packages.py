"""Takes jinja2 and markupsafe's pure-Python part from PyPI as they are, into this folder.

    python media/python/make_packages.py
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
JINJA = "jinja2==3.1.6"
MARKUPSAFE = "markupsafe==3.0.3"
# Of markupsafe's source distribution; its wheels are compiled.
PURE = ("src/markupsafe/__init__.py", "src/markupsafe/_native.py", "LICENSE.txt")

pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
with tempfile.TemporaryDirectory() as scratch:
    subprocess.run([*pip, scratch, JINJA], check=True)
    subprocess.run([*pip, scratch, "--no-binary", ":all:", MARKUPSAFE], check=True)
    wheel = next(Path(scratch).glob("jinja2-*.whl"))
    (HERE / wheel.name).write_bytes(wheel.read_bytes())
    made = [wheel.name]
    with tarfile.open(next(Path(scratch).glob("markupsafe-*.tar.gz"))) as archive:
        top = archive.getnames()[0].split("/")[0]
        (HERE / "markupsafe").mkdir(exist_ok=True)
        for name in PURE:
            file = archive.extractfile(f"{top}/{name}")
            target = Path("markupsafe") / Path(name).name
            (HERE / target).write_bytes(file.read())
            made.append(target.as_posix())

lines = [f"{hashlib.sha256((HERE / name).read_bytes()).hexdigest()}  {name}\n" for name in made]
(HERE / "SHA256SUMS").write_text("".join(lines))
