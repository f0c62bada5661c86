"""Opens a report in headless Chromium at 375 and 1280 pixels, light and dark, as a person would.

Usage: python scripts/check_page.py report.html FOLDER

Writes a picture of each into the folder, and ends with 1 where the console said something or
axe-core found a fault. Needs chromium (Debian: apt-get install chromium) and npm, which brings
axe-core; both are too large for every run of the tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
from html import unescape
from pathlib import Path

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ASK = """
<script>%s</script><script>
axe.run(document, {runOnly: %s}).then(found => {
  const told = document.createElement("pre");
  told.id = "found";
  told.textContent = JSON.stringify(found.violations.map(one => [one.id, one.nodes[0].html]));
  document.body.appendChild(told);
});
</script></body>
"""
CHROMIUM = [
    *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
    *("--enable-logging=stderr", "--virtual-time-budget=15000"),
]


def axe() -> str:
    """The text of axe-core's script, from the npm registry."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", "axe-core"], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as files:
            script = files.extractfile("package/axe.min.js")
            assert script is not None
            return script.read().decode()


def main(page: Path, folder: Path) -> int:
    """How many faults were found, at most 1."""
    folder.mkdir(parents=True, exist_ok=True)
    text = page.read_text(encoding="utf-8")
    # The page forbids scripts; axe is one.
    open_text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    asked = folder / "asked.html"
    asked.write_text(open_text.replace("</body>", ASK % (axe(), json.dumps(RULES))))
    faults = 0
    for width, height in ((375, 5000), (1280, 3200)):
        for number, theme in enumerate(("dark", "light")):
            options = [
                f"--window-size={width},{height}",
                f"--blink-settings=preferredColorScheme={number}",
            ]
            picture = folder / f"{width}-{theme}.png"
            shot = [*CHROMIUM, *options, f"--screenshot={picture}", page.absolute().as_uri()]
            said = subprocess.run(shot, capture_output=True, text=True, check=True).stderr
            console = [line for line in said.splitlines() if "CONSOLE" in line]
            dump = [*CHROMIUM, *options, "--dump-dom", asked.absolute().as_uri()]
            html = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
            found = re.search(r'<pre id="found">(.*?)</pre>', html, re.DOTALL)
            violations = json.loads(unescape(found[1])) if found else [["axe did not answer", ""]]
            sys.stdout.write(f"{width} {theme}: {picture}\n")
            for fault in [*console, *(": ".join(one) for one in violations)]:
                faults = 1
                sys.stdout.write(f"  {fault}\n")
    return faults


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
