"""The course in a browser: nothing sticks out at the width of a telephone or of a screen."""

import json
import re
import shutil
import subprocess
from urllib.parse import unquote

import pytest

from derive.course import FOLDER, OPERATIONS
from derive.course.page import course_file
from derive.ops import shipped
from derive.pipeline import site_files

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
# The page measures itself: what is wider than the window, and in no box that scrolls.
PROBE = """
addEventListener('load', () => {
  const wide = document.documentElement.clientWidth, out = [];
  const scrolls = e =>
    e && (getComputedStyle(e).overflowX != 'visible' || scrolls(e.parentElement));
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (box.width && box.right > wide + 1 && !scrolls(e.parentElement))
      out.push(e.tagName + ' ' + e.textContent.slice(0, 60));
  }
  const cut = [...document.querySelectorAll('.equations, .numbered')]
    .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.slice(0, 60));
  const found = {scroll: document.documentElement.scrollWidth, wide, out, cut};
  document.body.innerHTML = '<p>@@' + encodeURIComponent(JSON.stringify(found)) + '@@</p>';
});
"""
FRAME = """<!DOCTYPE html><iframe src="probe.html" width="{width}" height="900"></iframe>
<script>addEventListener('load', () => setTimeout(() => {{
  document.body.innerText =
    document.querySelector('iframe').contentDocument.body.innerText; }}, 500));</script>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("gallery")
    for output in (course_file(), *site_files({**shipped(), FOLDER: OPERATIONS})):
        (root / str(output.path)).write_text(output.text, encoding="utf-8")
    return root


@pytest.mark.skipif(BROWSER is None, reason="there is no browser")
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["index.html", "operations.html"])
def test_nothing_sticks_out(site, name, width):
    """In a frame, for a window without one is never narrower than 500 pixels."""
    markup = (site / name).read_text(encoding="utf-8")
    probed = markup.replace("</body>", f"<script>{PROBE}</script></body>")
    (site / "probe.html").write_text(probed, encoding="utf-8")
    (site / "frame.html").write_text(FRAME.format(width=width), encoding="utf-8")
    run = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
         "--virtual-time-budget=9000", "--window-size=1400,1000", "--enable-logging=stderr",
         "--v=0", "--dump-dom", (site / "frame.html").as_uri()],
        capture_output=True, encoding="utf-8", timeout=180,
    )  # fmt: skip
    (said,) = re.findall("@@(.*?)@@", run.stdout)
    found = json.loads(unquote(said))
    assert found["out"] == [] and found["cut"] == []
    assert found["scroll"] <= found["wide"] <= width
    assert "CONSOLE" not in run.stderr
